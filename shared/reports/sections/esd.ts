import * as Plot from '@observablehq/plot';
import type { LayerSpectrum } from '../../spectra/spectrum.ts';
import { densityFloor, fittedTail, logDensity } from '../density.ts';
import { figure } from '../figure.ts';
import { formatFixed, formatNumber, shortNames } from '../format.ts';
import { html } from '../html.ts';
import { discOf, groupStyle } from '../palette.ts';
import type { RunReport } from '../report-input.ts';
import { representatives } from '../representatives.ts';
import { beforeAndAfter, layerNames, layerOf } from '../runs.ts';
import type { Section } from '../section.ts';
import { renderSvg } from '../svg.ts';

const MOST_LAYERS = 24;
/** Panels of all runs together at most, and of each run at least. */
const MOST_PANELS = 48;
const FEWEST_LAYERS = 6;
const BEFORE = 'var(--before)';

/** A spectrum as far as it is drawn. */
export type DrawnSpectrum = Pick<LayerSpectrum, 'name' | 'eigenvalues' | 'alpha' | 'xmin' | 'tail'>;

/**
 * Two spectra of a layer (before and after training, unless other words are given), log-log with the fits, as an SVG
 * string; null with nothing to draw.
 */
export function esdPlot(
  before: DrawnSpectrum | undefined,
  after: DrawnSpectrum | undefined,
  color: string,
  words = { before: 'before', after: 'after', caption: esdCaption(before, after) },
): string | null {
  const present = [before, after].filter((layer) => layer !== undefined);
  const floor = densityFloor(present);
  const parts = present.map((layer) => ({
    density: logDensity(layer.eigenvalues, floor),
    fit: fittedTail(layer),
    isAfter: layer === after,
  }));
  const points = parts.flatMap(({ density, fit }) => [...density, ...fit]);
  if (points.length === 0) return null;
  const position = { x: 'lambda', y: 'density' };
  return renderSvg({
    ariaLabel: `Spectral density of ${present[0]!.name} on log-log axes, ${words.caption}`,
    width: 270,
    height: 205,
    marginLeft: 46,
    marginRight: 10,
    marginTop: 28,
    marginBottom: 38,
    x: { type: 'log', label: 'eigenvalue λ', labelAnchor: 'right', ...decades(points.map(({ lambda }) => lambda)) },
    y: { type: 'log', label: 'density', ...decades(points.map(({ density }) => density)), grid: true },
    marks: parts.flatMap(({ density, fit, isAfter }) => {
      const stroke = isAfter ? color : BEFORE;
      return [
        Plot.dot(density, {
          ...position,
          r: 2.6,
          stroke,
          strokeWidth: 1.2,
          fill: isAfter ? stroke : 'none',
          title: ({ lambda, density: share }) =>
            `${isAfter ? words.after : words.before}: λ ${formatNumber(lambda, 3)}, density ${formatNumber(share, 3)}`,
        }),
        Plot.line(fit, { ...position, stroke, strokeWidth: 2, strokeDasharray: isAfter ? 'none' : '4 3' }),
        Plot.ruleX(fit.slice(0, 1), {
          x: 'lambda',
          stroke,
          strokeOpacity: 0.6,
          strokeWidth: 1,
          strokeDasharray: '1 3',
        }),
      ];
    }),
  });
}

/** `alpha 4.10 → 3.02`, with what could not be drawn. */
function esdCaption(before: DrawnSpectrum | undefined, after: DrawnSpectrum | undefined): string {
  const alphas = [before, after].filter((layer) => layer !== undefined).map(({ alpha }) => alpha);
  const text = alphas.every((alpha) => alpha === null)
    ? 'no fit'
    : `alpha ${alphas.map((alpha) => (alpha === null ? 'no fit' : formatFixed(alpha))).join(' → ')}`;
  const shown = after ?? before;
  const zeros = shown ? shown.eigenvalues.filter((lambda) => !(lambda > densityFloor([shown]))).length : 0;
  return zeros === 0 ? text : `${text}; ${zeros} of ${shown!.eigenvalues.length} eigenvalues are zero and not drawn`;
}

