/** Rows that are taken out of a file for testing. */
import { UserError } from '../../core/errors.ts';
import type { RowRange } from '../test-set.ts';
import { listNames } from './labels.ts';
import { listRows, selectRows, type TextRows } from './text-rows.ts';

/**
 * Rows for testing and the others, both as if they had come in files of their own.
 * @throws UserError when rows for testing have labels that no other row has and nobody has named.
 */
export function takeTestRows(
  all: TextRows,
  { start, count }: RowRange,
  path: string,
): { rest: TextRows; taken: TextRows } {
  const isTaken = (index: number) => index >= start && index < start + count;
  const indices = all.rows.map((_, index) => index);
  const rest = selectRows(
    all,
    indices.filter((index) => !isTaken(index)),
  );
  const taken = selectRows(all, indices.filter(isTaken));
  if (!all.labelsOrdered) refuseUnlearnt(rest, taken, path);
  return { rest, taken };
}

/** A classifier has a class for each label that is found, and must not have one for what it never sees. */
function refuseUnlearnt(rest: TextRows, { labels, labelNames, rows, unit }: TextRows, path: string): void {
  const learnt = new Set(rest.labels);
  const unlearnt = [...new Set(labels)].filter((label) => !learnt.has(label));
  if (!labels || unlearnt.length === 0) return;
  const names = listNames(unlearnt.map((label) => labelNames![label]!));
  const where = listRows(
    unit,
    rows.filter((_, index) => !learnt.has(labels[index]!)),
  );
  throw new UserError(`rows for testing have labels that no other row has (${names}): ${where}`, {
    where: path,
    remedy: 'Take other rows for testing, or name all labels under `dataset.labels`.',
  });
}
