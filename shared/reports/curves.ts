import * as Plot from '@observablehq/plot';
import { epochTicks } from './epoch-axis.ts';
import { formatNumber } from './format.ts';
import { type GroupStyle, groupStyle } from './palette.ts';
import { finite, thin } from './runs.ts';
import { renderSvg } from './svg.ts';

/** A value at an epoch, or along another axis; null leaves a gap. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number | null;
  /** The ends of a band around the curve. */
  readonly band?: readonly [number, number] | null;
  /** A remark about the value, e.g. of how many runs it is the mean. */
  readonly remark?: string;
}

/** The curve of a run, or of a group of runs. */
export interface Curve {
  readonly name: string;
  /** Index of the group among all groups, which decides its style where none is given. */
  readonly index: number;
  readonly style?: GroupStyle;
  readonly points: readonly CurvePoint[];
  /** Finer values drawn faintly behind the curve, e.g. single steps. */
  readonly background?: readonly CurvePoint[];
  /** The point to be marked, e.g. the best epoch. */
  readonly marked?: { readonly x: number; readonly y: number } | null;
}

/** Options of a plot of curves over epochs. */
export interface CurvePlotOptions {
  readonly label: string;
  readonly axis: string;
  readonly width: number;
  readonly height: number;
  /** The name of the horizontal axis; absent: epochs. */
  readonly along?: string;
  /** A logarithmic axis where all values are positive and span more than a factor of ten. */
  readonly logarithmic?: boolean;
  /** Values that the axis reaches to, besides those drawn, so that several plots have the same axis. */
  readonly range?: readonly [number, number] | undefined;
}

const MOST_POINTS = 600;
const FEW_POINTS = 40;
const DENSE = 150;

