import * as Plot from '@observablehq/plot';
import type { GroupSummary } from './compare.ts';
import { formatMetric, shorten } from './format.ts';
import { groupStyle, markedLabel } from './palette.ts';
import { renderSvg } from './svg.ts';

const LONGEST_LABEL = 42;
const ROW = 30;

/** A dot for the best value of every seed, a row per group, with the mean and its 95 % interval, as an SVG string; null without any value. */
export function stripPlot(groups: readonly GroupSummary[]): string | null {
  const dots = groups.flatMap(({ label, values, unit }, index) =>
    values.map(({ seed, value }) => ({
      row: index,
      value,
      title: `${label}, seed ${seed}: ${formatMetric(value, unit)}`,
    })),
  );
  if (dots.length === 0) return null;
  const [{ unit, metric }] = groups as [GroupSummary];
  const labels = groups.map(({ label }, index) => shorten(markedLabel(label, index), LONGEST_LABEL));
  const means = groups.flatMap(({ mean, interval, label }, index) => {
    if (mean === null || !interval) return [];
    const [low, high] = interval;
    const between = `${formatMetric(low, unit)} to ${formatMetric(high, unit)}`;
    return [
      { row: index, mean, low, high, title: `${label}: mean ${formatMetric(mean, unit)}, 95 % interval ${between}` },
    ];
  });
  // A wide interval of two seeds must not squeeze the dots together: it is cut where it leaves the dots far behind.
  const low = Math.min(...dots.map(({ value }) => value));
  const high = Math.max(...dots.map(({ value }) => value));
  const room = high > low ? (high - low) * 0.25 : Math.abs(high) * 0.1 || 1;
  const cut = ({ low: from, high: to }: { low: number; high: number }) => ({
    low: Math.max(from, low - room),
    high: Math.min(to, high + room),
  });
  return renderSvg({
    ariaLabel: `Best ${metric.name} of every seed, by group`,
    width: 1080,
    height: 60 + ROW * groups.length,
    marginLeft: 16 + 7 * Math.max(6, ...labels.map(({ length }) => length)),
    marginRight: 24,
    marginTop: 8,
    marginBottom: 44,
    x: {
      label: `best ${metric.name} (${metric.direction} is better) →`,
      labelAnchor: 'right',
      domain: [low - 1.05 * room, high + 1.05 * room],
      grid: true,
      ticks: 8,
      tickFormat: (value: number) => formatMetric(Number(value.toPrecision(6)), unit),
    },
    y: {
      type: 'band',
      domain: groups.map((_, index) => index),
      label: null,
      tickSize: 0,
      tickFormat: (row: number) => labels[row]!,
    },
    marks: [
      ...means.map(({ row, title, ...ends }) =>
        Plot.ruleY([{ row, ...cut(ends) }], {
          y: 'row',
          x1: 'low',
          x2: 'high',
          stroke: groupStyle(row).stroke,
          strokeOpacity: 0.45,
          strokeWidth: 7,
          strokeLinecap: 'butt',
          title: () => title,
        }),
      ),
      Plot.tickX(means, { x: 'mean', y: 'row', stroke: 'var(--ink)', strokeWidth: 2, insetTop: 5, insetBottom: 5 }),
      ...groups.map((_, index) => {
        const { stroke, marker, isHollow } = groupStyle(index);
        return Plot.dot(
          dots.filter(({ row }) => row === index),
          {
            x: 'value',
            y: 'row',
            r: 4.5,
            symbol: marker,
            fill: isHollow ? 'var(--page)' : stroke,
            ...(isHollow ? { stroke, strokeWidth: 1.5 } : {}),
            title: 'title',
          },
        );
      }),
    ],
  });
}
