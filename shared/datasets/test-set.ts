/** Rows that a run is neither trained nor validated on: a file of their own, or rows at an end of the data file. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';

const rowCount = () => z.int().min(1).optional();

/** The setting `dataset.test`, which every format has. */
export const testSetSchema = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A file of the same form as the data file; its rows are all used. A relative path counts from the run file.',
      ),
    first: rowCount().describe('So many rows at the beginning of the data file.'),
    last: rowCount().describe('So many rows at the end of the data file.'),
    evaluate: z
      .boolean()
      .default(true)
      .describe(
        'Whether the run measures its models on them when it ends; false only keeps rows out of training and validation.',
      ),
  })
  .refine(({ path, first, last }) => [path, first, last].filter((given) => given !== undefined).length === 1, {
    error: 'takes exactly one of `path`, `first` and `last`',
  })
  .optional()
  .describe(
    'Test data: give one of `path`, `first` and `last`. Rows of the data file are taken out before samples are chosen and rows held out for validation, so they are the same whatever the seed. The best and the last epoch are measured on them once, when the run ends. Absent: there are none.',
  );
export type TestSet = z.output<typeof testSetSchema>;

/** Which rows of a data file are for testing, as a range from 0; `count` is 0 where none are. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/**
 * The rows at an end of the data file that `dataset.test` names.
 * @param total rows of the file.
 * @param where what has the rows, for messages.
 * @throws UserError when they would leave none to train on.
 */
export function testRowsOf(test: TestSet, total: number, where: string): RowRange {
  const count = test?.first ?? test?.last ?? 0;
  if (count > 0 && count >= total) {
    const setting = test?.first === undefined ? 'last' : 'first';
    throw new UserError(
      `has ${total} rows, and \`dataset.test.${setting}\` takes ${count}, which leaves none to train on`,
      {
        where,
        remedy: total > 2 ? `Set it to at most ${total - 2}.` : 'Use a file with more rows.',
      },
    );
  }
  return { start: test?.first === undefined ? total - count : 0, count };
}
