import { describe, expect, it } from 'vitest';
import { fieldDatasetSchema, openDataset, openTestData } from '../../shared/datasets/registry.ts';
import { testSetSchema } from '../../shared/datasets/test-set.ts';
import { fixturePath } from '../support/fixtures.ts';

const path = fixturePath('data', 'pde_1d.hdf5');
const configOf = (settings: object) =>
  fieldDatasetSchema.parse({
    format: 'pdebench',
    path,
    window: 4,
    rolloutSteps: 3,
    subsample: { space: 4 },
    ...settings,
  });

describe('dataset.test', () => {
  it.each([{}, { first: 1, last: 1 }, { path: 'a', first: 1 }])('is exactly one of three: %j is refused', (given) => {
    expect(() => testSetSchema.parse(given)).toThrow('takes exactly one of `path`, `first` and `last`');
  });

  it.each([
    [{ first: 2 }, [0, 1]],
    [{ last: 2 }, undefined],
  ])('takes the same rows out of the data file whatever seed and samples are: %j', async (test, expected) => {
    const all = (await openDataset(configOf({}), path, { seed: 1 })).rows;
    const held = expected ?? all.slice(-2);
    for (const seed of [1, 2, 3]) {
      for (const settings of [{}, { samples: 4, choose: 'random' }, { subsample: { space: 4, samples: 2 } }]) {
        const config = configOf({ ...settings, test });
        const data = await openDataset(config, path, { seed });
        expect(data.rows.filter((row) => held.includes(row))).toEqual([]);
        expect((await openTestData(config, path, data)).rows).toEqual(held);
      }
    }
  });

  it('refuses more rows than there are, and says how many there are', async () => {
    await expect(openDataset(configOf({ test: { last: 10_000 } }), path, { seed: 1 })).rejects.toThrow(/has \d+ rows/);
  });
});
