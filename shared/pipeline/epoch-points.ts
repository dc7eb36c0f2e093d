/** What curves are drawn from: the numbers of committed epochs, without eigenvalues. */
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { readHead, readManifest } from '../checkpoints/manifest.ts';
import { RunError } from '../core/errors.ts';
import { mapInFlight } from '../core/in-flight.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import { type EpochMetrics, readMetrics, readSpectra } from './records.ts';

/** The numbers of one epoch; epoch 0 is the model before training. */
export interface EpochPoint {
  readonly epoch: number;
  /** When it was committed, in ISO 8601; null before that. */
  readonly committedAt: string | null;
  readonly trainLoss: number | null;
  /** On the validation data. */
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly baseLearningRate: number | null;
  /** Mean over the steps. */
  readonly gradientNorm: number | null;
  /** Wall time of training and evaluation. */
  readonly seconds: number;
  readonly alphaMean: number | null;
  readonly alphaStd: number | null;
  /** By layer; null of a layer without a fit. Empty where the epoch was not measured. */
  readonly alphas: Readonly<Record<string, number | null>>;
  /** By layer: the factor on the learning rate that it trained with. */
  readonly factors: Readonly<Record<string, number>>;
}

/** The numbers of an epoch from its files. */
function epochPoint(
  measured: EpochMetrics,
  spectra: SpectraReport | undefined,
  committedAt: string | null = null,
): EpochPoint {
  const { epoch, trainLoss, metrics, baseLearningRate, gradientNorm, seconds, applied } = measured;
  return {
    epoch,
    committedAt,
    trainLoss,
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
      const measured = manifest && (await readMetrics(store, manifest));
      return measured && epochPoint(measured, await readSpectra(store, manifest), manifest.committedAt);
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      warn(`epoch ${epoch} is left out: ${error.message}`);
      return undefined;
    }
  };
  const found = await mapInFlight(epochs, { count: epochsAtATime }, read);
  return found.filter((point) => point !== undefined);
}
