import * as Plot from '@observablehq/plot';
import { epochTicks } from './epoch-axis.ts';
import { shortNames } from './format.ts';
import { thin } from './runs.ts';
import { renderSvg } from './svg.ts';

/** One column of a heat map. */
interface HeatMapColumn {
  readonly epoch: number;
  /** The values by row name; null is drawn as an empty cell. */
  readonly values: Readonly<Record<string, number | null>>;
}

/** The options of a heat map of layers over epochs. */
export interface HeatMapOptions {
  readonly label: string;
  readonly rows: readonly string[];
  readonly columns: readonly HeatMapColumn[];
  readonly width: number;
  /** A CSS colour for a value. */
  color(value: number): string;
  /** A CSS colour for text on a cell of this value. */
  ink(value: number): string;
  /** Words for a value, shown in the cell's tooltip. */
  describe(value: number | null): string;
  /** Short form of a value, written in the cell where there is room. */
  format(value: number): string;
}

const MOST_CELLS = 2400;
const MOST_COLUMNS = 120;
const ROOM_FOR_TEXT = 30;

/** How many of the columns are drawn, so that a long run of a deep model stays a small file. */
export function drawnColumns<Column>(columns: readonly Column[], rows: number): Column[] {
  return thin(columns, Math.max(12, Math.min(MOST_COLUMNS, Math.floor(MOST_CELLS / Math.max(1, rows)))));
}

/** A heat map with a row per layer and a column per epoch, as an SVG string. */
export function heatMap(options: HeatMapOptions): string {
  const columns = drawnColumns(options.columns, options.rows.length);
  const labels = shortNames(options.rows);
  const marginLeft = 14 + 7.4 * Math.max(5, ...[...labels.values()].map(({ length }) => length));
  const rowHeight = options.rows.length > 24 ? 17 : 26;
  const steps = columns.slice(1).map(({ epoch }, index) => epoch - columns[index]!.epoch);
  const typical = steps.length > 0 ? Math.min(...steps) : 1;
  const edges = columns.map(({ epoch }) => epoch - typical / 2);
  const end = (columns.at(-1)?.epoch ?? 0) + typical / 2;
  const cells = columns.flatMap(({ epoch, values }, column) =>
    options.rows
      .filter((row) => row in values)
      .map((row) => ({ row, epoch, x1: edges[column]!, x2: edges[column + 1] ?? end, value: values[row] ?? null })),
  );
  const withText = (options.width - marginLeft - 10) / Math.max(1, columns.length) >= ROOM_FOR_TEXT;
  const first = columns[0]?.epoch ?? 0;
  const last = columns.at(-1)?.epoch ?? 0;
  const position = { x1: 'x1', x2: 'x2', y: 'row' };
  return renderSvg({
    ariaLabel: options.label,
    width: options.width,
    height: 54 + rowHeight * options.rows.length,
    marginLeft,
    marginTop: 8,
    marginBottom: 44,
    marginRight: 10,
    x: {
      label: 'epoch',
      labelAnchor: 'right',
      domain: [edges[0] ?? -0.5, end],
      ticks: epochTicks(first, last, options.width > 600 ? 14 : 8),
      tickFormat: String,
    },
    y: {
      type: 'band',
      domain: options.rows,
      label: null,
      tickSize: 0,
      tickFormat: (row: string) => labels.get(row) ?? row,
      padding: 0.06,
    },
    marks: [
      Plot.rect(
        cells.filter(({ value }) => value === null),
        {
          ...position,
          fill: 'var(--empty)',
          title: (cell) => `${cell.row}, epoch ${cell.epoch}: ${options.describe(null)}`,
        },
      ),
      Plot.rect(
        cells.filter(({ value }) => value !== null),
        {
          ...position,
          fill: { value: ({ value }: { value: number }) => options.color(value), scale: null },
          title: (cell) => `${cell.row}, epoch ${cell.epoch}: ${options.describe(cell.value)}`,
        },
      ),
      ...(withText
        ? [
            Plot.text(
              cells.filter(({ value }) => value !== null),
              {
                x: ({ x1, x2 }) => (x1 + x2) / 2,
                y: 'row',
                text: ({ value }) => options.format(value),
                fill: { value: ({ value }: { value: number }) => options.ink(value), scale: null },
                fontSize: 11,
              },
            ),
          ]
        : []),
    ],
  });
}

/** What the colours of a heat map stand for, as an SVG string: a ramp from low to high with labelled values. */
export function colorRamp(options: {
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  readonly logarithmic?: boolean;
  color(value: number): string;
  format(value: number): string;
}): string {
  const steps = 48;
  const at = (part: number) =>
    options.logarithmic
      ? options.low * (options.high / options.low) ** part
      : options.low + (options.high - options.low) * part;
  return renderSvg({
    ariaLabel: options.label,
    width: 320,
    height: 58,
    marginLeft: 16,
    marginRight: 16,
    marginTop: 24,
    marginBottom: 22,
    x: {
      type: options.logarithmic ? 'log' : 'linear',
      domain: [options.low, options.high],
      ticks: [...options.ticks],
      tickFormat: options.format,
      tickSize: 3,
      label: null,
    },
    marks: [
      Plot.rect(
        Array.from({ length: steps }, (_, step) => ({
          x1: at(step / steps),
          x2: at((step + 1) / steps),
          color: options.color(at((step + 0.5) / steps)),
        })),
        { x1: 'x1', x2: 'x2', fill: { value: 'color', scale: null }, insetRight: -0.5 },
      ),
      Plot.text([options.label], {
        frameAnchor: 'top-left',
        dy: -20,
        text: (text: string) => text,
        textAnchor: 'start',
      }),
    ],
  });
}
