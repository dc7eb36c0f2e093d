import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { number } from './format.js';
import { html } from './html.js';

/**
 * @typedef {object} HeatMapProps
 * @property {string} title
 * @property {'alpha' | 'factor'} kind
 * @property {readonly { readonly name: string, readonly label: string }[]} layers
 * @property {readonly { readonly epoch: number, readonly values: Readonly<Record<string, number | null>> }[]} columns
 */

/** Alphas above this have one colour: a single one would hide all others. */
const unusual = 10;

/** Colours from the lowest value to the highest. */
const sequential = () => (document.body.dataset.colors ?? '').split(' ').map((color) => color.split(',').map(Number));

/** Rows down and columns to the right that a key goes. @type {Record<string, readonly [number, number]>} */
const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** The colour of a custom property of the page. @param {string} name */
const ownColor = (name) => {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
};

/** @param {number[]} a @param {number[]} b @param {number} share */
const mixed = (a, b, share) => a.map((value, index) => value + ((b[index] ?? 0) - value) * share);

/** The smallest and the largest of many values. @param {readonly number[]} values */
function extentOf(values) {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/**
 * The range that colours span.
 * @param {HeatMapProps['kind']} kind
 * @param {{ low: number, high: number }} extent
 */
function rangeOf(kind, { low, high }) {
  if (kind === 'factor') {
    const largest = Math.max(1.01, high, 1 / Math.max(low, 1e-6));
    return { low: 1 / largest, high: largest };
  }
  if (high > unusual && low < unusual) return { low, high: unusual };
  return low === high ? { low: low - 0.5, high: high + 0.5 } : { low, high };
}

/**
 * Red, green and blue of a value.
 * @param {HeatMapProps['kind']} kind
 * @param {{ low: number, high: number }} range
 * @returns {(value: number | null | undefined) => number[]}
 */
function colorOf(kind, { low, high }) {
  const empty = ownColor('--empty');
  if (kind === 'alpha') {
    const colors = sequential();
    return (value) => {
      if (value === null || value === undefined) return empty;
      const share = Math.max(0, Math.min(1, (value - low) / (high - low)));
      return colors[Math.round(share * (colors.length - 1))] ?? empty;
    };
  }
  const [slow, neutral, fast] = [ownColor('--slow'), ownColor('--neutral'), ownColor('--fast')];
  return (value) => {
    if (value === null || value === undefined) return empty;
    const part = Math.max(-1, Math.min(1, Math.log(value) / Math.log(high)));
    return mixed(neutral, part < 0 ? slow : fast, Math.abs(part));
  };
}

/** Whether the page is dark, so that what is painted follows. */
function useDark() {
  const query = window.matchMedia('(prefers-color-scheme: dark)');
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const follow = () => setDark(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return isDark;
}

/**
 * A row for each layer and a column for each epoch. What is under the pointer is told in words below.
 * @param {HeatMapProps} props
 */
export function HeatMap({ title, kind, layers, columns }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const [cell, setCell] = useState(/** @type {{ row: number, column: number } | null} */ (null));
  const isDark = useDark();
  const rows = layers.filter(({ name }) => columns.some(({ values }) => values[name] !== undefined));
  const known = columns.flatMap(({ values }) => rows.flatMap(({ name }) => values[name] ?? []));
  const extent = extentOf(known);
  const range = rangeOf(kind, extent);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || columns.length === 0 || rows.length === 0) return;
    const color = colorOf(kind, range);
    const image = context.createImageData(columns.length, rows.length);
    rows.forEach(({ name }, row) => {
      columns.forEach(({ values }, column) => {
        const [red = 0, green = 0, blue = 0] = color(values[name]);
        image.data.set([red, green, blue, 255], 4 * (row * columns.length + column));
      });
    });
    context.putImageData(image, 0, 0);
  }, [columns, layers, isDark]);
  if (known.length === 0) return null;
  /** @param {number} row @param {number} column */
  const pointAt = (row, column) =>
    setCell({
      row: Math.max(0, Math.min(rows.length - 1, row)),
      column: Math.max(0, Math.min(columns.length - 1, column)),
    });
  /** @param {PointerEvent & { currentTarget: Element }} event */
  const follow = ({ clientX, clientY, currentTarget }) => {
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    pointAt(
      Math.floor(((clientY - top) / height) * rows.length),
      Math.floor(((clientX - left) / width) * columns.length),
    );
  };
  /** @param {KeyboardEvent} event */
  const walk = (event) => {
    const [down, right] = steps[event.key] ?? [0, 0];
    if (event.key === 'Escape') setCell(null);
    if (down === 0 && right === 0) return;
    event.preventDefault();
    if (cell) pointAt(cell.row + down, cell.column + right);
    else pointAt(0, columns.length - 1);
  };
  const row = cell && rows[cell.row];
  const column = cell && columns[cell.column];
  const told = row && column && `${row.name}, epoch ${column.epoch}: ${number(column.values[row.name], 3)}`;
  const rowHeight = rows.length > 40 ? 13 : 19;
  const label = `${title}: ${rows.length} layers, epochs ${columns[0]?.epoch} to ${columns.at(-1)?.epoch}, from ${number(extent.low, 3)} to ${number(extent.high, 3)}`;
  return html`<figure class="heat">
    <figcaption>${title}</figcaption>
    <div class="ramp" aria-hidden="true">
      <span>${number(range.low, 3)}</span><span class="colors ${kind === 'alpha' ? 'viridis' : 'factors'}"></span><span>${number(range.high, 3)}${extent.high > range.high * 1.0001 && ' or more'}</span>
    </div>
    <div class="cells" style=${{ '--row': `${rowHeight}px` }}>
      <ol aria-hidden="true">${rows.map(({ name, label: short }) => html`<li key=${name} title=${name}><bdi>${short}</bdi></li>`)}</ol>
      <div class="field"><canvas
        ref=${canvas}
        role="img"
        aria-label=${label}
        width=${columns.length}
        height=${rows.length}
        style=${{ height: `${rowHeight * rows.length}px` }}
        tabindex="0"
        onPointerMove=${follow}
        onPointerDown=${follow}
        onPointerLeave=${() => setCell(null)}
        onKeyDown=${walk}
        onBlur=${() => setCell(null)}
      ></canvas>
      ${cell && html`<div class="mark" aria-hidden="true" style=${{ top: `${rowHeight * cell.row}px`, left: `${(100 * cell.column) / columns.length}%`, width: `${100 / columns.length}%` }}></div>`}</div>
      <p class="axis" aria-hidden="true"><span>epoch ${columns[0]?.epoch}</span><span>${columns.at(-1)?.epoch}</span></p>
    </div>
    <p class="readout" aria-live="polite">${told ?? 'Point at a cell to read it, or go to the figure and use the arrow keys.'}</p>
  </figure>`;
}
