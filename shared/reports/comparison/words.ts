import type { Arm, ComparisonDesign, RunPlan, Tried } from '../../decisions/comparison/design.ts';
import type { ArmFinding } from '../../decisions/comparison/judgement.ts';
import { formatBounds, formatCount, formatMetric, formatNumber, formatSigned } from '../format.ts';
import { shortKey } from '../groups.ts';
import type { ComparisonResult } from './input.ts';
import type { ArmSummary } from './summary.ts';

/** A finding, for a cell of a table. */
export const findingWords = {
  helps: 'helps',
  harms: 'harms',
  noEffect: 'no effect',
  undecided: 'undecided',
} as const satisfies Record<ArmFinding['finding'], string>;

/** The symbol of a unit, for the head of a column. */
export const unitSymbols = { points: 'points', percent: '%' } as const satisfies Record<
  ComparisonDesign['unit'],
  string
>;

export const unitWords = { points: 'percentage points', percent: 'per cent' } as const satisfies Record<
  ComparisonDesign['unit'],
  string
>;

/** `24 training rows`, or that all are taken. */
export const formatSize = (size: number | null): string =>
  size === null ? 'all training rows' : formatCount(size, 'training row');

/** `0.001` or `adam`; `–` for none. */
export function formatTried(tried: Tried | null | undefined): string {
  if (tried === null || tried === undefined) return '–';
  return typeof tried === 'number' ? String(Number(tried.toPrecision(4))) : String(tried);
}

/** `learningRate`; null where nothing is tuned. */
export const tunedKey = ({ tuned }: ComparisonDesign): string | null => (tuned ? shortKey(tuned.key) : null);

/** `nrmse (lower is better)` */
export const withDirection = ({ name, direction }: ComparisonDesign['metric']): string =>
  `${name} (${direction} is better)`;

/** `+1.2`, `−0.35`; `–` for none. */
export function formatSignedChange(change: number | null): string {
  if (change === null) return '–';
  return formatSigned(change, Math.abs(change) < 1 ? 2 : 1);
}

/** `−1.2 to +3.4`; `–` for none. */
export const formatRange = (interval: readonly [number, number] | null): string =>
  interval ? formatBounds(interval) : '–';

/** `0.031`, `< 0.001`; `–` for none. */
export function formatP(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}

/** `10`, `9 of 10` or `10 (1 diverged)`: how many test seeds have a value. */
export function formatSeeds({ values, diverged }: ArmSummary, { seeds }: ComparisonDesign): string {
  const { length } = values;
  const counted = length === seeds.test.length ? String(length) : `${length} of ${seeds.test.length}`;
  return diverged > 0 ? `${counted} (${diverged} diverged)` : counted;
}

/** A mean with its interval, e.g. for the title of a mark. */
export function formatMeanAndInterval({ mean, interval }: ArmSummary, unit: ComparisonDesign['unit']): string {
  if (mean === null) return 'no value';
  const value = `mean ${formatMetric(mean, unit)}`;
  if (!interval) return value;
  return `${value}, 95 % interval ${formatMetric(interval[0], unit)} to ${formatMetric(interval[1], unit)}`;
}

/** The changes of an arm in words. */
export const formatChanges = ({ changes }: Arm): string =>
  changes.length === 0 ? 'the run file as it is' : changes.join(', ');

/** `3 of 4 hours, 0.20 of 5 USD` as one phrase. */
export function formatBudget({ spent, budget }: ComparisonResult): string {
  const hours = budget.hours === undefined ? [] : [`${formatNumber(spent.seconds / 3600, 3)} of ${budget.hours} h`];
  const usd = budget.usd === undefined ? [] : [`${formatNumber(spent.usd, 3)} of ${budget.usd} USD`];
  return [...hours, ...usd].join(', ') || 'no limit';
}

/** The purpose of a run in words. */
export const purposeWords = { tuning: 'tuning', test: 'test' } as const satisfies Record<RunPlan['purpose'], string>;

/** The recommended settings, e.g. `shuffled with learningRate 0.001`, by size where they differ. */
export function formatTaken({ design, judgement: { recommendation } }: ComparisonResult): string {
  const { arm, tried } = recommendation;
  const key = tunedKey(design);
  const chosen = tried.filter(({ value }) => value !== null);
  if (key === null || chosen.length === 0) return `“${arm}”`;
  const values = new Set(chosen.map(({ value }) => value));
  if (values.size === 1) return `“${arm}” with ${key} ${formatTried(chosen[0]!.value)}`;
  return `“${arm}” with ${key} ${chosen.map(({ size, value }) => `${formatTried(value)} (${formatSize(size)})`).join(', ')}`;
}

/** Text with a capital and a full stop. */
export function asSentence(text: string): string {
  const begun = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
