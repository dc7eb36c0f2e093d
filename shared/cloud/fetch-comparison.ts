/** Brings a comparison out of a deployment's bucket into a folder of this machine. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { comparisonKeys } from '../checkpoints/comparison-keys.ts';
import { encodeJson, readJson } from '../checkpoints/json.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { UserError } from '../core/errors.ts';
import { refuseOthers } from '../pipeline/comparison/begin.ts';
import { comparisonRequestSchema, readComparison, readResults } from '../pipeline/comparison/records.ts';
import type { Cloud } from './open-cloud.ts';
import { nameOf } from './runs.ts';

/** The ledger of the budget stays where it is drawn on, and what is compared is written without the bucket's addresses. */
const notFetched = /^(budget|compare)\.json$/;

/**
 * Fetches results, page, judgement and run files, and the models where they are kept. What was compared is fetched too, so that a
 * comparison on this machine can go on with it.
 * @param options.local holds the comparison, under its name
 * @param options.all whether all files of the runs are fetched, too
 * @returns the files, within the comparison's folder.
 * @throws UserError when no run of it is finished, or there is another comparison of its name.
 */
export async function fetchComparison(
  { store }: Pick<Cloud, 'store'>,
  comparison: string,
  { local, all }: { local: ArtifactStore; all: boolean },
): Promise<string[]> {
  const name = nameOf(comparison);
  const { addresses: _, ...request } = await readComparison(store, comparison);
  const before = await readJson(local, comparisonKeys.request(name), comparisonRequestSchema);
  if (before) refuseOthers(before, request, `${local.label}/${name}`);
  const results = await readResults(store, comparison);
  if (results.length === 0) {
    throw new UserError('has no results yet', {
      where: name,
      remedy: `See how far it is: npx tempbalance cloud status ${name}`,
    });
  }
  const runs = comparisonKeys.run(comparison, '');
  const isOwn = (key: string) => !key.startsWith(runs) && !notFetched.test(key.slice(comparison.length + 1));
  const models =
    request.settings.keep === 'models'
      ? results.map(({ run }) => runKeys.model(comparisonKeys.run(comparison, run), ''))
      : [];
  const keys = (await store.list(`${comparison}/`)).filter(
    (key) => isOwn(key) || (key.startsWith(runs) && (all || models.some((model) => key.startsWith(model)))),
  );
  await local.put(comparisonKeys.request(name), encodeJson(request));
  const fetched: string[] = [];
  for (const key of keys) {
    const object = await store.get(key);
    if (!object) continue;
    const file = key.slice(comparison.length + 1);
    await local.put(`${name}/${file}`, object.bytes);
    fetched.push(file);
  }
  return fetched;
}
