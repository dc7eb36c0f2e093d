import { csvRows } from '../core/csv.ts';
import { spectrumMetrics } from '../spectra/metrics/registry.ts';
import type { AnalysedLayer, Analysis, Comparison } from './analysis.ts';

const metricNames = spectrumMetrics.map(({ name }) => name);

type Column<Row> = readonly [name: string, cell: (row: Row) => string | number | null | undefined];

const columns: readonly Column<AnalysedLayer>[] = [
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

const comparisonColumns: readonly Column<Comparison['layers'][number] | undefined>[] = [
  ['otherAlpha', (pair) => pair?.otherAlpha],
  ['alphaChange', (pair) => pair?.alphaChange],
  ['relativeChange', (pair) => pair?.relativeChange],
  ['differenceAlpha', (pair) => pair?.difference.alpha],
  ['differenceRank', (pair) => pair?.difference.metrics?.matrixRank],
  ['differenceFlags', (pair) => pair?.difference.flags.join('; ')],
];

/**
 * An analysis as CSV (RFC 4180), one layer a row, without eigenvalues; an empty cell is no number. A comparison adds columns
 * about the other checkpoint's layer and about the change.
 */
export function analysisCsv({ layers, comparison }: Pick<Analysis, 'layers' | 'comparison'>): string {
  const pairs = new Map(comparison?.layers.map((pair) => [pair.name, pair]));
  const added = comparison ? comparisonColumns : [];
  const rows = [
    [...columns, ...added].map(([name]) => name),
    ...layers.map((layer) => [
      ...columns.map(([, cell]) => cell(layer) ?? ''),
      ...added.map(([, cell]) => cell(layer.matrix === 'BA' ? undefined : pairs.get(layer.name)) ?? ''),
    ]),
  ];
  return csvRows(rows);
}
