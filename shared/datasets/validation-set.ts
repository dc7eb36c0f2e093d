/** Rows of fields that a run is always validated on, whatever its samples are. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';

const rowCount = () => z.int().min(1).optional();

/** The setting `dataset.validation`. */
export const validationSetSchema = z
  .strictObject({
    first: rowCount().describe('Number of rows, from the beginning of the data.'),
    last: rowCount().describe('Number of rows, from the end of the data.'),
    rows: z
      .array(z.int().min(0))
      .length(2)
      .refine(([from, to]) => from! <= to!, { error: 'the first row comes after the last' })
      .optional()
      .describe('The first and the last row, counted from 0, e.g. [900, 999].'),
  })
  .refine(({ first, last, rows }) => [first, last, rows].filter((given) => given !== undefined).length === 1, {
    error: 'takes exactly one of `first`, `last` and `rows`',
  })
  .optional()
  .describe(
    'Rows with validation data: give one of `first`, `last` and `rows`. They are taken out after those of `test`, before samples are chosen. So they depend neither on `samples` nor on the seed. `training.validation` then holds nothing out. Absent: `training.validation` of the samples, chosen by the seed.',
  );
export type ValidationSet = z.output<typeof validationSetSchema>;

/**
 * Which rows `dataset.validation` takes.
 * @param left rows that are not for testing, ascending.
 * @param where what has the rows, for messages.
 * @throws UserError when they are not there, are for testing, or none would be left to train on.
 */
export function validationRowsOf(validation: ValidationSet, left: readonly number[], where: string): readonly number[] {
  if (!validation) return [];
  const { first, last, rows } = validation;
  const count = first ?? last;
  const taken = rows
    ? Array.from({ length: rows[1]! - rows[0]! + 1 }, (_, index) => rows[0]! + index)
    : left.slice(last === undefined ? 0 : -last, first);
  const there = new Set(left);
  const missing = taken.find((row) => !there.has(row));
  if (missing !== undefined) {
    throw new UserError(`\`dataset.validation.rows\` takes row ${missing}, which is not there or is for testing`, {
      where,
      remedy: `Name rows from ${left[0] ?? 0} to ${left.at(-1) ?? 0}.`,
    });
  }
  if (taken.length >= left.length) {
    throw new UserError(
      `has ${left.length} rows, and \`dataset.validation\` takes ${count ?? taken.length}, which leaves none to train on`,
      { where, remedy: left.length > 1 ? `Let it take at most ${left.length - 1}.` : 'Use data with more rows.' },
    );
  }
  return taken;
}
