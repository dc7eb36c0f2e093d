import { formatTable } from '../core/table.ts';
import { formatShape } from '../tensors/tensor.ts';
import type { AnalysedLayer, Analysis, Comparison } from '../weights/analysis.ts';
import { formatCount, formatFixed, formatNumber } from './format.ts';

/** An analysis as text for a terminal: a row for each layer, what its flags mean, and the summary. */
export function formatAnalysis(analysis: Analysis): string {
  const { layers, summary, notes, skipped, comparison } = analysis;
  const optional = {
    traps: layers.some(({ randomised }) => randomised),
    farms: layers.some(({ farms }) => farms),
  };
  const header = [
    'layer',
    'matrix',
    'eigenvalues',
    'alpha',
    'best fit',
    'KS',
    'stable rank',
    'largest',
    ...(optional.traps ? ['traps', 'spikes'] : []),
    ...(optional.farms ? ['FARMS'] : []),
    'flag: rule',
  ];
  const rows = layers.flatMap((layer) => {
    const flags = layer.flags.length > 0 ? layer.flags : [''];
    const cells = [
      layer.name,
      `${layer.matrix === 'W' ? layer.kind : layer.matrix} ${formatShape(layer.shape)}`,
      String(layer.eigenvalues?.length ?? ''),
      formatFixed(layer.alpha),
      formatFixed(layer.metrics?.alphaBestFit),
      formatFixed(layer.ksDistance),
      formatFixed(layer.stableRank, 1),
      formatNumber(layer.spectralNorm, 3),
      ...(optional.traps ? [String(layer.randomised?.traps ?? '–'), String(layer.randomised?.spikes ?? '–')] : []),
      ...(optional.farms ? [formatFixed(layer.farms?.alpha)] : []),
    ];
    return flags.map((flag, index) => [...(index === 0 ? cells : cells.map(() => '')), flag]);
  });
  const parts = [formatTable([header, ...rows])];
  if (comparison) parts.push(comparisonTable(comparison));
  parts.push(
    [
      `${formatCount(summary.analysed, 'layer')}, alpha ${formatFixed(summary.alphaMean)} ± ${formatFixed(summary.alphaStd)} over layers${
        summary.withoutAlpha > 0 ? `, ${summary.withoutAlpha} without alpha` : ''
      }`,
      ...Object.entries(summary.flags).map(
        ([flag, count]) => `${flag}: ${count} of ${formatCount(summary.analysed, 'layer')}`,
      ),
      ...notes.map((note) => `note: ${note}`),
      skipped.length > 0 ? `not analysed: ${reasons(skipped)}` : '',
    ]
      .filter(Boolean)
      .join('\n'),
  );
  return parts.join('\n\n');
}

function comparisonTable({ other, layers, onlyHere, onlyThere }: Comparison): string {
  const header = [
    'layer',
    'alpha there',
    'here',
    'change',
    'weights changed',
    'alpha of W - W0',
    'its rank',
    'remarks on W - W0',
  ];
  const rows = comparisonRows(layers);
  const apart = [
    onlyHere.length > 0 ? `only here: ${onlyHere.join(', ')}` : '',
    onlyThere.length > 0 ? `only there: ${onlyThere.join(', ')}` : '',
  ].filter(Boolean);
  return [`against ${other}:`, formatTable([header, ...rows]), ...apart].join('\n');
}

function reasons(skipped: Analysis['skipped']): string {
  const counts = new Map<string, number>();
  for (const { reason } of skipped) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} × ${reason}`).join('; ');
}

/** A row for each pair of layers: name, alpha there, here, its change, change of the weights, alpha, rank and remarks of W - W0. */
export function comparisonRows(layers: Comparison['layers']): string[][] {
  return layers.map(({ name, alpha, otherAlpha, alphaChange, relativeChange, difference }) => [
    name,
    formatFixed(otherAlpha),
    formatFixed(alpha),
    formatFixed(alphaChange),
    relativeChange === null ? '–' : `${formatNumber(100 * relativeChange, 3)} %`,
    formatFixed(difference.alpha),
    rankOf(difference),
    difference.flags.find((flag) => flag.startsWith('no alpha')) ?? '',
  ]);
}

/** `3 of 32`: eigenvalues above rounding noise. */
function rankOf({ metrics, eigenvalues }: AnalysedLayer): string {
  if (metrics?.matrixRank == null) return '–';
  return eigenvalues ? `${metrics.matrixRank} of ${eigenvalues.length}` : String(metrics.matrixRank);
}
