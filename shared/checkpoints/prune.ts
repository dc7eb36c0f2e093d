import type { ArtifactStore } from './artifact-store.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { runKeys } from './run-keys.ts';

/** The files that are large and only needed to go on training or to export: old epochs keep the rest. */
const heavyFiles = new Set(['model.safetensors', 'optimizer.safetensors']);

/**
 * Frees what the given epochs no longer need: abandoned attempts wholly, and the committed attempt's weights and
 * optimizer state unless the epoch is one of the last `keep` or the best. Measurements of every epoch stay, for the report.
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
      if (attempt !== manifest.attempt || (isOld && heavyFiles.has(file))) await store.delete(key);
    }
  }
}
