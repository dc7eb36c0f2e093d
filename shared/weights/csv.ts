import { spectrumMetrics } from '../spectra/metrics/registry.ts';
import type { AnalysedLayer, Analysis } from './analysis.ts';

const metricNames = spectrumMetrics.map(({ name }) => name);

const columns: readonly (readonly [
  name: string,
  cell: (layer: AnalysedLayer) => string | number | null | undefined,
])[] = [
  ['name', ({ name }) => name],
  ['kind', ({ kind }) => kind],
  ['matrix', ({ matrix }) => matrix],
  ['shape', ({ shape }) => shape.join('x')],
  ['alpha', ({ alpha }) => alpha],
  ['xmin', ({ xmin }) => xmin],
  ['tail', ({ tail }) => tail],
  ['ksDistance', ({ ksDistance }) => ksDistance],
  ['spectralNorm', ({ spectralNorm }) => spectralNorm],
  ['frobeniusNormSquared', ({ frobeniusNormSquared }) => frobeniusNormSquared],
  ['stableRank', ({ stableRank }) => stableRank],
  ['alphaHat', ({ alphaHat }) => alphaHat],
  ...metricNames.map((name) => [name, ({ metrics }: AnalysedLayer) => metrics?.[name]] as const),
  ['traps', ({ randomised }) => randomised?.traps],
  ['spikes', ({ randomised }) => randomised?.spikes],
  ['randomDistance', ({ randomised }) => randomised?.distance],
  ['farmsAlpha', ({ farms }) => farms?.alpha],
  ['flags', ({ flags }) => flags.join('; ')],
];

/** An analysis as CSV (RFC 4180), one layer a row, without eigenvalues; an empty cell is no number. */
export function analysisCsv({ layers }: Pick<Analysis, 'layers'>): string {
  const rows = [columns.map(([name]) => name), ...layers.map((layer) => columns.map(([, cell]) => cell(layer) ?? ''))];
  return `${rows.map((row) => row.map(quoted).join(',')).join('\r\n')}\r\n`;
}

function quoted(cell: string | number): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
