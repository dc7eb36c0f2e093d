import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withFileBytes } from '../../../shared/datasets/arrays/file-bytes.ts';
import { inflatedBytes, keptBytes } from '../../../shared/datasets/arrays/inflated.ts';
import { refusalOf } from '../../support/arrays.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inflated-'));
});
afterAll(() => rm(folder, { recursive: true }));

const size = keptBytes + 1_000_000;
const at = (index: number) => (index >> 12) & 0xff;

/** Hands over deflated bytes that are too many to be kept, of which each tells where it is. */
async function withLarge<Result>(claimed: number, use: (bytes: ReturnType<typeof inflatedBytes>) => Promise<Result>) {
  const path = join(folder, 'deflated');
  const content = Buffer.alloc(size);
  for (let index = 0; index < size; index += 4096) content.fill(at(index), index, Math.min(size, index + 4096));
  const deflated = deflateRawSync(content, { level: 1 });
  await writeFile(path, deflated);
  return withFileBytes(path, async (file) => {
    const source = { what: 'it', format: 'raw', start: 0, end: deflated.length } as const;
    const bytes = inflatedBytes(file, source, claimed);
    try {
      return await use(bytes);
    } finally {
      await bytes.close();
    }
  });
}

it('reads what is larger than is kept forwards, backwards and at once', async () => {
  await withLarge(size, async ({ read }) => {
    const places = [0, 5_000_000, 60_000_000, size - 10, 4_090, 4_096];
    const parts = await Promise.all(places.map((place) => read(place, place + 10)));
    for (const [index, part] of parts.entries()) {
      expect([...part]).toEqual(Array.from({ length: 10 }, (_, offset) => at(places[index]! + offset)));
    }
  });
});

it('says so when there are fewer bytes than claimed', async () => {
  expect(await refusalOf(withLarge(size + 10, ({ read }) => read(size, size + 10)))).toContain('it claims 68.1 MB');
});
