/** Rows that a run is neither trained nor validated on: a file of their own, or rows of the data file. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';

const rowCount = () => z.int().min(1).optional();

/** The setting `dataset.test`, which every format has. */
export const testSetSchema = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A file of the same form as the data file. All its rows are used. A relative path starts at the folder of the run file.',
      ),
    first: rowCount().describe('Number of rows, from the beginning of the data file.'),
    last: rowCount().describe('Number of rows, from the end of the data file.'),
    random: rowCount().describe(
      'Number of rows of the data file, chosen by a fixed seed, with each label in its proportion. Use it for sorted files.',
    ),
    evaluate: z
      .boolean()
      .default(true)
      .describe(
        'Whether the run measures its models on the test data when it ends. false only keeps the rows out of training and validation.',
      ),
  })
  .refine(
    ({ path, first, last, random }) => [path, first, last, random].filter((given) => given !== undefined).length === 1,
    {
      error: 'takes exactly one of `path`, `first`, `last` and `random`',
    },
  )
  .optional()
  .describe(
    "Test data: give one of `path`, `first`, `last` and `random`. Rows of the data file are taken out before samples and validation rows are chosen, so they don't depend on the seed. The best and the last epoch are measured on them once, when the run ends. Absent: no test data.",
  );
export type TestSet = z.output<typeof testSetSchema>;

/** The seed of `random`, and what it draws for: the same rows in every run, whatever its own seed is. */
export const testDraw = { seed: 0, purpose: 'test-rows' } as const;

/** Rows of a data file by their places from 0, in the order of the file. */
export interface DividedRows {
  /** For testing; empty where none are. */
  readonly taken: readonly number[];
  /** The rows to train and to validate on. */
  readonly left: readonly number[];
}

/**
 * Which rows of the data file `dataset.test` takes.
 * @param total rows of the file.
 * @param where what has the rows, for messages.
 * @param draw the places that `random` takes; absent: any.
 * @throws UserError when none would be left to train on.
 */
export function testRowsOf(
  test: TestSet,
  total: number,
  where: string,
  draw: (count: number) => readonly number[] = (count) => drawAny(total, count),
): DividedRows {
  const setting = (['first', 'last', 'random'] as const).find((name) => test?.[name] !== undefined);
  const count = setting ? test![setting]! : 0;
  if (count > 0 && count >= total) {
    throw new UserError(
      `has ${total} rows, and \`dataset.test.${setting}\` takes ${count}, which leaves none to train on`,
      {
        where,
        remedy: total > 2 ? `Set it to at most ${total - 2}.` : 'Use a file with more rows.',
      },
    );
  }
  const all = Array.from({ length: total }, (_, row) => row);
  if (setting === 'first') return { taken: all.slice(0, count), left: all.slice(count) };
  if (setting !== 'random') return { taken: all.slice(total - count), left: all.slice(0, total - count) };
  const drawn = new Set(draw(count));
  return { taken: all.filter((row) => drawn.has(row)), left: all.filter((row) => !drawn.has(row)) };
}

const drawAny = (total: number, count: number) =>
  randomFor(testDraw.seed, testDraw.purpose).permutation(total).slice(0, count);
