import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFieldsToPredict, type TrainedFields } from '../../shared/datasets/fields-to-predict.ts';
import { fieldDatasetSchema } from '../../shared/datasets/registry.ts';
import { refusalOf } from '../support/arrays.ts';
import { counting, writeHdf5 } from '../support/hdf5.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** A run on [n, t, 8] with the window 3. */
const trained: TrainedFields = {
  space: [8],
  coordinates: [{ axis: 'x', points: 8, inFile: true, from: 0, to: 7 }],
  channels: ['u'],
  statics: [],
  window: 3,
};
const map: TrainedFields = { space: [4, 4], channels: ['tensor'], statics: ['nu'], window: 0 };

type Options = Partial<Parameters<typeof openFieldsToPredict>[3]>;

/** Opens a file of these arrays for a run. */
async function opened(
  arrays: Parameters<typeof writeHdf5>[1],
  run: TrainedFields = trained,
  options: Options = {},
  settings: object = {},
) {
  const path = await writeHdf5(join(await temporaryFolder(), 'data.h5'), arrays);
  const config = fieldDatasetSchema.parse({ format: 'fields', path, window: 3, ...settings });
  return openFieldsToPredict(config, path, run, { anyResolution: false, ...options });
}

const x = (count: number, last = 7) => ({
  data: Float32Array.from({ length: count }, (_, index) => (last * index) / (count - 1)),
});

describe('fields to predict from', () => {
  it('are all rows of a file, whatever samples the run was trained on, with all true steps', async () => {
    const settings = { samples: 1, rolloutSteps: 2, validation: { first: 1 } };
    const { data, truthSteps, total, notes } = await opened(
      { u: counting([5, 9, 8]), 'x-coordinate': x(8) },
      trained,
      {},
      settings,
    );
    expect([data.shape, truthSteps, total, notes]).toEqual([[5, 8, 9, 1], 6, 5, []]);
    expect((await data.read([4])).values[1]).toBe(4 * 72 + 8);
  });

  it('are the rows that are named, with the steps that are asked for', async () => {
    const arrays = { u: counting([5, 9, 8]), 'x-coordinate': x(8) };
    const { data, truthSteps } = await opened(arrays, trained, { rows: '1, 3-4', steps: 2 });
    expect([data.rows, data.shape, truthSteps]).toEqual([[1, 3, 4], [3, 8, 5, 1], 6]);
  });

  it('need no true steps', async () => {
    const { data, truthSteps } = await opened({ u: counting([2, 3, 8]), 'x-coordinate': x(8) });
    expect([data.shape, truthSteps]).toEqual([[2, 8, 3, 1], 0]);
  });

  it('of a static map need no more than what it is given', async () => {
    const { data, truthSteps, notes } = await opened({ nu: counting([3, 4, 4]) }, map);
    expect([data.shape, data.statics, truthSteps]).toEqual([[3, 4, 4, 0, 1], ['nu'], 0]);
    expect(notes).toEqual([expect.stringContaining('[3, 4, 4] are taken to be [samples, x, y], as expected')]);
    const { values, statics } = await data.read([2]);
    expect([values.length, [...statics]]).toEqual([0, Array.from({ length: 16 }, (_, index) => 32 + index)]);
  });

  it('may be finer than those of training where the model takes it, and this is told', async () => {
    const arrays = { u: counting([2, 5, 15]), 'x-coordinate': x(15) };
    const { notes } = await opened(arrays, trained, { anyResolution: true });
    expect(notes).toEqual([expect.stringContaining('the grid has 15 points, and the run was trained on 8 points')]);
  });

  it.each<[string, Parameters<typeof writeHdf5>[1], Options, string]>([
    [
      'another grid',
      { u: counting([2, 5, 15]), 'x-coordinate': x(15) },
      {},
      "has a grid of 15 points, and the run's model takes 8 points",
    ],
    [
      'another extent',
      { u: counting([2, 5, 8]), 'x-coordinate': x(8, 70) },
      {},
      'its x coordinates go from 0 to 70, and those of the run from 0 to 7',
    ],
    [
      'another extent of a finer grid',
      { u: counting([2, 5, 15]), 'x-coordinate': x(15, 14) },
      { anyResolution: true },
      'its x coordinates go from 0 to 14, and those of the run from 0 to 7',
    ],
    [
      'too few steps',
      { u: counting([2, 2, 8]), 'x-coordinate': x(8) },
      {},
      "has 2 time steps, too few for the window of 3 that the run's model is given",
    ],
    [
      'another number of channels',
      { u: counting([2, 5, 8, 2]), 'x-coordinate': x(8) },
      {},
      "has the channels u.0, u.1 (2), and the run's model takes u (1)",
    ],
    [
      'rows that are not there',
      { u: counting([2, 5, 8]), 'x-coordinate': x(8) },
      { rows: '1-2' },
      'names row 2, and there are 2 rows',
    ],
  ])('of %s are refused', async (_, arrays, options, message) => {
    expect(await refusalOf(opened(arrays, trained, options))).toContain(message);
  });

  it('without the inputs of the run are refused', async () => {
    const run = { ...trained, statics: ['force'] };
    const refused = opened({ u: counting([2, 5, 8]), 'x-coordinate': x(8) }, run);
    expect(await refusalOf(refused)).toContain('has no array "force"\n  It has: u, x-coordinate.');
  });
});
