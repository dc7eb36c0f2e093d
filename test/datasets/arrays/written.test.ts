import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hdf5Thread } from '../../../shared/datasets/arrays/hdf5-thread.ts';
import { chunkShape, hdf5BytesAtMost } from '../../../shared/datasets/arrays/hdf5-writing.ts';
import { npyHeader, onlyArrayName } from '../../../shared/datasets/arrays/npy.ts';
import { withArrayFile } from '../../../shared/datasets/arrays/open-arrays.ts';
import { readWhole } from '../../support/arrays.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const ranges = (...axes: [start: number, count: number][]) =>
  axes.map(([start, count]) => ({ start, count, stride: 1 }));

describe('HDF5 that is written a block at a time', () => {
  it('is read with its arrays and attributes, in whatever order the blocks come', async () => {
    const path = join(await temporaryFolder(), 'written.h5');
    const file = {
      attributes: { run: 'flow', epoch: 12, nothing: '' },
      lists: { row: Int32Array.of(5, -9, 70_000), 'x-coordinate': Float32Array.of(0.25, 0.75) },
      arrays: { tensor: { shape: [2, 3, 4], frameAxis: 1, attributes: { channels: ['density', 'Größe'] } } },
    };
    const values = Float32Array.from({ length: 24 }, (_, index) => (index - 7) / 4);
    const thread = hdf5Thread(60_000);
    await thread.create({ path, ...file });
    await thread.write({ name: 'tensor', ranges: ranges([1, 1], [0, 3], [0, 4]), values: values.slice(12) });
    await thread.write({ name: 'tensor', ranges: ranges([0, 1], [2, 1], [0, 4]), values: values.slice(8, 12) });
    await thread.write({ name: 'tensor', ranges: ranges([0, 1], [0, 2], [0, 4]), values: values.slice(0, 8) });
    await thread.finish();
    await thread.close();
    expect((await stat(path)).size).toBeLessThan(hdf5BytesAtMost(file));
    await withArrayFile(path, async (written) => {
      expect(written.format).toBe('HDF5');
      expect([...written.names()].toSorted()).toEqual(['row', 'tensor', 'x-coordinate']);
      expect(written.array('tensor')).toMatchObject({ shape: [2, 3, 4], type: 'float32' });
      expect(await readWhole(written.array('tensor'))).toEqual([...values]);
      expect(written.array('row').type).toBe('int32');
      expect(await readWhole(written.array('row'))).toEqual([5, -9, 70_000]);
      expect(await readWhole(written.array('x-coordinate'))).toEqual([0.25, 0.75]);
      expect(written.attributes()).toEqual({ run: 'flow', epoch: 12, nothing: '' });
      expect(written.attributes('tensor')).toEqual({ channels: ['density', 'Größe'] });
    });
  });

  it.each([
    ['a frame of middle size', [9, 50, 256, 256, 4], [1, 1, 256, 256, 4]],
    ['small frames joined over time, in even parts', [9, 201, 1024, 1], [1, 16, 1024, 1]],
    ['small frames joined over samples, too', [100, 3, 64, 1], [50, 3, 64, 1]],
    ['a part of a large frame', [9, 50, 300, 300, 300, 1], [1, 1, 43, 300, 300, 1]],
    ['a part of a large line', [1, 1, 2 ** 23 + 2, 1], [1, 1, 2_796_204, 1]],
  ])('a chunk has %s', (_, shape, chunk) => {
    expect(chunkShape({ shape, frameAxis: 2 })).toEqual(chunk);
  });

  it('knows a bound of its size where it is far above memory', () => {
    const arrays = { tensor: { shape: [100_000, 1000, 64, 64], frameAxis: 2 } };
    const numbers = 4 * 100_000 * 1000 * 64 * 64;
    const bound = hdf5BytesAtMost({ attributes: {}, lists: {}, arrays });
    expect(bound).toBeGreaterThan(numbers);
    expect(bound).toBeLessThan(1.02 * numbers);
  });

  it('tells what the system said where a file can not be written, and the next one is', async () => {
    const folder = await temporaryFolder();
    const empty = { attributes: {}, lists: { row: Int32Array.of(1) }, arrays: {} };
    const broken = hdf5Thread(60_000);
    await expect(broken.create({ path: folder, ...empty })).rejects.toThrow('Is a directory');
    await broken.close();
    const next = hdf5Thread(60_000);
    await next.create({ path: join(folder, 'next.h5'), ...empty });
    await next.finish();
    await next.close();
  });
});

it.each([[[6]], [[2, 3]], [[1, 2, 1, 3, 1]]])('the header of a .npy of shape %j is read', async (shape) => {
  const path = join(await temporaryFolder(), 'written.npy');
  const header = npyHeader(shape);
  expect(header.length % 64).toBe(0);
  const values = [0.5, -1, 2, 3, 4, 1e-3].map(Math.fround);
  await writeFile(path, Buffer.concat([header, new Uint8Array(Float32Array.from(values).buffer)]));
  await withArrayFile(path, async (file) => {
    expect(file.array(onlyArrayName)).toMatchObject({ shape, type: 'float32' });
    expect(await readWhole(file.array(onlyArrayName))).toEqual(values);
  });
});
