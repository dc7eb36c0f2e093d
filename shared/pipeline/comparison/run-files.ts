/** Deletes files of the runs of a comparison. */
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { RunPlan } from '../../decisions/comparison/design.ts';
import { files } from '../records.ts';
import type { ComparisonRequest } from './records.ts';
import { resultOfRun } from './run-result.ts';

/** Files of an epoch that hold weights or an optimizer's state. */
const heavy = [files.model, files.optimizer, files.average];
const isHeavy = (key: string) => heavy.some((name) => key.endsWith(`/${name}`));

/** Deletes what training would go on from, and the exported model; measurements and the report stay. */
export async function freeModels(store: ArtifactStore, child: string): Promise<void> {
  const epochs = await store.list(runKeys.epochs(child));
  for (const key of [...epochs.filter(isHeavy), ...(await store.list(runKeys.model(child, '')))]) {
    await store.delete(key);
  }
}

/** Whether a run has epochs, and `freeModels` has deleted what training would go on from. */
export async function isFreed(store: ArtifactStore, child: string): Promise<boolean> {
  const epochs = await store.list(runKeys.epochs(child));
  return epochs.length > 0 && !epochs.some(isHeavy);
}

/**
 * Deletes what is left of a run that had ended and whose result was lost, where its files don't tell it any more and, without weights, can't be gone on
 * from. The run then begins anew.
 */
export async function clearSpoilt(
  store: ArtifactStore,
  child: string,
  request: Pick<ComparisonRequest, 'settings' | 'data'>,
  plan: RunPlan,
): Promise<void> {
  if (!(await isFreed(store, child))) return;
  if ((await resultOfRun(store, child, request, plan, undefined)).status !== 'failed') return;
  for (const key of await store.list(`${child}/`)) await store.delete(key);
}
