/** What the study does, as data: settings, and the runs that follow from them. */
import type { BertSize } from '../../examples/pretrain-bert.ts';

export interface StudySettings {
  /** Documents used; the rest are left out by the seed. Absent: all. */
  readonly documents?: number;
  /** Documents that a label needs to be told apart. */
  readonly minimum: number;
  readonly validation: number;
  readonly test: number;
  readonly size: BertSize;
  readonly pretraining: {
    readonly epochs: number;
    readonly batchSize: number;
    readonly learningRate: number;
    readonly seed: number;
  };
  /** Labelled documents of each label that a model learns from, at most. */
  readonly perLabel: readonly number[];
  readonly batchSize: number;
  /** Optimizer steps that a run should take, within the bounds on its epochs. */
  readonly steps: number;
  readonly epochs: { readonly least: number; readonly most: number };
  /** Base rates that are tried for each arm. */
  readonly rates: readonly number[];
  /** Of the runs that a rate is chosen by, on validation documents. */
  readonly tuningSeeds: readonly number[];
  /** Of the runs that count, on test documents. */
  readonly seeds: readonly number[];
  /** Decides the split. */
  readonly seed: number;
}

export const full: StudySettings = {
  minimum: 500,
  validation: 1000,
  test: 2000,
  size: { blocks: 4, hiddenSize: 256, heads: 4, vocabularySize: 8000, maxTokens: 48 },
  pretraining: { epochs: 10, batchSize: 64, learningRate: 5e-4, seed: 1 },
  perLabel: [4, 16, 64, 256],
  batchSize: 16,
  steps: 400,
  epochs: { least: 4, most: 20 },
  rates: [5e-5, 1e-4, 2e-4, 5e-4],
  tuningSeeds: [101, 102],
  seeds: [1, 2, 3, 4, 5],
  seed: 1,
};

export const quick: StudySettings = {
  ...full,
  documents: 8000,
  minimum: 300,
  validation: 200,
  test: 400,
  size: { blocks: 2, hiddenSize: 96, heads: 4, vocabularySize: 2000, maxTokens: 32 },
  pretraining: { epochs: 6, batchSize: 64, learningRate: 1e-3, seed: 1 },
  perLabel: [4, 32],
  steps: 100,
  epochs: { least: 3, most: 12 },
  rates: [3e-4, 1e-3],
  tuningSeeds: [101],
  seeds: [1, 2, 3],
};

export const arms = ['plain', 'balanced'] as const;
export type Arm = (typeof arms)[number];

/** A fine-tuning. */
export interface PlannedRun {
  /** Says all that tells it from the study's other runs. */
  readonly name: string;
  readonly purpose: 'tune' | 'test';
  readonly arm: Arm;
  readonly perLabel: number;
  readonly rate: number;
  readonly seed: number;
}

const planned = (run: Omit<PlannedRun, 'name'>): PlannedRun => ({
  ...run,
  name: `${run.purpose}-${run.perLabel}-${run.arm}-${run.rate}-${run.seed}`,
});

/** The runs that the base rate of an arm is chosen by. */
export function tuningRuns({ rates, tuningSeeds }: StudySettings, arm: Arm, perLabel: number): PlannedRun[] {
  return rates.flatMap((rate) => tuningSeeds.map((seed) => planned({ purpose: 'tune', arm, perLabel, rate, seed })));
}

/** The runs that count. */
export function testRuns({ seeds }: StudySettings, arm: Arm, perLabel: number, rate: number): PlannedRun[] {
  return seeds.map((seed) => planned({ purpose: 'test', arm, perLabel, rate, seed }));
}

/** The rate with the best mean accuracy, the lowest of equals; a run that diverged counts as 0. */
export function bestRate(results: readonly { readonly run: PlannedRun; readonly accuracy: number | null }[]): number {
  const byRate = [...Map.groupBy(results, ({ run }) => run.rate)].map(([rate, runs]) => ({
    rate,
    mean: runs.reduce((sum, { accuracy }) => sum + (accuracy ?? 0), 0) / runs.length,
  }));
  return byRate.reduce((best, each) =>
    each.mean > best.mean || (each.mean === best.mean && each.rate < best.rate) ? each : best,
  ).rate;
}

/** Epochs in which about the wanted number of steps is taken. */
export function epochsFor({ steps, batchSize, epochs }: StudySettings, rows: number): number {
  return Math.min(epochs.most, Math.max(epochs.least, Math.round(steps / Math.ceil(rows / batchSize))));
}
