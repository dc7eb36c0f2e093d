/** Rows that are taken out of a file for testing. */
import { UserError } from '../../core/errors.ts';
import { type TestSet, testDraw, testRowsOf } from '../test-set.ts';
import { listNames } from './labels.ts';
import { drawRows } from './stratify.ts';
import { foundPlaces, listRows, placesOf, selectRows, type TextRows } from './text-rows.ts';

/**
 * Rows for testing and the others, both as if they had come in files of their own; undefined where no rows are taken.
 * @throws UserError when no others are left, or when rows for testing have labels that no other row has and nobody has named.
 */
export function takeTestRows(
  all: TextRows,
  test: TestSet,
  path: string,
): { rest: TextRows; taken: TextRows } | undefined {
  // Each label keeps a row to be learnt from, where that can be.
  const draw = (count: number) => drawRows(all, count, { ...testDraw, kept: 1 });
  const divided = testRowsOf(test, all.rows.length, path, draw);
  if (divided.taken.length === 0) return undefined;
  const rest = selectRows(all, divided.left);
  const taken = selectRows(all, divided.taken);
  if (!all.labelsOrdered) refuseUnlearnt(rest, taken, path);
  return { rest, taken };
}

/** A classifier has a class for each label that is found, and must not have one for what it never sees. */
function refuseUnlearnt(rest: TextRows, taken: TextRows, path: string): void {
  const { labelNames, rows, unit } = taken;
  const learnt = foundPlaces(rest);
  const unlearnt = [...foundPlaces(taken)].filter((label) => !learnt.has(label));
  if (unlearnt.length === 0) return;
  const names = listNames(unlearnt.map((label) => labelNames![label]!));
  const where = listRows(
    unit,
    rows.filter((_, index) => placesOf(taken, index).some((label) => !learnt.has(label))),
  );
  throw new UserError(`rows for testing have labels that no other row has (${names}): ${where}`, {
    where: path,
    remedy: 'Take other rows for testing, or name all labels under `dataset.labels`.',
  });
}
