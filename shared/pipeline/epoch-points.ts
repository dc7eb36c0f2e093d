/** What curves are drawn from: the numbers of committed epochs, without eigenvalues. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { type Manifest, readHead, readManifest } from '../checkpoints/manifest.ts';
import { RunError } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import type { EpochPoint } from '../reports/trackers/tracker.ts';
import { readMetrics, readSpectra } from './records.ts';

/** Epochs that are read at a time, each with three requests. */
const epochsAtATime = 8;

/**
 * The numbers of a run's committed epochs, in order. An epoch that is damaged is left out, and told of.
 * @param options.after leaves out the epochs up to this one
 */
export async function readEpochPoints(
  store: ArtifactStore,
  run: string,
  { after = -1, warn = () => {} }: { after?: number; warn?: (message: string) => void } = {},
): Promise<EpochPoint[]> {
  const head = await readHead(store, run);
  const epochs = Array.from({ length: Math.max(0, (head?.epoch ?? -1) - after) }, (_, index) => after + 1 + index);
  const read = async (epoch: number): Promise<EpochPoint | undefined> => {
    try {
      const manifest = await readManifest(store, run, epoch);
      return manifest && (await pointOf(store, manifest));
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      warn(`epoch ${epoch} is left out: ${error.message}`);
      return undefined;
    }
  };
  const found = await mapInFlight(epochs, { count: epochsAtATime }, read);
  return found.filter((point) => point !== undefined);
}

async function pointOf(store: ArtifactStore, manifest: Manifest): Promise<EpochPoint | undefined> {
  const [measured, spectra] = await Promise.all([readMetrics(store, manifest), readSpectra(store, manifest)]);
  if (!measured) return undefined;
  const { epoch, trainLoss, losses, metrics, baseLearningRate, gradientNorm, seconds, applied } = measured;
  return {
    epoch,
    committedAt: manifest.committedAt,
    trainLoss,
    losses,
    metrics,
    baseLearningRate,
    gradientNorm: gradientNorm?.mean ?? null,
    seconds,
    alphaMean: spectra?.summary.alphaMean ?? null,
    alphaStd: spectra?.summary.alphaStd ?? null,
    alphas: Object.fromEntries((spectra?.layers ?? []).map(({ name, alpha }) => [name, alpha])),
    factors: Object.fromEntries(applied.map(({ group, learningRateMultiplier }) => [group, learningRateMultiplier])),
  };
}
