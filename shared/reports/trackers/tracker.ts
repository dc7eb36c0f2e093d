/** Writing a run's numbers for other programs to show. */
import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';

/** The numbers of one epoch; epoch 0 is the model before training. */
export interface EpochPoint {
  readonly epoch: number;
  /** When it was committed, in ISO 8601. */
  readonly committedAt: string;
  /** Mean over the steps; null at epoch 0 and where it was not a finite number. */
  readonly trainLoss: number | null;
  /** The loss of every step. */
  readonly losses: readonly (number | null)[];
  /** Metrics on the validation data. */
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

/** The facts about a run besides its epochs. */
export interface TrackedRun {
  readonly name: string;
  /** The time of its start, in ISO 8601. */
  readonly begunAt: string;
  /** The resolved settings. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The path or address of its model. */
  readonly modelAddress: string;
}

/** The place that a tracker writes to, which has a key prefix of its own. */
export interface TrackerPlace {
  readonly store: ArtifactStore;
  readonly folder: string;
}

/** A format that other programs read. What it has of an epoch is written again when the epoch is made again: nothing is there twice. */
export interface Tracker {
  readonly name: string;
  /** The last epoch that it has; -1: none. */
  noted(place: TrackerPlace, run: TrackedRun): Promise<number>;
  /** Writes epochs that follow each other, and takes away what it has from the first of them on. */
  note(place: TrackerPlace, run: TrackedRun, epochs: readonly EpochPoint[]): Promise<void>;
  /** Notes that the run has ended. */
  end?(place: TrackerPlace, run: TrackedRun, end: { readonly succeeded: boolean; readonly at: string }): Promise<void>;
}

/** The numbers of an epoch that are one for the whole model, by name, in the order in which they are shown; null for those that it lacks. */
export function scalarsOf(point: EpochPoint): readonly (readonly [string, number | null])[] {
  const { trainLoss, metrics, baseLearningRate, gradientNorm, seconds, alphaMean, alphaStd } = point;
  return [
    ['training/loss', trainLoss],
    ...Object.entries(metrics).map(([name, value]) => [`validation/${name}`, value] as const),
    ['training/baseLearningRate', baseLearningRate],
    ['training/gradientNorm', gradientNorm],
    ['training/seconds', seconds],
    ['alpha/mean', alphaMean],
    ['alpha/std', alphaStd],
  ];
}
