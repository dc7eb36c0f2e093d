import { afterAll, describe } from 'vitest';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { describeArtifactStore } from '../conformance/artifact-store.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startMoto } from '../support/moto.ts';
import { newBucket, testClient } from '../support/s3.ts';

const moto = await startMoto();
const proxy = await startFaultProxy(moto?.url ?? 'http://127.0.0.1');
const client = testClient(proxy.url);
afterAll(async () => {
  client.destroy();
  await proxy.close();
  await moto?.stop();
});

describe.skipIf(!moto)('on moto', () => {
  describeArtifactStore('s3Store', async () => s3Store({ client, bucket: await newBucket(client) }));
});
