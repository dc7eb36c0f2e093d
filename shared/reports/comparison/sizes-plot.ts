import * as Plot from '@observablehq/plot';
import type { ComparisonDesign } from '../../decisions/comparison/design.ts';
import { logDomain, logTicks, tickText } from '../curves.ts';
import { formatMetric } from '../format.ts';
import { renderSvg } from '../svg.ts';
import { styleOfArm } from './arms.ts';
import type { ArmSummary } from './summary.ts';
import { formatMeanAndInterval, formatSize } from './words.ts';

/** Arms at one size stand so far apart, as a share of the figure's width, and all together take at most so much of the way to the next size. */
const APART = 0.012;
const MOST_SPREAD = 0.4;

/** The mean on test data with its 95 % interval over the number of training rows, a line per arm, as an SVG string; null for fewer than two sizes. */
export function sizesPlot(design: ComparisonDesign, summaries: readonly ArmSummary[]): string | null {
  const { unit, metric } = design;
  const known = summaries.flatMap((summary) =>
    summary.size === null || summary.mean === null ? [] : [{ summary, rows: summary.size, mean: summary.mean }],
  );
  const sizes = [...new Set(known.map(({ rows }) => rows))].sort((a, b) => a - b);
  if (sizes.length < 2) return null;
  const steps = sizes.slice(1).map((rows, index) => rows / sizes[index]!);
  const arms = [...new Set(summaries.map(({ arm }) => arm.name))];
  const span = Math.log(sizes.at(-1)! / sizes[0]!);
  const apart = Math.min(APART * span, (MOST_SPREAD * Math.log(Math.min(...steps))) / arms.length);
  const points = known.map(({ summary, rows, mean }) => ({
    arm: summary.arm.name,
    at: rows * Math.exp(apart * (arms.indexOf(summary.arm.name) - (arms.length - 1) / 2)),
    mean,
    low: summary.interval?.[0] ?? mean,
    high: summary.interval?.[1] ?? mean,
    title: `${summary.arm.name}, ${formatSize(rows)}: ${formatMeanAndInterval(summary, unit)}`,
  }));
  const means = points.map(({ mean }) => mean);
  const [lowest, highest] = [Math.min(...means), Math.max(...means)];
  const isLogarithmic = metric.direction === 'lower' && lowest > 0 && highest > 10 * lowest;
  // The interval of two seeds may be far wider than all means lie apart.
  const room = isLogarithmic ? 0 : 0.5 * (highest - lowest || Math.abs(highest) || 1);
  const low = isLogarithmic ? lowest / 2 : Math.max(lowest - room, Math.min(...points.map((point) => point.low)));
  const high = isLogarithmic ? highest * 2 : Math.min(highest + room, Math.max(...points.map((point) => point.high)));
  const ticks = isLogarithmic ? logTicks(low, high) : [];
  const style = styleOfArm(design);
  return renderSvg({
    ariaLabel: `${metric.name} on test data over the number of training rows, by arm`,
    width: 1080,
    height: 380,
    marginLeft: 64,
    marginTop: 30,
    marginRight: 24,
    marginBottom: 44,
    x: {
      type: 'log',
      label: 'training rows (log scale)',
      labelAnchor: 'right',
      domain: [sizes[0]! / Math.min(...steps) ** 0.25, sizes.at(-1)! * Math.min(...steps) ** 0.25],
      ticks: sizes,
      tickFormat: (rows: number) => String(rows),
    },
    y: {
      type: isLogarithmic ? 'log' : 'linear',
      axis: null,
      ...(isLogarithmic ? { domain: logDomain(low, high) } : { domain: [low, high], nice: true }),
    },
    marks: [
      isLogarithmic ? Plot.gridY(ticks) : Plot.gridY({ ticks: 6 }),
      Plot.axisY({
        ...(isLogarithmic ? { ticks } : { ticks: 6 }),
        label: `mean ${metric.name} on test data${isLogarithmic ? ' (log scale)' : ''}`,
        labelAnchor: 'top',
        labelArrow: 'none',
        text: (value: number) => (unit === 'points' ? formatMetric(value, unit) : tickText(value)),
      }),
      ...arms.flatMap((arm) => {
        const { stroke, dash, marker, isHollow } = style(arm);
        const own = points.filter((point) => point.arm === arm).toSorted((a, b) => a.at - b.at);
        const bars = own.map((point) => ({
          ...point,
          low: Math.max(low, point.low),
          high: Math.min(high, point.high),
        }));
        return [
          Plot.line(own, { x: 'at', y: 'mean', stroke, strokeWidth: 1.75, strokeDasharray: dash }),
          Plot.ruleX(bars, { x: 'at', y1: 'low', y2: 'high', stroke, strokeWidth: 1.75, strokeOpacity: 0.7 }),
          Plot.dot(own, {
            x: 'at',
            y: 'mean',
            r: 4,
            symbol: marker,
            fill: isHollow ? 'var(--page)' : stroke,
            ...(isHollow ? { stroke, strokeWidth: 1.5 } : {}),
            title: 'title',
          }),
        ];
      }),
    ],
  });
}
