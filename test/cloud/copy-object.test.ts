import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { copyObject } from '../../shared/cloud/copy-object.ts';
import { mebibyte, startTestS3 } from '../support/s3.ts';

const s3 = await startTestS3();
const partBytes = 5 * mebibyte;

it.skipIf(!s3)('copies objects whole, larger ones in parts, whatever their key', async () => {
  const { client, newBucket, unfinishedUploads } = s3!;
  const bucket = await newBucket();
  const store = s3Store({ client, bucket });
  for (const size of [0, 1, partBytes, partBytes + 1, 2 * partBytes + 7]) {
    const bytes = new Uint8Array(randomBytes(size));
    await store.put('from/a key + ü.hdf5', bytes);
    await copyObject(client, { bucket, key: 'from/a key + ü.hdf5' }, { target: `to/${size}`, size, partBytes });
    expect(Buffer.from((await store.get(`to/${size}`))!.bytes).equals(bytes)).toBe(true);
  }
  expect(await unfinishedUploads(bucket)).toEqual([]);
});

it.skipIf(!s3)('leaves nothing where it fails', async () => {
  const { client, newBucket, unfinishedUploads, proxy } = s3!;
  const bucket = await newBucket();
  const store = s3Store({ client, bucket });
  const size = 2 * partBytes;
  await store.put('from', new Uint8Array(size));
  proxy.play(({ operation, url }) =>
    operation === 'UploadPart' && url.includes('partNumber=2')
      ? { kind: 'refuse', status: 403, code: 'AccessDenied' }
      : undefined,
  );
  await expect(copyObject(client, { bucket, key: 'from' }, { target: 'to', size, partBytes })).rejects.toThrow();
  expect(await store.get('to')).toBeUndefined();
  expect(await unfinishedUploads(bucket)).toEqual([]);
});
