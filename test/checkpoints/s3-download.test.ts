import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChecksumAlgorithm, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { downloadTo } from '../../shared/checkpoints/s3-download.ts';
import { s3Store } from '../../shared/checkpoints/s3-store.ts';
import { TransientError, UserError } from '../../shared/core/errors.ts';
import { randomFor } from '../../shared/core/random.ts';
import { chaos } from '../support/fault-proxy.ts';
import { mebibyte, startTestS3 } from '../support/s3.ts';
import { temporaryFolder } from '../support/small-run.ts';

const s3 = await startTestS3();
const data = Uint8Array.from({ length: 12 * mebibyte + 5 }, (_, index) => (index >> 18) ^ (index * 31));
const small = data.subarray(0, 100_000);

describe.skipIf(!s3)('downloadTo', () => {
  const { proxy, client } = s3 ?? ({} as NonNullable<typeof s3>);

  /** An object, and a file in a folder of its own to fetch it to. */
  async function setUp(content: Uint8Array, algorithm?: ChecksumAlgorithm) {
    const options = await s3!.options();
    const stored = { Bucket: options.bucket, Key: 'data//train 1%.h5', Body: content, ChecksumAlgorithm: algorithm };
    await (algorithm
      ? client.send(new PutObjectCommand(stored))
      : s3Store({ ...options, prefix: 'run' }).put('model', content));
    const folder = await temporaryFolder();
    const path = join(folder, 'train.h5');
    return { options, folder, path, key: algorithm ? stored.Key : 'run/model' };
  }

  it.each([
    ['none', data.subarray(0, 0)],
    ['a few', small],
    ['many', data],
  ])('fetches %s bytes, in ranges, and leaves nothing else', async (_, content) => {
    const { options, folder, path, key } = await setUp(content);
    await downloadTo(path, { key }, options);
    expect(Buffer.compare(await readFile(path), content)).toBe(0);
    expect(await readdir(folder)).toEqual(['train.h5']);
  });

  it('makes the folders of the file, and replaces one that is there', async () => {
    const { options, folder, key } = await setUp(small);
    const path = join(folder, 'not', 'yet', 'train.h5');
    await downloadTo(path, { key }, options);
    await writeFile(path, 'changed');
    await downloadTo(path, { key }, options);
    expect(Buffer.compare(await readFile(path), small)).toBe(0);
  });

  it('fetches through faults', async () => {
    const { options, path, key } = await setUp(data);
    proxy.play(chaos(randomFor(3, 'faults'), 0.4));
    await downloadTo(path, { key }, options);
    expect(Buffer.compare(await readFile(path), data)).toBe(0);
  });

  it.each<ChecksumAlgorithm>(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'])(
    'finds a wrong bit by the %s of an object that others uploaded, and fetches it again',
    async (algorithm) => {
      const { options, folder, path, key } = await setUp(small, algorithm);
      let gets = 0;
      proxy.play(({ operation }) => (operation === 'GetObject' && ++gets === 1 ? { kind: 'flippedReply' } : undefined));
      await downloadTo(
        path,
        { key },
        {
          ...options,
          client: s3!.clientWith({ responseChecksumValidation: 'WHEN_REQUIRED' }),
        },
      );
      expect(gets).toBe(2);
      expect(Buffer.compare(await readFile(path), small)).toBe(0);
      expect(await readdir(folder)).toEqual(['train.h5']);
    },
  );

  it.each<[what: string, fault: Parameters<typeof proxy.play>[0]]>([
    ['the server never recovers', ({ headers }) => (headers.range ? { kind: 'cutOff', after: 10 } : undefined)],
    ['bits are always wrong', ({ headers }) => (headers.range ? { kind: 'flippedReply' } : undefined)],
  ])('leaves the file that was there when %s', async (_, fault) => {
    const { options, folder, path, key } = await setUp(data);
    await writeFile(path, 'before');
    proxy.play(fault);
    await expect(downloadTo(path, { key }, options)).rejects.toBeInstanceOf(TransientError);
    expect(await readFile(path, 'utf8')).toBe('before');
    expect(await readdir(folder)).toEqual(['train.h5']);
  });

  it('fetches one version, though the object is replaced meanwhile', async () => {
    const { options, path, key } = await setUp(data);
    const newer = data.map((byte) => byte ^ 255);
    let ranges = 0;
    const action = async () => {
      proxy.play(() => undefined);
      await s3Store(options).put(key, newer);
    };
    proxy.play(({ headers }) => (headers.range && ++ranges === 2 ? { kind: 'meanwhile', action } : undefined));
    await downloadTo(path, { key }, options);
    expect(Buffer.compare(await readFile(path), newer)).toBe(0);
  });

  it('says where there is no such object', async () => {
    const { options, path } = await setUp(small);
    const error = await downloadTo(path, { key: 'nothing' }, options).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(`s3://${options.bucket}/nothing: there is no such object`);
  });

  it('says where a folder of the path is a file', async () => {
    const { options, path, key } = await setUp(small);
    await writeFile(path, '');
    await expect(downloadTo(join(path, 'train.h5'), { key }, options)).rejects.toBeInstanceOf(UserError);
  });
});
