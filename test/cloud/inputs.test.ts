import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { s3Inputs } from '../../shared/cloud/inputs.ts';
import { startDeployment } from '../support/deployment.ts';
import { temporaryFolder } from '../support/small-run.ts';

const deployment = await startDeployment();

describe.skipIf(!deployment)('inputs out of S3', () => {
  const deployed = deployment!;

  it('are of the version that is asked for, whatever has come since', async () => {
    const key = 'datasets/waves/train 1.hdf5';
    const first = await deployed.upload(key, 'first');
    await deployed.upload(key, 'second');
    const inputs = s3Inputs(deployed.s3, await temporaryFolder());
    const address = `s3://${deployed.bucket}/${key}`;
    const [pinned, newest] = await Promise.all([
      inputs.localPath(`${address}?versionId=${first}`),
      inputs.localPath(address),
    ]);
    expect(await readFile(pinned, 'utf8')).toBe('first');
    expect(await readFile(newest, 'utf8')).toBe('second');
    expect(basename(pinned)).toBe('train 1.hdf5');
    expect(inputs.withAddresses(`${pinned}: cut off`)).toBe(`${address}?versionId=${first}: cut off`);
  });

  it('are fetched once, and again after a failure', async () => {
    const inputs = s3Inputs(deployed.s3, await temporaryFolder());
    const address = `s3://${deployed.bucket}/weights/late.safetensors`;
    await expect(inputs.localPath(address)).rejects.toMatchObject({ name: 'UserError' });
    await deployed.upload('weights/late.safetensors', 'here now');
    const path = await inputs.localPath(address);
    await deployed.upload('weights/late.safetensors', 'replaced');
    expect(await inputs.localPath(address)).toBe(path);
    expect(await readFile(path, 'utf8')).toBe('here now');
  });

  it('are all that lies in a folder, where the address ends with a slash', async () => {
    await deployed.upload('weights/bert/config.json', '{}');
    await deployed.upload('weights/bert/deep/model.safetensors', 'weights');
    const inputs = s3Inputs(deployed.s3, await temporaryFolder());
    const folder = await inputs.localPath(`s3://${deployed.bucket}/weights/bert/`);
    expect(basename(folder)).toBe('bert');
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{}');
    expect(await readFile(join(folder, 'deep/model.safetensors'), 'utf8')).toBe('weights');
    expect(inputs.withAddresses(`${folder}/config.json`)).toBe(`s3://${deployed.bucket}/weights/bert/config.json`);
    await expect(inputs.localPath(`s3://${deployed.bucket}/weights/none/`)).rejects.toThrow('nothing in this folder');
  });

  it('on this machine are left where they are', async () => {
    expect(await s3Inputs(deployed.s3, '/nowhere').localPath('/data/train.hdf5')).toBe('/data/train.hdf5');
  });
});
