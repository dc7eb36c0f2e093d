import { summariesOf } from '../../datasets/sample-summaries.ts';
import { listRows } from '../../datasets/text/text-rows.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';

const digestsOf = async (data: Trajectories): Promise<string[]> =>
  (await summariesOf(data)).map(({ digest }) => digest);

/**
 * A warning of samples held out that are in other data too; empty: there are none.
 * @param kind what the others are, in words.
 * @param what these are.
 */
export async function sharedFields(
  test: Trajectories,
  others: Trajectories,
  kind: string,
  what = 'test',
): Promise<string[]> {
  const rowOf = new Map((await digestsOf(others)).map((digest, index) => [digest, others.rows[index]!]));
  const pairs = (await digestsOf(test)).flatMap((digest, index) => {
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
    `${pairs.length} of ${test.rows.length} ${what} samples are in the ${kind} data too, so metrics will look better than they are: ${rows}, the same as ${same} of the ${kind} data`,
  ];
}
