import { useState } from 'preact/hooks';
import { number, tick } from './format.js';
import { html } from './html.js';
import { axisOf, ticksOf } from './scale.js';
import { useWidth } from './width.js';

/**
 * A line: places and values, null where there is none.
 * @typedef {object} Series
 * @property {string} name
 * @property {readonly (readonly [number, number | null])[]} points
 * @property {number} color of the palette, from 1 on
 * @property {string} [dash]
 */

const dashes = ['none', '7 3', '2 3', '9 3 2 3', '12 4', '5 2 1 2', '4 2', '14 3 4 3', '3 1', '16 2 2 2'];

/** A line's look by its place among others: a colour and a dash of its own. @param {number} index */
export const lookOf = (index) => ({ color: (index % 14) + 1, dash: dashes[index % dashes.length] });

const height = 230;
const margin = { left: 58, right: 14, top: 10, bottom: 30 };

/**
 * Lines over epochs. What is under the pointer is told in words below.
 * @param {object} props
 * @param {string} props.title
 * @param {readonly Series[]} props.series
 * @param {number} [props.marked] an epoch to be marked, such as the best
 */
export function LineChart({ title, series, marked }) {
  const { element, width } = useWidth(520);
  const [pointed, setPointed] = useState(/** @type {number | null} */ (null));
  const drawn = series
    .map((line) => ({ ...line, points: line.points.filter(isDrawn) }))
    .filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return null;
  const places = [...new Set(drawn.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b);
  const first = /** @type {number} */ (places[0]);
  const last = /** @type {number} */ (places.at(-1));
  const right = width - margin.right;
  /** @param {number} x */
  const atX = (x) => margin.left + ((x - first) / Math.max(1, last - first)) * (right - margin.left);
  const y = axisOf(
    drawn.flatMap(({ points }) => points.map(([, value]) => value)),
    {
      from: height - margin.bottom,
      to: margin.top,
      ticks: 4,
    },
  );
  /** @param {PointerEvent & { currentTarget: Element }} event */
  const point = ({ clientX, currentTarget }) => {
    const x = clientX - currentTarget.getBoundingClientRect().left;
    setPointed(
      places.reduce((best, place) => (Math.abs(atX(place) - x) < Math.abs(atX(best) - x) ? place : best), first),
    );
  };
  const shown = pointed ?? last;
  const told = drawn.map(({ name, points }) => `${name} ${number(points.find(([x]) => x === shown)?.[1])}`);
  const label = `${title} over epochs ${first} to ${last}: ${drawn.map(({ name, points }) => `${name} from ${number(points[0]?.[1])} to ${number(points.at(-1)?.[1])}`).join('; ')}`;
  return html`<figure class="chart">
    <figcaption>${title}${y.isLog ? ', log scale' : ''}</figcaption>
    ${drawn.length > 1 && html`<ul class="legend">${drawn.map((line) => html`<li key=${line.name}><${Swatch} ...${line} /> ${line.name}</li>`)}</ul>`}
    <div ref=${element}>
      <svg class="lines" role="img" aria-label=${label} width=${width} height=${height} onPointerMove=${point} onPointerLeave=${() => setPointed(null)}>
        ${y.ticks.map(
          (value) => html`<g key=${value}>
            <line class="grid" x1=${margin.left} x2=${right} y1=${y.at(value)} y2=${y.at(value)} />
            <text x=${margin.left - 8} y=${y.at(value)} dy="0.32em" text-anchor="end">${tick(value)}</text>
          </g>`,
        )}
        ${epochTicks(first, last, width).map(
          (epoch) => html`<text key=${epoch} x=${atX(epoch)} y=${height - 10} text-anchor="middle">${epoch}</text>`,
        )}
        ${marked !== undefined && marked >= first && marked <= last && html`<line class="marked" x1=${atX(marked)} x2=${atX(marked)} y1=${margin.top} y2=${height - margin.bottom} />`}
        ${pointed !== null && html`<line class="pointed" x1=${atX(pointed)} x2=${atX(pointed)} y1=${margin.top} y2=${height - margin.bottom} />`}
        ${drawn.map(({ name, points, color, dash }) => {
          const path = points.map(
            ([x, value], index) => `${index === 0 ? 'M' : 'L'}${atX(x).toFixed(1)},${y.at(value).toFixed(1)}`,
          );
          const dots = points.length <= 40 ? points : points.slice(-1);
          return html`<g key=${name} class="series-${color}">
            <path d=${path.join('')} stroke-dasharray=${dash ?? 'none'} />
            ${dots.map(([x, value]) => html`<circle key=${x} cx=${atX(x)} cy=${y.at(value)} r=${x === shown ? 4 : 2.2} />`)}
          </g>`;
        })}
      </svg>
    </div>
    <p class="readout">Epoch ${shown}: ${told.slice(0, 8).join(', ')}</p>
  </figure>`;
}

/**
 * @param {readonly [number, number | null]} point
 * @returns {point is readonly [number, number]}
 */
const isDrawn = (point) => point[1] !== null && Number.isFinite(point[1]);

/** @param {number} first @param {number} last @param {number} width */
const epochTicks = (first, last, width) => ticksOf(first, last, width > 420 ? 8 : 4).filter(Number.isInteger);

/** @param {{ color: number, dash?: string }} look */
const Swatch = ({ color, dash = 'none' }) =>
  html`<svg class="series-${color}" width="34" height="12" aria-hidden="true"><path d="M1,6H33" stroke-dasharray=${dash} /></svg>`;
