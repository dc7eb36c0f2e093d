/** What of a run must not depend on how it was disturbed. */
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readArtifact, readHead, readManifest } from '../../shared/checkpoints/manifest.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';

export const parsedJson = (bytes: Uint8Array | undefined) => bytes && JSON.parse(new TextDecoder().decode(bytes));

/** Everything that must not depend on interruptions: all but times, names of attempts and the history. */
export async function resultOf(store: ArtifactStore, run: string, epochs: number) {
  const read = async (key: string) => (await store.get(key))?.bytes;
  const perEpoch = [];
  for (let epoch = 0; epoch <= epochs; epoch++) {
    const manifest = (await readManifest(store, run, epoch))!;
    const file = async (name: string) => {
      const kept = await read(runKeys.artifact(run, epoch, manifest.attempt, name));
      return kept && readArtifact(store, manifest, name);
    };
    const { seconds: _, ...metrics } = parsedJson(await file('metrics.json'));
    const { seconds: __, slowestEpochSeconds: ___, ...progress } = parsedJson(await file('progress.json'));
    perEpoch.push({
      metrics,
      progress,
      spectra: parsedJson(await file('spectra.json')),
      rates: parsedJson(await file('rates.json')),
      model: await file('model.safetensors'),
      optimizer: await file('optimizer.safetensors'),
      average: manifest.files['average.safetensors'] && (await file('average.safetensors')),
      digests: [manifest.files['model.safetensors'], manifest.files['optimizer.safetensors']],
    });
  }
  const { at: _, ...outcome } = parsedJson(await read(runKeys.outcome(run)));
  return {
    outcome,
    perEpoch,
    head: (await readHead(store, run))!.epoch,
    best: parsedJson(await read(runKeys.best(run))),
    exported: await read(runKeys.model(run, 'model.safetensors')),
    exportedConfig: parsedJson(await read(runKeys.model(run, 'config.json'))),
    reported: (await read(runKeys.report(run))) !== undefined,
    keys: (await store.list('')).map((key) => key.replace(/(\/epochs\/\d+)\/[^/]+\//, '$1/attempt/')).sort(),
  };
}

/** A store with every epoch that the head was moved to, in order. */
export function withCommits(store: ArtifactStore, run: string) {
  const commits: number[] = [];
  const noted = async (key: string, bytes: Uint8Array, tag: string | undefined) => {
    if (tag !== undefined && key === runKeys.head(run)) commits.push(parsedJson(bytes).epoch);
    return tag;
  };
  const watched: ArtifactStore = {
    ...store,
    putIfAbsent: async (key, bytes) => noted(key, bytes, await store.putIfAbsent(key, bytes)),
    putIfMatch: async (key, bytes, etag) => noted(key, bytes, await store.putIfMatch(key, bytes, etag)),
  };
  return { watched, commits };
}
