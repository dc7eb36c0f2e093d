import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { downloadInput } from '../../shared/cloud/download-input.ts';
import { s3Inputs } from '../../shared/cloud/inputs.ts';
import { uploadWeights } from '../../shared/cloud/upload.ts';
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

  it('are what a model is read from in a folder, where the address ends with a slash', async () => {
    await deployed.upload('weights/bert/config.json', '{}');
    await deployed.upload('weights/bert/model.safetensors', 'weights');
    await deployed.upload('weights/bert/pytorch_model.bin', 'the same weights');
    await deployed.upload('weights/bert/onnx/config.json', '{}');
    const inputs = s3Inputs(deployed.s3, await temporaryFolder());
    const folder = await inputs.localPath(`s3://${deployed.bucket}/weights/bert/`);
    expect(basename(folder)).toBe('bert');
    expect(await readFile(join(folder, 'config.json'), 'utf8')).toBe('{}');
    expect((await readdir(folder)).toSorted()).toEqual(['config.json', 'model.safetensors']);
    expect(inputs.withAddresses(`${folder}/config.json`)).toBe(`s3://${deployed.bucket}/weights/bert/config.json`);
    await expect(inputs.localPath(`s3://${deployed.bucket}/weights/none/`)).rejects.toThrow('nothing in this folder');
    await deployed.upload('weights/old/pytorch_model.bin', 'weights');
    await expect(inputs.localPath(`s3://${deployed.bucket}/weights/old/`)).rejects.toThrow(
      'holds no .safetensors file, but pytorch_model.bin',
    );
    await deployed.upload('weights/new/config.json', '{}');
    expect(await readdir(await inputs.localPath(`s3://${deployed.bucket}/weights/new/`))).toEqual(['config.json']);
  });

  it.each([
    ['datasets/big.hdf5', ['datasets/big.hdf5']],
    ['weights/big/', ['weights/big/config.json', 'weights/big/model.safetensors']],
  ])('are refused where there is no room for them, before any of it is fetched: %s', async (name, keys) => {
    for (const key of keys) await deployed.upload(key, new Uint8Array(4e5 / keys.length));
    const address = `s3://${deployed.bucket}/${name}`;
    const folder = await temporaryFolder();
    const fetched = downloadInput(deployed.s3, address, join(folder, 'big'), { freeBytes: async () => 3e5 });
    await expect(fetched).rejects.toThrow(`${address}: has 0.4 MB, more than the 0.3 MB that fit here`);
    expect(await readdir(folder)).toEqual([]);
  });

  it('that were sent in parts are compared with the checksum of the whole', async () => {
    const file = join(await temporaryFolder(), 'weights.safetensors');
    await writeFile(file, Buffer.alloc(12_000_000, 'parts '));
    const { key, address } = await uploadWeights(deployed, file);
    const head = new HeadObjectCommand({ Bucket: deployed.bucket, Key: key, ChecksumMode: 'ENABLED' });
    expect(await deployed.s3.send(head)).toMatchObject({
      ETag: expect.stringContaining('-3'),
      ChecksumType: 'FULL_OBJECT',
    });
    const path = await s3Inputs(deployed.s3, await temporaryFolder()).localPath(address);
    expect((await readFile(path)).equals(await readFile(file))).toBe(true);
  });

  it('on this machine are left where they are', async () => {
    expect(await s3Inputs(deployed.s3, '/nowhere').localPath('/data/train.hdf5')).toBe('/data/train.hdf5');
  });
});
