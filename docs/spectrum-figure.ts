import * as Plot from '@observablehq/plot';
import { randomFor } from '../shared/core/random.ts';
import { type DensityPoint, fittedTail, logDensity } from '../shared/reports/density.ts';
import { renderSvg } from '../shared/reports/svg.ts';
import { describeSpectrum } from '../shared/spectra/describe.ts';
import { compareWithRandomised, randomEdge } from '../shared/spectra/randomised.ts';
import { portableSolver } from '../shared/spectra/solvers/portable.ts';

const [rows, columns] = [240, 360];

/** Light colours, whatever the page around the picture. */
const style =
  '<style>svg{background:#fff;color:#1a1d21;font:12px system-ui,sans-serif;--line:#d9dde2}[aria-label$="grid"]{stroke:var(--line);stroke-opacity:1}</style>';

/** A layer as training leaves it, in miniature: noise, and directions in it whose strengths fall off like a power law. */
function madeUpLayer(): Float32Array {
  const random = randomFor(0, 'spectrum figure');
  const weight = Float32Array.from({ length: rows * columns }, () => random.normal() / Math.sqrt(columns));
  for (let k = 0; k < 70; k++) {
    const strength = 2.6 * (1 - random.uniform()) ** -0.28;
    const left = Float64Array.from({ length: rows }, () => random.normal() / Math.sqrt(rows));
    const right = Float64Array.from({ length: columns }, () => random.normal() / Math.sqrt(columns));
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) weight[i * columns + j]! += strength * left[i]! * right[j]!;
    }
  }
  return weight;
}

/** The picture of docs/spectra.md: a spectrum with its fit, beside that of the same weights in random places. */
export async function spectrumFigure(): Promise<string> {
  const weight = { shape: [rows, columns], data: madeUpLayer() };
  const eigenvalues = portableSolver.squaredSingularValues(rows, columns, weight.data);
  const { spectrum } = describeSpectrum(
    { name: 'layer', kind: 'linear', shape: weight.shape },
    eigenvalues,
    { fit: { method: 'goodnessOfFit' }, filterZeros: true },
    { dimension: columns },
  );
  const random = await compareWithRandomised(
    'linear',
    [['layer', weight]],
    'rows',
    portableSolver,
    randomFor(0, 'randomise'),
    eigenvalues,
  );
  const variance = spectrum.frobeniusNormSquared! / (rows * columns);
  const edge = randomEdge(rows, columns, variance);
  const layer = logDensity(spectrum.eigenvalues, 0);
  const shuffled = logDensity([...random.eigenvalues], 0);
  const tail = fittedTail(spectrum);
  const at = { x: 'lambda', y: 'density' } as const;
  const label = (
    point: DensityPoint,
    text: string,
    fill: string,
    move: { dx?: number; dy?: number; textAnchor?: 'start' | 'end' },
  ) => Plot.text([point], { ...at, text: [text], fill, textAnchor: 'start', ...move });
  const densities = [...layer, ...shuffled, ...tail].map(({ density }) => density);
  const [low, high] = [Math.min(...densities) / 1.6, Math.max(...densities) * 2.2];
  const svg = renderSvg({
    ariaLabel:
      'Density of the eigenvalues of a layer on log-log axes, its power-law fit, and the same weights in random places',
    width: 720,
    height: 380,
    marginLeft: 54,
    marginTop: 34,
    marginBottom: 46,
    marginRight: 20,
    x: {
      type: 'log',
      label: 'eigenvalue λ (squared singular value) →',
      labelAnchor: 'right',
      ticks: [0.1, 1, 10, 100],
      tickFormat: String,
    },
    y: {
      type: 'log',
      label: '↑ share of the eigenvalues per unit of λ',
      grid: true,
      ticks: [1e-4, 1e-3, 0.01, 0.1, 1],
      tickFormat: String,
      domain: [low, high],
    },
    marks: [
      Plot.ruleX([edge], { stroke: '#7a828c', strokeDasharray: '2 3' }),
      Plot.ruleX([spectrum.xmin!], { stroke: '#0072b2', strokeDasharray: '2 3' }),
      Plot.line(shuffled, { ...at, stroke: '#7a828c', strokeWidth: 1 }),
      Plot.dot(shuffled, { ...at, r: 3, stroke: '#7a828c', fill: '#fff' }),
      Plot.dot(layer, { ...at, r: 3.6, fill: '#0072b2' }),
      Plot.line(tail, { ...at, stroke: '#d55e00', strokeWidth: 2.5 }),
      label({ lambda: spectrum.xmin!, density: high }, 'xmin: the tail starts here', '#0072b2', { dx: 5, dy: 8 }),
      label({ lambda: edge, density: high / 1.35 }, 'edge of random weights', '#5a626c', { dx: 5, dy: 22 }),
      label(tail[1]!, `slope −alpha, alpha = ${spectrum.alpha!.toFixed(1)}`, '#d55e00', {
        dx: -12,
        dy: 0,
        textAnchor: 'end',
      }),
      label(shuffled[0]!, 'hollow: the same weights in random places', '#5a626c', { dx: -60, dy: 48 }),
      label(layer[1]!, 'filled: the layer', '#0072b2', { dx: 0, dy: -16 }),
    ],
  });
  const head = svg.slice(0, svg.indexOf('>') + 1);
  const named = head.includes('xmlns=') ? head : head.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"');
  return `${named}${style}${svg.slice(head.length)}\n`;
}
