/** Parts of the sentences of a judgement. */
import { formatChange, formatCount, formatInterval } from '../../core/format.ts';
import type { Interval } from '../../core/statistics/paired.ts';
import type { ComparisonDesign } from './design.ts';
import type { Difference } from './difference.ts';

/** The setting that is tuned, by the last part of its name: `learningRate`. */
export const tunedName = ({ tuned }: ComparisonDesign): string => tuned?.key.split('.').at(-1) ?? 'setting';

/** `16 rows`, or `all rows` */
export const rowsOf = (size: number | null): string => (size === null ? 'all rows' : formatCount(size, 'row'));

/** `nRMSE 2.7 % lower` */
export function changed({ metric, unit }: ComparisonDesign, { change }: Difference): string {
  return `${metric.name} ${formatChange(change, unit)}`;
}

/** `95 % interval −3.5 to −1.9 %` */
export function intervalWords({ unit }: ComparisonDesign, interval: Interval, coverage: 90 | 95 = 95): string {
  return `${coverage} % interval ${formatInterval(interval, unit)}`;
}

/** `nRMSE 2.7 % lower (95 % interval −3.5 to −1.9 %, 10 seeds)`, of differences that were tested */
export function changeWords(design: ComparisonDesign, difference: Difference, coverage: 90 | 95 = 95): string {
  const interval = coverage === 90 ? difference.interval90! : difference.interval!;
  const seeds = formatCount(difference.seeds.length, 'seed');
  return `${changed(design, difference)} (${intervalWords(design, interval, coverage)}, ${seeds})`;
}
