import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withArrayFile } from '../../shared/datasets/arrays/open-arrays.ts';
import { checkPredictionFormat, openPredictionFile, refuseReplacing } from '../../shared/local/prediction-file.ts';
import { readWhole, refusalOf } from '../support/arrays.ts';
import { temporaryFolder } from '../support/small-run.ts';

const fields = {
  shape: [2, 3, 2, 1],
  channels: ['u'],
  coordinates: [Float32Array.of(0.25, 0.75)],
  rows: [4, 7],
  steps: [10, 11, 12],
  attributes: { run: 'flow', epoch: 3 },
};

it.each([
  ['pred.h5', 'tensor'],
  ['pred.HDF5', 'tensor'],
  ['pred.npy', 'array'],
])(
  '%s has the predictions in time order, however they come, and is there when all are written',
  async (name, array) => {
    const folder = await temporaryFolder();
    const path = join(folder, name);
    const file = await openPredictionFile(path, fields);
    // [sample, x, steps, 1], with the number sample * 100 + step * 10 + x.
    const piece = (samples: number[], steps: number[]) => ({
      shape: [samples.length, 2, steps.length, 1],
      data: Float32Array.from(
        samples.flatMap((sample) => [0, 1].flatMap((x) => steps.map((step) => sample * 100 + step * 10 + x))),
      ),
    });
    await file.write(0, { first: 0 }, piece([0, 1], [0, 1]));
    await file.write(0, { first: 2 }, piece([0, 1], [2]));
    expect(await readdir(folder)).not.toContain(name);
    const bytes = await file.finish();
    expect(await readdir(folder)).toEqual([name]);
    expect((await stat(path)).size).toBe(bytes);
    await withArrayFile(path, async (written) => {
      expect(written.array(array).shape).toEqual(fields.shape);
      expect(await readWhole(written.array(array))).toEqual([0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]);
    });
  },
);

it('nothing is left of a file that is abandoned', async () => {
  const folder = await temporaryFolder();
  await (await openPredictionFile(join(folder, 'pred.h5'), fields)).abandon();
  expect(await readdir(folder)).toEqual([]);
});

it('a file that the disk has no room for is refused with the sizes', async () => {
  const path = join(await temporaryFolder(), 'pred.h5');
  const message = await refusalOf(openPredictionFile(path, { ...fields, shape: [2, 3, 2 ** 50, 1] }));
  expect(message).toMatch(/pred\.h5 takes up to 27022\.0 TB, and the disk has .* left/);
});

it('names of other formats, and of files that are needed, are refused', async () => {
  expect(() => checkPredictionFormat('pred.txt')).toThrow('Give it one of the endings .hdf5, .h5, .npy.');
  const path = join(await temporaryFolder(), 'data.h5');
  await writeFile(path, '');
  expect(await refusalOf(refuseReplacing(path, [path]))).toContain('is needed besides');
});
