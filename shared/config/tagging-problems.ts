/** Settings that go with tags for words alone, and those that don't go with them. */
import { formatList } from '../core/format.ts';
import { type DatasetConfig, kindOf } from '../datasets/registry.ts';
import { formatsWithLists } from '../datasets/text/registry.ts';
import type { ModelConfig } from '../models/registry.ts';

interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

const ofTexts = ['text', 'textPair', 'label', 'labels'] as const;
const ofWords = ['words', 'tags'] as const;

/** What of a run file contradicts `model.task: token-classification`, or is for it alone. */
export function taggingProblems(model: ModelConfig, dataset: DatasetConfig): Problem[] {
  if (model.family !== 'huggingface') return [];
  const columns: Readonly<Record<string, unknown>> = 'columns' in dataset ? { ...dataset.columns } : {};
  const given = (keys: readonly string[]) => keys.filter((key) => columns[key] !== undefined);
  if (model.task !== 'token-classification') {
    return given(ofWords).map((key) => ({
      path: ['dataset', 'columns', key],
      message: `goes with model.task: token-classification, and this is ${model.task}`,
    }));
  }
  const { problemType, pooling } = model;
  const withLists = formatsWithLists();
  const hasLists = kindOf(dataset) !== 'text' || withLists.includes(dataset.format);
  return [
    ...(!hasLists
      ? [
          {
            path: ['dataset', 'format'],
            message: `${dataset.format} has no lists, and token-classification takes a list of words and one of tags in each row: give ${formatList(withLists, 'or')}`,
          },
        ]
      : []),
    ...given(ofTexts).map((key) => ({
      path: ['dataset', 'columns', key],
      message: 'does not go with model.task: token-classification, whose columns are `words` and `tags`',
    })),
    ...('labelDelimiter' in dataset && dataset.labelDelimiter !== undefined
      ? [
          {
            path: ['dataset', 'labelDelimiter'],
            message: 'does not go with model.task: token-classification, whose tags come in lists',
          },
        ]
      : []),
    ...(problemType === undefined
      ? []
      : [
          {
            path: ['model', 'problemType'],
            message: `${problemType} is for model.task classification: of a word one tag is learnt`,
          },
        ]),
    ...(pooling === 'mean' || pooling === 'cls'
      ? [{ path: ['model', 'pooling'], message: `${pooling} is for model.task classification: words are not pooled` }]
      : []),
  ];
}