export const esdSection: Section = {
  name: 'esd',
  title: 'Spectra of the layers, before and after',
  howToRead:
    'Each panel shows how the squared singular values of one weight matrix are distributed, on log-log axes, where a power law is a straight line: the line is the fit from xmin (dotted) upwards, its steepness is alpha, and a flatter line means a heavier tail and a better-trained layer.',
  render({ runs }) {
    const { shown, note } = representatives(runs, (run) => beforeAndAfter(run) !== null);
    const most = Math.min(MOST_LAYERS, Math.max(FEWEST_LAYERS, Math.floor(MOST_PANELS / Math.max(1, shown.length))));
    const parts = shown.flatMap(({ run, index, label }) => {
      const epochs = beforeAndAfter(run);
      if (!epochs) return [];
      const { before, after } = epochs;
      const labels = shortNames(layerNames(run));
      const layers = mostMoved(run, most).flatMap((name) => {
        const first = layerOf(before, name);
        const second = layerOf(after, name);
        const svg = esdPlot(first, second, groupStyle(index).stroke);
        return svg ? [figure(svg, `${labels.get(name) ?? name}: ${esdCaption(first, second)}`)] : [];
      });
      if (layers.length === 0) return [];
      const all = layerNames(run).length;
      const which = layers.length < all ? ` The ${layers.length} of ${all} layers whose alpha moved most.` : '';
      const key = after
        ? html`<span class="ring"></span> and dashes: epoch ${before.epoch}; ${discOf(index)} and solid line: epoch ${after.epoch}${after.epoch === run.best?.epoch ? ' (best)' : ''}.`
        : html`Only epoch ${before.epoch} was analysed: <span class="disc"></span>`;
      return [html`<h3>${label}</h3><p class="key">${key}${which}</p><div class="panels">${layers}</div>`];
    });
    return parts.length > 0 ? html`${note}${parts}` : null;
  },
};

/** The layers to draw, in the model's order: all, or those whose alpha moved most. */
function mostMoved(run: RunReport, most: number): string[] {
  const names = layerNames(run);
  if (names.length <= most) return names;
  const epochs = beforeAndAfter(run)!;
  const moved = (name: string) =>
    Math.abs((layerOf(epochs.after, name)?.alpha ?? 0) - (layerOf(epochs.before, name)?.alpha ?? 0));
  const chosen = new Set([...names].sort((a, b) => moved(b) - moved(a)).slice(0, most));
  return names.filter((name) => chosen.has(name));
}

/** A log axis over whole or half decades around the values, labelled at powers of ten. */
function decades(values: readonly number[]): {
  domain: [number, number];
  ticks: number[];
  tickFormat(value: number): string;
} {
  const low = Math.floor(Math.log10(Math.min(...values)) * 2) / 2;
  const high = Math.ceil(Math.log10(Math.max(...values)) * 2) / 2;
  const step = Math.max(1, Math.ceil((high - low) / 5));
  const ticks: number[] = [];
  for (let power = Math.ceil(low); power <= high; power += step) ticks.push(10 ** power);
  return {
    domain: [10 ** (low - 0.1), 10 ** (Math.max(high, low + 0.5) + 0.1)],
    ticks,
    tickFormat: (value) => powerOfTen(Math.round(Math.log10(value))),
  };
}

function powerOfTen(exponent: number): string {
  if (exponent >= -3 && exponent <= 3)
    return String(exponent < 0 ? (10 ** exponent).toFixed(-exponent) : 10 ** exponent);
  return `10${String(exponent).replace(/./g, (digit) => SUPERSCRIPT[digit] ?? digit)}`;
}

const SUPERSCRIPT: Readonly<Record<string, string>> = {
  '-': '⁻',
  '0': '⁰',
  '1': '¹',
  '2': '²',
  '3': '³',
  '4': '⁴',
  '5': '⁵',
  '6': '⁶',
  '7': '⁷',
  '8': '⁸',
  '9': '⁹',
};
