import type { ArtifactStore } from './artifact-store.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { runKeys } from './run-keys.ts';

/** The files that are large and only needed to go on training, to export, or to show what a model predicts: old epochs keep the rest. */
const heavyFiles = new Set(['model.safetensors', 'optimizer.safetensors', 'average.safetensors', 'predictions.json']);

/**
 * Frees what the given epochs no longer need: abandoned attempts wholly, what the committed attempt's manifest does not
 * name, and its weights, optimizer state and predictions unless the epoch is one of the last `keep` or the best. Measurements of every
 * epoch stay, for the report.
 */
export async function prune(
  store: ArtifactStore,
  head: Manifest,
  { keep, best, epochs }: { keep: number; best: number | undefined; epochs: Iterable<number> },
): Promise<void> {
  const { run } = head;
  for (const epoch of epochs) {
    if (epoch < 0 || epoch > head.epoch) continue;
    const manifest = epoch === head.epoch ? head : await readManifest(store, run, epoch).catch(() => undefined);
    if (!manifest) continue;
    const isOld = epoch <= head.epoch - keep && epoch !== best;
    const folder = `${runKeys.epoch(run, epoch)}/`;
    for (const key of await store.list(folder)) {
      const [attempt, file] = key.slice(folder.length).split('/');
      if (file === undefined) continue;
      const isNeeded = attempt === manifest.attempt && manifest.files[file] && !(isOld && heavyFiles.has(file));
      if (!isNeeded) await store.delete(key);
    }
  }
}

/** Deletes what training tasks left for the workflow at epochs up to this one: those are committed. */
export async function pruneResults(store: ArtifactStore, run: string, epoch: number): Promise<void> {
  const folder = runKeys.results(run);
  for (const key of await store.list(folder)) {
    if (Number.parseInt(key.slice(folder.length), 10) <= epoch) await store.delete(key);
  }
}
