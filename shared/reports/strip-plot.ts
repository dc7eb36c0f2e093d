import * as Plot from '@observablehq/plot';
import type { GroupSummary } from './compare.ts';
import { formatMetric, shortenApart } from './format.ts';
import { type GroupStyle, groupStyle, markedLabel } from './palette.ts';
import { renderSvg } from './svg.ts';

const LONGEST_LABEL = 42;
const ROW = 30;

/** A row of a strip plot. */
export interface StripRow {
  readonly label: string;
  readonly style: GroupStyle;
  /** A mark each. */
  readonly values: readonly { readonly value: number; readonly title: string }[];
  /** A line at the mean, with a bar for its interval. */
  readonly mean: {
    readonly value: number;
    readonly low: number;
    readonly high: number;
    readonly title: string;
  } | null;
}

/** Options of a strip plot. */
export interface StripOptions {
  readonly label: string;
  readonly axis: string;
  readonly tick: (value: number) => string;
  /** A line at this value, which the axis then reaches to. */
  readonly line?: number | undefined;
  /** An interval that is shaded. */
  readonly shade?: readonly [number, number] | undefined;
}

/** A dot for the best value of every seed, a row per group, with the mean and its 95 % interval, as an SVG string; null without any value. */
export function stripPlot(groups: readonly GroupSummary[]): string | null {
  const [first] = groups;
  if (!first) return null;
  const { unit, metric } = first;
  return stripRows(
    groups.map(({ label, values, mean, interval }, index) => ({
      label: markedLabel(label, index),
      style: groupStyle(index),
      values: values.map(({ seed, value }) => ({
        value,
        title: `${label}, seed ${seed}: ${formatMetric(value, unit)}`,
      })),
      mean: mean === null || !interval ? null : meanOfRow(label, mean, interval, (value) => formatMetric(value, unit)),
    })),
    {
      label: `Best ${metric.name} of every seed, by group`,
      axis: `best ${metric.name} (${metric.direction} is better)`,
      tick: (value) => formatMetric(value, unit),
    },
  );
}

/** The mean of a row with its 95 % interval, and both in words. */
export function meanOfRow(
  label: string,
  value: number,
  [low, high]: readonly [number, number],
  format: (value: number) => string,
): NonNullable<StripRow['mean']> {
  return {
    value,
    low,
    high,
    title: `${label}: mean ${format(value)}, 95 % interval ${format(low)} to ${format(high)}`,
  };
}

/** Rows of marks, each with its mean and the interval of it, as an SVG string; null without any value. */
export function stripRows(rows: readonly StripRow[], options: StripOptions): string | null {
  const dots = rows.flatMap(({ values }, row) => values.map((value) => ({ row, ...value })));
  if (dots.length === 0) return null;
  const labels = shortenApart(
    rows.map(({ label }) => label),
    LONGEST_LABEL,
  );
  const means = rows.flatMap(({ mean }, row) => (mean ? [{ row, ...mean }] : []));
  // A wide interval of two seeds must not squeeze the dots together: it is cut where it leaves the dots far behind.
  const shown = [...dots.map(({ value }) => value), ...(options.line === undefined ? [] : [options.line])];
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const room = high > low ? (high - low) * 0.25 : Math.abs(high) * 0.1 || 1;
  const cut = ({ low: from, high: to }: { low: number; high: number }) => ({
    low: Math.max(from, low - room),
    high: Math.min(to, high + room),
  });
  return renderSvg({
    ariaLabel: options.label,
    width: 1080,
    height: 60 + ROW * rows.length,
    marginLeft: 16 + 7 * Math.max(6, ...labels.map(({ length }) => length)),
    marginRight: 24,
    marginTop: 8,
    marginBottom: 44,
    x: {
      label: options.axis,
      labelAnchor: 'right',
      domain: [low - 1.05 * room, high + 1.05 * room],
      grid: true,
      ticks: 8,
      tickFormat: (value: number) => options.tick(Number(value.toPrecision(6))),
    },
    y: {
      type: 'band',
      domain: rows.map((_, index) => index),
      label: null,
      tickSize: 0,
      tickFormat: (row: number) => labels[row]!,
    },
    marks: [
      ...(options.shade
        ? [
            Plot.rectX([cut({ low: options.shade[0], high: options.shade[1] })], {
              x1: 'low',
              x2: 'high',
              fill: 'var(--empty)',
              fillOpacity: 0.5,
            }),
          ]
        : []),
      ...(options.line === undefined
        ? []
        : [Plot.ruleX([options.line], { stroke: 'var(--ink)', strokeDasharray: '3 3' })]),
      ...means.map(({ row, title, ...ends }) =>
        Plot.ruleY([{ row, ...cut(ends) }], {
          y: 'row',
          x1: 'low',
          x2: 'high',
          stroke: rows[row]!.style.stroke,
          strokeOpacity: 0.45,
          strokeWidth: 7,
          strokeLinecap: 'butt',
          title: () => title,
        }),
      ),
      Plot.tickX(means, { x: 'value', y: 'row', stroke: 'var(--ink)', strokeWidth: 2, insetTop: 5, insetBottom: 5 }),
      ...rows.map(({ style: { stroke, marker, isHollow } }, index) =>
        Plot.dot(
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
        ),
      ),
    ],
  });
}