/** Curves of several runs over epochs as an SVG string; null when there is no finite value to draw. */
export function curvePlot(curves: readonly Curve[], options: CurvePlotOptions): string | null {
  const { along = 'epoch' } = options;
  const values = curves
    .flatMap(({ points, background = [] }) => [...points, ...background])
    .flatMap(({ y, band }) => [y, ...(band ?? [])])
    .flatMap((value) => finite(value) ?? []);
  if (values.length === 0) return null;
  const reach = [...values, ...(options.range ?? [])];
  const low = reach.reduce((a, b) => Math.min(a, b));
  const high = reach.reduce((a, b) => Math.max(a, b));
  const log = options.logarithmic === true && low > 0 && high > 10 * low;
  const ticks = log ? logTicks(low, high) : [];
  const drawable = (point: CurvePoint) => finite(point.y) !== null;
  const epochs = curves.flatMap(({ points, background = [] }) => [...points, ...background].map(({ x }) => x));
  const first = Math.min(...epochs);
  const last = Math.max(...epochs);
  const isNumbered = curves.some((curve) => styleOf(curve).mark !== null);
  const banded = curves.some(({ points }) => points.some(({ band }) => band));
  const axis = {
    label: `${options.axis}${log ? ' (log scale)' : ''}`,
    labelAnchor: 'top' as const,
    labelArrow: 'none' as const,
    text: (value: number) => tickText(value),
  };
  return renderSvg({
    ariaLabel: options.label,
    width: options.width,
    height: options.height,
    marginLeft: 64,
    marginTop: 30,
    marginRight: isNumbered ? 40 : 16,
    marginBottom: 42,
    x: {
      label: along,
      labelAnchor: 'right',
      domain: first === last ? [first - 0.5, last + 0.5] : [first, last],
      ticks: epochTicks(first, last, options.width > 500 ? 12 : 7),
      tickFormat: String,
    },
    y: {
      type: log ? 'log' : 'linear',
      axis: null,
      ...(log
        ? { domain: logDomain(low, high) }
        : { nice: true, ...(options.range && high > low ? { domain: [low, high] } : {}) }),
    },
    marks: [
      log ? Plot.gridY(ticks) : Plot.gridY({ ticks: 5 }),
      log ? Plot.axisY(ticks, axis) : Plot.axisY({ ...axis, ticks: 5 }),
      ...curves.flatMap((curve) => {
        const { stroke, dash, marker, isHollow, mark } = styleOf(curve);
        const points = thin(curve.points, MOST_POINTS);
        const shown = points.filter(drawable);
        const background = thin((curve.background ?? []).filter(drawable), MOST_POINTS);
        const last = shown.at(-1);
        const tip = ({ x, y, band, remark }: CurvePoint) => {
          const range = band ? ` (${formatNumber(band[0])} to ${formatNumber(band[1])})` : '';
          return `${curve.name}, ${along} ${x}: ${formatNumber(y)}${range}${remark ? `, ${remark}` : ''}`;
        };
        return [
          ...(banded
            ? [
                Plot.areaY(
                  points.map(({ x, y, band }) =>
                    y === null || !band
                      ? { x, low: Number.NaN, high: Number.NaN }
                      : { x, low: log ? Math.max(band[0], low) : band[0], high: band[1] },
                  ),
                  { x: 'x', y1: 'low', y2: 'high', fill: stroke, fillOpacity: 0.15 },
                ),
              ]
            : []),
          ...(background.length > 0
            ? [Plot.lineY(background, { x: 'x', y: 'y', stroke, strokeWidth: 1, strokeOpacity: 0.45 })]
            : []),
          Plot.lineY(
            points.map(({ x, y }) => ({ x, y: finite(y) ?? Number.NaN })),
            { x: 'x', y: 'y', stroke, strokeWidth: points.length > DENSE ? 1.25 : 2, strokeDasharray: dash },
          ),
          ...(isNumbered
            ? []
            : [
                Plot.dot(shown, {
                  x: 'x',
                  y: 'y',
                  r: shown.length <= FEW_POINTS ? 2.5 : shown.length <= DENSE ? 1.5 : 0.6,
                  fill: isHollow ? 'var(--page)' : stroke,
                  ...(isHollow ? { stroke, strokeWidth: 1.2 } : {}),
                  ...(shown.length <= FEW_POINTS && marker !== 'circle' ? { symbol: marker, r: 3 } : {}),
                  title: tip,
                }),
              ]),
          ...(mark !== null && last
            ? [
                Plot.text([last], {
                  x: 'x',
                  y: 'y',
                  text: () => mark,
                  fill: stroke,
                  dx: 5,
                  textAnchor: 'start',
                  fontWeight: 600,
                }),
              ]
            : []),
        ];
      }),
      ...curves.flatMap(({ name, marked, ...curve }) =>
        marked && Number.isFinite(marked.y)
          ? [
              Plot.dot([marked], {
                x: 'x',
                y: 'y',
                r: 6,
                fill: 'none',
                stroke: styleOf(curve).stroke,
                strokeWidth: 2,
                title: ({ x, y }: { x: number; y: number }) => `${name}: best, ${along} ${x}: ${formatNumber(y)}`,
              }),
            ]
          : [],
      ),
    ],
  });
}

const styleOf = ({ index, style }: Pick<Curve, 'index' | 'style'>): GroupStyle => style ?? groupStyle(index);

/** Round numbers to label on a logarithmic axis: 1, 2, 5 in each decade, or whole decades where there are many. */
export function logTicks(low: number, high: number): number[] {
  const first = Math.floor(Math.log10(low));
  const last = Math.ceil(Math.log10(high));
  const leading = last - first <= 3 ? [1, 2, 5] : [1];
  const step = Math.max(1, Math.ceil((last - first) / 8));
  const ticks: number[] = [];
  for (let power = first; power <= last; power += step) {
    ticks.push(...leading.map((digit) => Number(`${digit}e${power}`)));
  }
  const [bottom, top] = logDomain(low, high);
  return ticks.filter((tick) => tick >= bottom && tick <= top);
}

/** The values' range with a tenth of a decade to spare on either side. */
export function logDomain(low: number, high: number): [number, number] {
  return [low / 10 ** 0.1, high * 10 ** 0.1];
}

/** A number as it stands at an axis. */
export function tickText(value: number): string {
  return String(Number(value.toPrecision(6))).replaceAll('-', '−');
}
