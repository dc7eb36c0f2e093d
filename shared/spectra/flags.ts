import type { Conv1dReading } from './config.ts';
import type { MetricValues } from './metrics/registry.ts';
import type { FittedSpectrum } from './spectrum.ts';

/** The numbers of a layer by which flags are decided. */
export interface FlagInput {
  readonly spectrum: FittedSpectrum;
  readonly metrics: MetricValues | null;
  /** Correlation traps, where they were counted. */
  readonly traps: number | null;
  /** How Conv1d weights were read; of no account for other kinds of layers. */
  readonly conv1d: Conv1dReading;
}

/** A remark on a layer in plain language, with the rule that leads to it. */
export interface FlagRule {
  readonly name: string;
  readonly rule: string;
  /** What it means and what to do about it. */
  readonly meaning: string;
  applies(input: FlagInput): boolean;
}

/** Fewer eigenvalues than this and alpha is too uncertain for a verdict. */
export const fewEigenvalues = 50;

const isFew = ({ eigenvalues }: Pick<FittedSpectrum, 'eigenvalues'>) => eigenvalues.length < fewEigenvalues;

/** Below this alpha a layer counts as over-trained, and above the other as under-trained (Martin and Mahoney). */
const [overTrainedBelow, underTrainedAbove] = [2, 6];

/** What is said of a layer by the thresholds of alpha. */
export type TrainedFlag = 'over-trained' | 'under-trained';

/**
 * What the thresholds say of a layer: they belong to the best fit of the spectrum of a whole matrix with enough eigenvalues, not to the
 * tail that balancing takes, nor to the rows of a Conv1d. Undefined: nothing.
 */
export function trainedFlag(
  spectrum: Pick<FittedSpectrum, 'kind' | 'eigenvalues'>,
  alphaBestFit: number | null | undefined,
  conv1d: Conv1dReading,
): TrainedFlag | undefined {
  if (alphaBestFit == null || isFew(spectrum) || (spectrum.kind === 'conv1d' && conv1d === 'rows')) return undefined;
  if (alphaBestFit < overTrainedBelow) return 'over-trained';
  return alphaBestFit > underTrainedAbove ? 'under-trained' : undefined;
}

const isTrained =
  (flag: TrainedFlag): FlagRule['applies'] =>
  ({ spectrum, metrics, conv1d }) =>
    trainedFlag(spectrum, metrics?.alphaBestFit, conv1d) === flag;

const poorFitAbove = 0.3;

/** Every flag: the order is that of the table. */
export const flagRules: readonly FlagRule[] = [
  {
    name: 'over-trained',
    rule: `alpha < ${overTrainedBelow} (best fit, of at least ${fewEigenvalues} eigenvalues)`,
    meaning:
      'The tail is so heavy that the layer may have memorised its data; more or noisier data, or less training, helps.',
    applies: isTrained('over-trained'),
  },
  {
    name: 'under-trained',
    rule: `alpha > ${underTrainedAbove} (best fit, of at least ${fewEigenvalues} eigenvalues)`,
    meaning:
      'The spectrum has no heavy tail: the layer is near its random start, and could learn more or is larger than needed.',
    applies: isTrained('under-trained'),
  },
  {
    name: 'poor fit',
    rule: `KS distance > ${poorFitAbove}`,
    meaning: 'A power law does not describe the tail that alpha was fitted to, so alpha says little.',
    applies: ({ spectrum }) => spectrum.ksDistance !== null && spectrum.ksDistance > poorFitAbove,
  },
  {
    name: 'few eigenvalues',
    rule: `fewer than ${fewEigenvalues}`,
    meaning: 'Alpha is uncertain, by about (alpha - 1) / sqrt(tail).',
    applies: ({ spectrum }) => spectrum.eigenvalues.length > 0 && isFew(spectrum),
  },
  {
    name: 'not of full rank',
    rule: 'rank < number of eigenvalues',
    meaning: 'Some directions carry nothing; zeros are filtered out before fitting.',
    applies: ({ spectrum, metrics }) => metrics?.matrixRank != null && metrics.matrixRank < spectrum.eigenvalues.length,
  },
  {
    name: 'correlation traps',
    rule: 'randomised eigenvalues > random-matrix edge',
    meaning:
      'Single entries are so large that they dominate the spectrum even in random places; often a too large learning rate.',
    applies: ({ traps }) => traps !== null && traps > 0,
  },
];

/** The layer's flags, each as `flag: rule`, after those that the measurement gave. */
export function flagsOf(input: FlagInput): string[] {
  const found = flagRules.filter((rule) => rule.applies(input)).map(({ name, rule }) => `${name}: ${rule}`);
  return [...input.spectrum.flags, ...found];
}
