import { expect, it } from 'vitest';
import { taggingProblems } from '../../shared/config/tagging-problems.ts';
import { textDatasetSchema } from '../../shared/datasets/text/registry.ts';
import { languageModelSchema } from '../../shared/models/language/settings.ts';

const problems = (model: object, dataset: object) =>
  taggingProblems(
    languageModelSchema.parse({ family: 'huggingface', folder: 'bert', task: 'token-classification', ...model }),
    textDatasetSchema.parse({ format: 'jsonl', path: 'a.jsonl', ...dataset }),
  ).map(({ path }) => path.join('.'));

it('settings of texts are refused where words are tagged, and those of words elsewhere', () => {
  expect(problems({}, { columns: { words: 'a', tags: 'b' } })).toEqual([]);
  expect(problems({ problemType: 'regression', pooling: 'cls' }, { labelDelimiter: ';' })).toEqual([
    'dataset.labelDelimiter',
    'model.problemType',
    'model.pooling',
  ]);
  expect(problems({}, { format: 'csv', columns: { text: 'a' } })).toEqual(['dataset.format', 'dataset.columns.text']);
  expect(problems({}, { format: 'lines' })).toEqual(['dataset.format']);
  expect(problems({ task: 'classification' }, { columns: { tags: 'b' } })).toEqual(['dataset.columns.tags']);
});
