import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withFileBytes } from '../../../shared/datasets/arrays/file-bytes.ts';
import { type Allowance, inflatedBytes } from '../../../shared/datasets/arrays/inflated.ts';
import { refusalOf } from '../../support/arrays.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inflated-'));
});
afterAll(() => rm(folder, { recursive: true }));

const size = 20_000_000;
const at = (index: number) => (index >> 12) & 0xff;

/** Hands over deflated bytes, of which each tells where it is. */
async function withDeflated<Result>(
  claimed: number,
  keep: Allowance,
  use: (bytes: ReturnType<typeof inflatedBytes>) => Promise<Result>,
) {
  const path = join(folder, 'deflated');
  const content = Buffer.alloc(size);
  for (let index = 0; index < size; index += 4096) content.fill(at(index), index, Math.min(size, index + 4096));
  const deflated = deflateRawSync(content, { level: 1 });
  await writeFile(path, deflated);
  return withFileBytes(path, async (file) => {
    const source = { what: 'it', format: 'raw', start: 0, end: deflated.length } as const;
    const bytes = inflatedBytes(file, source, claimed, keep);
    try {
      return await use(bytes);
    } finally {
      await bytes.close();
    }
  });
}

it.each([
  ['is kept', size],
  ['is more than may be kept', 1000],
])('reads what %s forwards, backwards and at once', async (_, left) => {
  await withDeflated(size, { left }, async ({ read }) => {
    const places = [0, 5_000_000, 15_000_000, size - 10, 4_090, 4_096];
    const parts = await Promise.all(places.map((place) => read(place, place + 10)));
    for (const [index, part] of parts.entries()) {
      expect([...part]).toEqual(Array.from({ length: 10 }, (_, offset) => at(places[index]! + offset)));
    }
  });
});

it('keeps no more than it may', async () => {
  const keep = { left: size + 1000 };
  await withDeflated(size, keep, ({ read }) => read(0, 1));
  expect(keep.left).toBe(1000);
  await withDeflated(size, keep, ({ read }) => read(0, 1));
  expect(keep.left).toBe(1000);
});

it.each([0, 2 * size])('says so when there are fewer bytes than claimed (%s may be kept)', async (left) => {
  const read = withDeflated(size + 10, { left }, (bytes) => bytes.read(size, size + 10));
  expect(await refusalOf(read)).toContain('it claims 20.0 MB');
});
