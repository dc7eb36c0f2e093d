import * as Plot from '@observablehq/plot';
import type { ComparisonDesign, Tried } from '../../decisions/comparison/design.ts';
import type { Tuning } from '../../decisions/comparison/judgement.ts';
import { logDomain, logTicks, tickText } from '../curves.ts';
import { formatMetric } from '../format.ts';
import { finite } from '../runs.ts';
import { renderSvg } from '../svg.ts';
import { styleOfArm } from './arms.ts';
import { formatSize, formatTried, tunedKey } from './words.ts';

/** A logarithmic axis is for values that span more than this factor. */
const SPAN = 4;

/** All values tried at a size, in order: numbers by size, others as they come. */
export function triedValues(tunings: readonly Tuning[]): Tried[] {
  const all = [...new Set(tunings.flatMap(({ scores }) => scores.map(({ tried }) => tried)))];
  return all.every((tried) => typeof tried === 'number') ? all.toSorted((a, b) => Number(a) - Number(b)) : all;
}

/** Mean results of the tuning runs of a size over the values tried, a line per arm, with a ring around the chosen value; null without any. */
export function tuningPlot(design: ComparisonDesign, tunings: readonly Tuning[], size: number | null): string | null {
  const { unit, metric } = design;
  const style = styleOfArm(design);
  const values = triedValues(tunings);
  const numbers = values.every((tried) => typeof tried === 'number') ? values : null;
  const means = tunings.flatMap(({ scores }) => scores.flatMap(({ mean }) => finite(mean) ?? []));
  if (means.length === 0) return null;
  const low = Math.min(...means);
  const high = Math.max(...means);
  const isLogarithmic = metric.direction === 'lower' && low > 0 && high > 10 * low;
  const key = tunedKey(design)!;
  const isLogX = numbers !== null && numbers[0]! > 0 && numbers.at(-1)! > SPAN * numbers[0]!;
  const x = {
    label: `${key}${isLogX ? ' (log scale)' : ''}`,
    labelAnchor: 'right' as const,
    tickFormat: formatTried,
  };
  const padded = numbers ? withRoom(numbers[0]!, numbers.at(-1)!, isLogX) : [];
  const at = ({ tried }: { tried: Tried }) => (numbers ? tried : formatTried(tried));
  return renderSvg({
    ariaLabel: `${metric.name} of the tuning runs over ${key}, by arm${size === null ? '' : `, ${formatSize(size)}`}`,
    width: 1080,
    height: 340,
    marginLeft: 64,
    marginTop: 30,
    marginRight: 24,
    marginBottom: 44,
    x: numbers
      ? { ...x, type: isLogX ? 'log' : 'linear', domain: padded, ticks: numbers }
      : { ...x, type: 'point', domain: values.map(formatTried), padding: 0.5 },
    y: {
      type: isLogarithmic ? 'log' : 'linear',
      axis: null,
      ...(isLogarithmic ? { domain: logDomain(low, high) } : { nice: true }),
    },
    marks: [
      isLogarithmic ? Plot.gridY(logTicks(low, high)) : Plot.gridY({ ticks: 5 }),
      Plot.axisY({
        ...(isLogarithmic ? { ticks: logTicks(low, high) } : { ticks: 5 }),
        label: `mean ${metric.name} on validation data${isLogarithmic ? ' (log scale)' : ''}`,
        labelAnchor: 'top',
        labelArrow: 'none',
        text: (value: number) => (unit === 'points' ? formatMetric(value, unit) : tickText(value)),
      }),
      ...tunings.flatMap(({ arm, scores, winner }) => {
        const { stroke, dash, marker, isHollow } = style(arm);
        const points = scores.map((score) => ({ ...score, at: at(score), mean: finite(score.mean) ?? Number.NaN }));
        const shown = points.filter(({ mean }) => Number.isFinite(mean));
        const title = ({ tried, mean }: { tried: Tried; mean: number }) =>
          `${arm}, ${key} ${formatTried(tried)}: mean ${formatMetric(mean, unit)}${tried === winner ? ', chosen' : ''}`;
        return [
          Plot.line(points, { x: 'at', y: 'mean', stroke, strokeWidth: 2, strokeDasharray: dash }),
          Plot.dot(shown, {
            x: 'at',
            y: 'mean',
            r: 4,
            symbol: marker,
            fill: isHollow ? 'var(--page)' : stroke,
            ...(isHollow ? { stroke, strokeWidth: 1.5 } : {}),
            title,
          }),
          Plot.dot(
            shown.filter(({ tried }) => tried === winner),
            { x: 'at', y: 'mean', r: 8.5, fill: 'none', stroke, strokeWidth: 2, title },
          ),
        ];
      }),
    ],
  });
}

/** The range from the first to the last value, with a little room on both sides. */
function withRoom(first: number, last: number, isLogarithmic: boolean): [number, number] {
  if (isLogarithmic) {
    const factor = (last / first) ** 0.04;
    return [first / factor, last * factor];
  }
  const room = last > first ? 0.04 * (last - first) : 0.5;
  return [first - room, last + room];
}
