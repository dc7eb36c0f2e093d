import { constants, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TooLargeError } from '../../../shared/core/errors.ts';
import {
  mostRows,
  mostTextBytes,
  textFits,
  tooLarge,
  tooMuch,
  unpackedChunks,
  unpackedFile,
} from '../../../shared/datasets/text/unpacked.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

const file = scratchFolder();
const text = Array.from({ length: 40_000 }, (_, index) => `${index * 7919} `).join('');
const refusal = async (content: Uint8Array, most?: number) => {
  const { message, where } = await refusalOf(unpackedFile(await file('data', content), most));
  return message.replaceAll(where!, 'FILE');
};

describe('a file packed by zstd', () => {
  const compressions = {
    'in one frame': zstdCompressSync(text),
    'in several, with a checksum': Buffer.concat(
      [text.slice(0, 10), text.slice(10)].map((part) =>
        zstdCompressSync(part, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
      ),
    ),
    'without a note of its size': undefined,
  };

  it.each(Object.entries(compressions))('is read: %s', async (_, packed) => {
    const content = packed ?? (await streamed(text));
    const unpacked = await unpackedFile(await file('data', content));
    expect(unpacked.equals(Buffer.from(text))).toBe(true);
  });

  it('may be of few bytes', async () => {
    for (const short of ['', 'x', 'y'.repeat(300)]) {
      expect((await unpackedFile(await file('data', zstdCompressSync(short)))).toString()).toBe(short);
    }
  });

  it('is refused where it is cut off or damaged', async () => {
    const [packed, unsized] = [compressions['in one frame'], await streamed(text)];
    for (const length of [3, 6, 100, packed.length - 1]) {
      const cut = packed.subarray(0, length);
      if (length > 3)
        expect(await refusal(cut)).toBe(
          'FILE: is cut off: its zstd stream does not end\n  Fetch or write the file again.',
        );
    }
    expect(await refusal(unsized.subarray(0, unsized.length - 1))).toContain('is cut off');
    const damaged = Buffer.from(packed);
    damaged.fill(0xff, 9, 12);
    expect(await refusal(damaged)).toContain('is damaged: it is not valid zstd');
    expect(await refusal(Buffer.concat([packed, Buffer.from('more')]))).toContain('is damaged: it is not valid zstd');
  });

  it('is refused by the size that it notes, or that it has', async () => {
    const [noted, unsized] = [compressions['in one frame'], await streamed(text)];
    for (const packed of [noted, unsized]) {
      expect(await refusal(packed, 1000)).toMatch(/^FILE: unpacks from \d+\.\d kB to \d{3}\.\d kB, and at most/);
    }
    expect((await unpackedFile(await file('data', noted), text.length)).length).toBe(text.length);
  });
});

describe('the most text that is read', () => {
  const large = { bytes: 32e9, more: 'take a machine with more memory' };
  const small = { bytes: 3008 * 2 ** 20, more: 'set functionMemoryMb higher, and deploy again' };

  it('is what any process can hold, and less where memory is small', () => {
    expect(mostTextBytes(large)).toBe(2 ** 31);
    expect(mostTextBytes(small)).toBe(570_823_321);
    expect(mostTextBytes({ bytes: 1 })).toBe(2 ** 24);
  });

  it('is said, with the size, the memory and the setting to mend it by', () => {
    expect(tooLarge('a.jsonl.gz', 2_700_000_000, 19_000_000, large).message).toBe(
      'a.jsonl.gz: unpacks from 19.0 MB to 2.7 GB, and at most 2.1 GB of text are read\n  Use a part of it, e.g. the first rows: texts are held in memory.',
    );
    expect(tooLarge('a.jsonl', 700_000_000, undefined, small).message).toBe(
      'a.jsonl: has 700.0 MB, and in 3.2 GB of memory at most 570.8 MB of text are read\n  Use a part of it, e.g. the first rows: texts are held in memory. Or set functionMemoryMb higher, and deploy again.',
    );
  });

  it('is less with every row, however short', () => {
    const gigabyte = { bytes: 1e9, more: 'take a machine with more memory' };
    const fits = textFits(gigabyte);
    expect(mostRows(gigabyte, 4e9)).toBe(1_555_555);
    expect(mostRows(large, 4e9)).toBe(8_888_888);
    expect(fits({ rows: 1_500_000, bytes: 3_000_000 })).toBe(true);
    expect(fits({ rows: 1_500_000, bytes: 30_000_000 })).toBe(false);
    expect(fits({ rows: 1_000, bytes: 130_000_000 })).toBe(true);
    expect(tooMuch('a.csv', { rows: 1_600_000, bytes: 3e6 }, gigabyte).message).toBe(
      'a.csv: has 1600000 rows or more, and in 1.0 GB of memory at most 1555555 are read, fewer where texts are long\n  Use a part of it, e.g. the first rows: rows are held in memory. Or take a machine with more memory.',
    );
    expect(tooMuch('a.csv', { rows: 10, bytes: 2e9 }, gigabyte).message).toContain('at most 140.0 MB of text are read');
  });

  it('is that of the function which reads it, before anything of it is held', async () => {
    vi.stubEnv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', '512');
    const line = `${JSON.stringify({ text: 'a '.repeat(500_000) })}\n`;
    const packed = gzipSync(line.repeat(64), { level: 1 });
    const chunks = unpackedChunks(await file('bomb.jsonl.gz', packed));
    const error = await refusalOf(chunks.next());
    expect(error).toBeInstanceOf(TooLargeError);
    expect(error.message).toMatch(
      /unpacks from \d+\.\d kB to 64\.0 MB, and in 536\.9 MB of memory at most 47\.4 MB of text are read/,
    );
    expect(error.message).toContain('set functionMemoryMb higher');
  });

  afterEach(() => vi.unstubAllEnvs());
});

/** Packed as a stream, whose length is not known when it begins. */
async function streamed(content: string): Promise<Buffer> {
  const stream = createZstdCompress();
  for (let at = 0; at < content.length; at += 9999) stream.write(content.slice(at, at + 9999));
  stream.end();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
