import type { DataPath } from '../datasets/data-path.ts';
import type { Reinitialised } from '../models/hugging-face/reinitialise.ts';
import type { BalanceDescription } from '../schedules/describe.ts';
import type { RateTable } from '../schedules/rates.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { ClassTable } from '../training/metrics/classification.ts';
import type { PredictedFields } from '../training/predicted/record.ts';
import type { AdapterReport } from './adapter.ts';

/** How a run ended, or that it has not. */
export type RunStatus = 'completed' | 'converged' | 'budget' | 'diverged' | 'failed' | 'running';

/** The validation metric that decides which epoch is best. */
export interface ReportMetric {
  readonly name: string;
  readonly direction: 'lower' | 'higher';
}

/** The factors one parameter group trained with, in one epoch. */
export interface AppliedRate {
  /** Name of the group: a layer's name, or what the trainer calls the rest. */
  readonly group: string;
  readonly learningRateMultiplier: number;
  /** The part of it that is due to the layer's depth (`training.layerDecay`), not to balancing. */
  readonly layerDecay?: number | undefined;
  readonly weightDecayMultiplier?: number;
  /** The multiplier of SAM's radius. */
  readonly rhoMultiplier?: number | undefined;
}

/** What is known of one epoch; epoch 0 is the model before any training. */
export interface EpochReport {
  readonly epoch: number;
  /** Mean training loss; null at epoch 0 and where it was not a finite number. */
  readonly trainLoss: number | null;
  /** Loss of every step, in order. */
  readonly losses?: readonly (number | null)[];
  /** Validation metrics by name. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Wall-clock time of training and evaluation. */
  readonly seconds: number;
  /** The scores of a classifier by class. */
  readonly classes?: ClassTable | undefined;
  /** Spectra of the weights as they stood after the epoch; eigenvalues may be absent where they are not drawn. */
  readonly spectra: SpectraReport | null;
  /** Multipliers that this epoch's analysis handed to the next epoch. */
  readonly rates: RateTable | null;
  readonly baseLearningRate: number | null;
  /** The analyses within the epoch: steps of the run up to there, and alphas. */
  readonly measurements?:
    | readonly { readonly steps: number; readonly alphaMean: number | null; readonly alphaStd: number | null }[]
    | undefined;
  /** The multipliers at the end of this epoch's training. */
  readonly applied: readonly AppliedRate[];
}

/** An epoch measured on test data. */
export interface TestedReport {
  readonly epoch: number;
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** The cost of a run so far, in US dollars. */
export interface RunCost {
  readonly usd: number;
  /** `meter`: what tasks used, at list prices; `usdPerHour`: time on a machine of that price. */
  readonly basis: 'meter' | 'usdPerHour';
}

/** Everything a report says of one run. */
export interface RunReport {
  readonly name: string;
  /** The folder that the run's folder is in, or an address that begins with `s3://`; absent: not known. */
  readonly place?: string | undefined;
  /** The folder of the comparison that the run belongs to; absent: it belongs to none, or that is not known. */
  readonly comparison?: string | undefined;
  readonly status: RunStatus;
  /** Why it ended as it did, in a sentence; may be empty. */
  readonly reason: string;
  /** A remark on the exported model; absent: it is the best of what was trained. */
  readonly remark?: string | undefined;
  /** What of the model was drawn from the seed, in words; absent: nothing. */
  readonly drawn?: string | undefined;
  readonly metric: ReportMetric;
  /** The resolved run file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The `config.json` that a language model was made by. */
  readonly model?: Readonly<Record<string, unknown>> | undefined;
  /** Of a run that leaves the model's weights as they are and trains an adapter of them. */
  readonly adapter?: AdapterReport | undefined;
  /** How spectra were taken and fitted, in words: alphas of runs in which it differs are not comparable. */
  readonly alphaOf?: string;
  /** The way in which Conv1d weights were taken apart for their spectra. */
  readonly conv1d?: 'rows' | 'taps';
  /** Exponents of the best fits, which the thresholds of alpha belong to, by layer in one epoch: the best, or the last where the best was not analysed. */
  readonly bestFits?: { readonly epoch: number; readonly alphas: Readonly<Record<string, number | null>> } | undefined;
  /** How much of the model is balanced, and when; absent where balancing is off. */
  readonly balance?: BalanceDescription | undefined;
  /** What of a pre-trained model was drawn from the seed before training. */
  readonly reinitialised?: Reinitialised | undefined;
  /** Decay of the moving average of the weights, where metrics and exported weights are those of the average. */
  readonly averageDecay?: number | undefined;
  readonly versions: Readonly<Record<string, string>>;
  readonly dataset: { readonly path: DataPath; readonly sha256: string; readonly bytes: number } & Readonly<
    Record<string, unknown>
  >;
  readonly seed: number;
  /** Metrics on the test data; absent: none were measured. */
  readonly test?: { readonly best: TestedReport | null; readonly last: TestedReport } | undefined;
  readonly epochs: readonly EpochReport[];
  /** What an epoch, the best where there is one and the last otherwise, predicted of the validation data; absent: not kept, or not of fields. */
  readonly predictions?: { readonly epoch: number; readonly fields: PredictedFields } | undefined;
  readonly best: { readonly epoch: number; readonly value: number } | null;
  /** Wall time so far, with analyses and what came before an interruption; absent: that of the epochs' training and evaluation. */
  readonly seconds?: number | undefined;
  readonly history: readonly { readonly at: string; readonly what: string }[];
  /** Absent where nothing is metered. */
  readonly cost?: RunCost | undefined;
}

/** What `report.html` is made from: one run, or several to be drawn together. */
export interface ReportInput {
  readonly title: string;
  /** Time of making, as it is to be printed. */
  readonly madeAt: string;
  readonly runs: readonly RunReport[];
}
