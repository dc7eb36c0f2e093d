import { createHash } from 'node:crypto';
import { listRows } from '../../datasets/text/text-rows.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';

/** A digest of the values of each sample. */
function digestsOf({ shape, values }: Trajectories): string[] {
  const samples = shape[0]!;
  const size = values.length / samples;
  return Array.from({ length: samples }, (_, sample) =>
    createHash('sha1')
      .update(values.subarray(sample * size, (sample + 1) * size))
      .digest('base64'),
  );
}

/**
 * A warning of test samples that are in other data too; empty: there are none.
 * @param kind what the others are, in words.
 */
export function sharedFields(test: Trajectories, others: Trajectories, kind: string): string[] {
  const rowOf = new Map(digestsOf(others).map((digest, index) => [digest, others.rows[index]!]));
  const pairs = digestsOf(test).flatMap((digest, index) => {
    const same = rowOf.get(digest);
    return same === undefined ? [] : [{ row: test.rows[index]!, same }];
  });
  if (pairs.length === 0) return [];
  const rows = listRows(
    'row',
    pairs.map(({ row }) => row),
  );
  const same = listRows('row', [...new Set(pairs.map((pair) => pair.same))]);
  return [
    `${pairs.length} of ${test.rows.length} test samples are in the ${kind} data too, so metrics will look better than they are: ${rows}, the same as ${same} of the ${kind} data`,
  ];
}
