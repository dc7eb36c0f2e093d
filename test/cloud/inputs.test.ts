import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { downloadInput } from '../../shared/cloud/download-input.ts';
import { s3Inputs } from '../../shared/cloud/inputs.ts';
import { uploadWeights } from '../../shared/cloud/upload.ts';
import { isSentenceEncoder, readSentenceEncoder } from '../../shared/models/hugging-face/sentence-encoder.ts';
import { sentenceFiles } from '../../shared/models/hugging-face/sentence-files.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { startDeployment } from '../support/deployment.ts';
import { fixturePath } from '../support/fixtures.ts';
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
    await deployed.upload('weights/old/training_args.bin', 'settings');
    expect(await readdir(await inputs.localPath(`s3://${deployed.bucket}/weights/old/`))).toEqual([
      'pytorch_model.bin',
    ]);
    await deployed.upload('weights/other/tf_model.h5', 'weights');
    await expect(inputs.localPath(`s3://${deployed.bucket}/weights/other/`)).rejects.toThrow(
      'holds no weights (.safetensors, pytorch_model.bin), but tf_model.h5',
    );
    await deployed.upload('weights/new/config.json', '{}');
    expect(await readdir(await inputs.localPath(`s3://${deployed.bucket}/weights/new/`))).toEqual(['config.json']);
  });

  it('are read by ranges where only some tensors of a folder are wanted', async () => {
    const tensors = (names: readonly string[]) =>
      new Map(names.map((name, at) => [name, { shape: [2, 2], data: new Float32Array(4).fill(at + 1) }]));
    const whole = encodeSafetensors(tensors(['a', 'b', 'c']));
    const map = { weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' } };
    await deployed.upload('weights/one/model.safetensors', whole);
    await deployed.upload('weights/one/deeper/other.safetensors', 'something else');
    await deployed.upload('weights/shards/model.safetensors.index.json', JSON.stringify(map));
    await deployed.upload('weights/shards/model-00001-of-00002.safetensors', encodeSafetensors(tensors(['a'])));
    await deployed.upload('weights/shards/model-00002-of-00002.safetensors', encodeSafetensors(tensors(['_', 'b'])));
    const scratch = await temporaryFolder();
    const inputs = s3Inputs(deployed.s3, scratch);
    const address = (name: string) => `s3://${deployed.bucket}/weights/${name}/`;
    for (const name of await readdir(fixturePath('pytorch', 'shards'))) {
      await deployed.upload(`weights/torch/${name}`, await readFile(fixturePath('pytorch', 'shards', name)));
    }
    const torch = await inputs.openTensors(address('torch'));
    expect([...(await torch.read('b.weight')).data]).toEqual([2, 2, 2, 2]);
    for (const name of ['one', 'shards']) {
      const opened = await inputs.openTensors(address(name));
      expect([...(await opened.read('b')).data]).toEqual([2, 2, 2, 2]);
    }
    expect(await readdir(scratch)).toEqual([]);
    await expect(inputs.openTensors(address('none'))).rejects.toThrow('there is no such file or folder');
    await deployed.upload('weights/shards/model-00002-of-00002.safetensors', 'cut');
    await expect(inputs.openTensors(address('shards'))).rejects.toThrow(
      /model-00002.*too few for a safetensors header/,
    );

    const folder = await inputs.localPath(address('one'));
    await deployed.upload('weights/one/model.safetensors', 'replaced');
    const here = await inputs.openTensors(address('one'));
    expect(here.label).toContain(folder);
    expect(here.names()).toEqual(['a', 'b', 'c']);
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

  it('that are a sentence encoder come with what says how it pools, in a folder of its own', async () => {
    const folder = join(await temporaryFolder(), 'encoder');
    await cp(fixturePath('models', 'mpnet-tiny'), folder, { recursive: true });
    const embeds = { embedding: { pooling: 'cls', normalise: true }, size: 16, maxTokens: 24 } as const;
    for (const [name, bytes] of sentenceFiles(embeds)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), bytes);
    }
    await mkdir(join(folder, 'onnx'));
    await writeFile(join(folder, 'onnx', 'config.json'), '{}');
    const { address } = await uploadWeights(deployed, folder);
    const fetched = await s3Inputs(deployed.s3, await temporaryFolder()).localPath(address);
    expect((await readdir(fetched, { recursive: true })).filter((name) => name.includes('/'))).toEqual([
      '1_Pooling/config.json',
    ]);
    expect(await isSentenceEncoder(fetched)).toBe(true);
    expect(await readSentenceEncoder(fetched)).toEqual({ pooling: 'cls', normalise: true, maxTokens: 24 });
  });

  it('on this machine are left where they are', async () => {
    expect(await s3Inputs(deployed.s3, '/nowhere').localPath('/data/train.hdf5')).toBe('/data/train.hdf5');
  });
});
