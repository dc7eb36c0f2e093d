import { describe, expect, it } from 'vitest';
import { datasetFormats, datasetSchema, fieldDatasetSchema, openDataset } from '../../shared/datasets/registry.ts';
import { fixturePath } from '../support/fixtures.ts';

describe.each(datasetFormats.map((format) => [format.name, format] as const))('the %s format', (name, format) => {
  it('is chosen by its name and describes every setting', () => {
    // Settings of its own may be missing.
    const { error } = datasetSchema.safeParse({ format: name, path: 'data' });
    expect((error?.issues ?? []).filter(({ path }) => path[0] === 'format')).toEqual([]);
    for (const [key, schema] of Object.entries(format.configSchema.shape)) {
      expect(schema.description, key).toBeTruthy();
    }
  });
});

it('opens what the configuration selects', async () => {
  const path = fixturePath('data', 'pde_1d.hdf5');
  const config = fieldDatasetSchema.parse({ format: 'pdebench', path, samples: 3 });
  expect((await openDataset(config, path, { seed: 1 })).shape).toEqual([3, 64, 41, 1]);
});
