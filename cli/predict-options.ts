/** Options of `predict` that go with some models of texts alone. */
import { UserError } from '../shared/core/errors.ts';
import type { TextModel } from '../shared/local/open-text-model.ts';

/** The verb and the columns of models, by task. */
const tasks: Readonly<Record<TextModel['task'], { readonly does: string; readonly columns: readonly string[] }>> = {
  classification: { does: 'labels texts', columns: ['text', 'textPair', 'label', 'labels'] },
  'token-classification': { does: 'tags words', columns: ['text', 'words', 'tags'] },
  seq2seq: { does: 'writes texts', columns: ['text', 'textPair', 'input', 'target'] },
};

/** Columns that some model takes. */
export const columnKeys: readonly string[] = [...new Set(Object.values(tasks).flatMap(({ columns }) => columns))];

/** @throws UserError where an option is given that means nothing for the model's task. */
export function refuseForTask(
  { task }: Pick<TextModel, 'task'>,
  {
    threshold,
    labelDelimiter,
    maxTargetTokens,
    greedy,
    column,
  }: {
    readonly threshold?: number;
    readonly labelDelimiter?: string;
    readonly maxTargetTokens?: number;
    readonly greedy?: boolean;
    readonly column: Readonly<Record<string, string>>;
  },
): void {
  const { does, columns } = tasks[task];
  const given = [
    ...(task !== 'classification' && threshold !== undefined ? ['--threshold'] : []),
    ...(task !== 'classification' && labelDelimiter !== undefined ? ['--label-delimiter'] : []),
    ...(task !== 'seq2seq' && maxTargetTokens !== undefined ? ['--max-target-tokens'] : []),
    ...(task !== 'seq2seq' && greedy ? ['--greedy'] : []),
    ...Object.keys(column).flatMap((key) => (columns.includes(key) ? [] : [`--column ${key}`])),
  ];
  if (given.length === 0) return;
  throw new UserError(`does not go with this model, which ${does}`, {
    where: given.join(', '),
    remedy: `Leave it out; columns are named by --column ${columns.map((key) => `${key}=<name>`).join(', ')}.`,
  });
}
