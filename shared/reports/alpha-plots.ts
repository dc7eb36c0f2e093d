/** Plots of alpha over the layers of one checkpoint, or of two. */
import * as Plot from '@observablehq/plot';
import type { AnalysedLayer, Comparison } from '../weights/analysis.ts';
import { formatFixed } from './format.ts';
import { groupStyle } from './palette.ts';
import { renderSvg } from './svg.ts';

/** The range in which well-trained layers were found, drawn as a band. */
const usual = [2, 6] as const;
/** Larger alphas are drawn here. */
const most = 10;

type Fitted = AnalysedLayer & { readonly alpha: number };

/** The layers that have an alpha. */
export const fittedLayers = (layers: readonly AnalysedLayer[]): Fitted[] =>
  layers.filter((layer): layer is Fitted => layer.alpha !== null);

/** What a layer is told apart by: its kind, or its matrix where that is not the plain weight. */
export const groupOf = ({ kind, matrix }: AnalysedLayer): string => (matrix === 'W' ? kind : matrix);

const groupColor = (groups: readonly string[], group: string) => groupStyle(groups.indexOf(group)).stroke;

/** How many layers have which alpha, stacked by kind, as an SVG string. */
export function alphaHistogram(layers: readonly Fitted[], groups: readonly string[]): string {
  const drawn = layers.map((layer) => ({ alpha: Math.min(layer.alpha, most), group: groupOf(layer) }));
  const highest = Math.max(usual[1] + 1, ...drawn.map(({ alpha }) => Math.ceil(alpha + 1e-9)));
  const lowest = Math.min(1, ...drawn.map(({ alpha }) => Math.floor(alpha)));
  const step = (highest - lowest) / 24 > 0.25 ? 0.5 : 0.25;
  const thresholds = Array.from({ length: Math.round((highest - lowest) / step) + 1 }, (_, i) => lowest + i * step);
  return renderSvg({
    ariaLabel: 'Number of layers by alpha',
    width: 530,
    height: 250,
    marginTop: 30,
    marginBottom: 42,
    x: { label: 'alpha', labelAnchor: 'right', domain: [lowest, highest], ticks: 7 },
    y: { label: 'layers', grid: true, tickFormat: (count: number) => (Number.isInteger(count) ? String(count) : '') },
    marks: [
      Plot.rectY(
        drawn,
        Plot.binX<Plot.RectYOptions>({ y: 'count' }, {
          x: { value: 'alpha', thresholds },
          fill: ({ group }: { group: string }) => groupColor(groups, group),
          insetLeft: 0.5,
          insetRight: 0.5,
        } as never),
      ),
      Plot.ruleX(usual, { stroke: 'currentColor', strokeDasharray: '3 3', strokeOpacity: 0.7 }),
      Plot.ruleY([0], { stroke: 'currentColor' }),
    ],
    color: { type: 'identity' },
  });
}

/** Alpha of the layers in the order of the model as an SVG string. */
export function alphaByDepth(layers: readonly AnalysedLayer[], groups: readonly string[]): string {
  const drawn = layers.flatMap((layer, index) =>
    layer.alpha === null ? [] : [{ index: index + 1, alpha: Math.min(layer.alpha, most), layer }],
  );
  return renderSvg({
    ariaLabel: 'Alpha by layer, in the order of the model',
    width: 530,
    height: 250,
    marginTop: 30,
    marginBottom: 42,
    x: {
      label: 'layer, from input to output',
      labelAnchor: 'right',
      domain: [0, layers.length + 1],
      ticks: 7,
      tickFormat: 'd',
    },
    y: { label: 'alpha', grid: true, domain: alphaDomain(drawn.map(({ alpha }) => alpha)) },
    marks: [
      Plot.ruleY(usual, { stroke: 'currentColor', strokeDasharray: '3 3', strokeOpacity: 0.7 }),
      Plot.dot(drawn, {
        x: 'index',
        y: 'alpha',
        r: drawn.length > 100 ? 2 : 3.2,
        fill: ({ layer }: { layer: AnalysedLayer }) => groupColor(groups, groupOf(layer)),
        title: ({ layer }: { layer: AnalysedLayer }) => `${layer.name}: alpha ${formatFixed(layer.alpha)}`,
      }),
    ],
    color: { type: 'identity' },
  });
}

/** Alpha of each layer in one checkpoint against that in the other, as an SVG string; null with nothing to draw. */
export function alphaScatter({ layers }: Comparison): string | null {
  const drawn = layers.flatMap(({ name, alpha, otherAlpha }) =>
    alpha === null || otherAlpha === null ? [] : [{ name, x: otherAlpha, y: alpha }],
  );
  if (drawn.length === 0) return null;
  const values = drawn.flatMap(({ x, y }) => [x, y]);
  const margin = 0.05 * (Math.max(...values) - Math.min(...values)) || 0.5;
  const domain: [number, number] = [Math.min(...values) - margin, Math.max(...values) + margin];
  return renderSvg({
    ariaLabel: 'Alpha of each layer here against there',
    width: 420,
    height: 400,
    marginTop: 30,
    marginBottom: 42,
    x: { label: 'alpha there', labelAnchor: 'right', domain, ticks: 6, grid: true },
    y: { label: 'alpha here', domain, ticks: 6, grid: true },
    marks: [
      Plot.line(
        [domain, domain].map((_, end) => ({ x: domain[end]!, y: domain[end]! })),
        {
          x: 'x',
          y: 'y',
          stroke: 'currentColor',
          strokeDasharray: '3 3',
          strokeOpacity: 0.7,
        },
      ),
      Plot.dot(drawn, {
        x: 'x',
        y: 'y',
        r: drawn.length > 100 ? 2.2 : 3.5,
        stroke: 'var(--series-1)',
        strokeWidth: 1.5,
        title: ({ name, x, y }: { name: string; x: number; y: number }) =>
          `${name}: ${formatFixed(x)} → ${formatFixed(y)}`,
      }),
    ],
  });
}

function alphaDomain(alphas: readonly number[]): [number, number] {
  return [Math.min(1, ...alphas.map(Math.floor)), Math.max(usual[1] + 0.5, ...alphas.map((alpha) => alpha + 0.3))];
}
