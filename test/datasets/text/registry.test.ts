import { describe, expect, it } from 'vitest';
import { openTextDataset, textDatasetSchema, textFormats } from '../../../shared/datasets/text/registry.ts';
import { scratchFolder } from '../../support/text.ts';

const file = scratchFolder();

describe.each(textFormats.map((format) => [format.name, format] as const))('the %s format', (name, format) => {
  it('is chosen by its name and describes every setting', () => {
    expect(textDatasetSchema.parse({ format: name, path: 'data' }).format).toBe(name);
    for (const [key, schema] of Object.entries(format.configSchema.shape)) {
      expect(schema.description, key).toBeTruthy();
    }
  });
});

it('opens what the configuration selects', async () => {
  const path = await file('corpus.txt', 'first document\r\n\n second document \nthird');
  const config = textDatasetSchema.parse({ format: 'lines', path });
  const data = await openTextDataset(config, path, { seed: 1 });
  expect(data.examples.texts).toEqual(['first document', 'second document', 'third']);
  expect(data.examples.rows).toEqual([1, 3, 4]);
  expect(data.columns).toEqual([]);
});

it('refuses settings of another format', () => {
  expect(textDatasetSchema.safeParse({ format: 'lines', path: 'x', columns: {} }).success).toBe(false);
  expect(textDatasetSchema.safeParse({ format: 'jsonl', path: 'x', labels: ['a', 'a'] }).success).toBe(false);
});
