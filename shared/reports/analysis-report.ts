import { flagRules } from '../spectra/flags.ts';
import { spectrumMetrics } from '../spectra/metrics/registry.ts';
import { formatShape } from '../tensors/tensor.ts';
import type { AnalysedLayer, Analysis, Comparison } from '../weights/analysis.ts';
import { alphaByDepth, alphaHistogram, alphaScatter, fittedLayers, groupOf } from './alpha-plots.ts';
import { comparisonRows } from './analysis-text.ts';
import { figure, table } from './figure.ts';
import { formatCount, formatFixed, formatNumber, shortNames } from './format.ts';
import { dotted, html, type Markup } from './html.ts';
import { type PageSection, renderPage } from './page.ts';
import { discOf } from './palette.ts';
import { type DrawnSpectrum, esdPlot } from './sections/esd.ts';

/** A part of the page; null where the analysis has nothing to show in it. */
type Part = (analysis: Analysis) => PageSection | null;

const mostPanels = 24;
const color = 'var(--series-1)';

/** An analysis as one HTML page, in the look of a run's report. */
export function renderAnalysis(analysis: Analysis, { madeAt }: { madeAt: string }): string {
  const { path, epoch } = analysis.source;
  return renderPage({
    title: `Spectra of ${path}${epoch === undefined ? '' : `, epoch ${epoch}`}`,
    madeAt,
    sections: parts.flatMap((part) => part(analysis) ?? []),
    footer:
      'Alpha follows TempBalance (Liu et al., EMNLP 2024) and its ranges Martin and Mahoney’s theory of heavy-tailed self-regularisation, as in WeightWatcher.',
  });
}

const inShort: Part = (analysis) => {
  const { summary, notes, comparison } = analysis;
  const flags = Object.entries(summary.flags).map(
    ([flag, count]) => `${flag}: ${count} of ${formatCount(summary.analysed, 'layer')}.`,
  );
  const compared = comparison ? [comparisonSentence(comparison)] : [];
  return {
    name: 'summary',
    title: 'In short',
    howToRead:
      'Alpha is the exponent of the power law that the largest eigenvalues of a layer follow: about 2 to 6 is typical of well-trained layers when the tail is chosen by best fit.',
    content: html`<p class="headline">${formatCount(summary.analysed, 'layer')}, alpha ${formatFixed(summary.alphaMean)} on average, with a spread of ${formatFixed(summary.alphaStd)} over layers.</p>
${[...compared, ...flags, ...notes.map((note) => `${note[0]!.toUpperCase()}${note.slice(1)}.`)].map((line) => html`<p>${line}</p>`)}`,
  };
};

const alphas: Part = ({ layers }) => {
  const fitted = fittedLayers(layers);
  if (fitted.length === 0) return null;
  const groups = [...new Set(layers.map(groupOf))];
  return {
    name: 'alpha',
    title: 'Alpha over the layers',
    howToRead:
      'Each layer once: how many have which alpha, and where in the model they stand. Dashed lines mark 2 and 6; alphas above 10 are drawn at 10.',
    content: html`${groupLegend(groups)}<div class="multiples">${figure(
      alphaHistogram(fitted, groups),
      'Layers by alpha',
    )}${figure(alphaByDepth(layers, groups), 'Alpha by depth')}</div>`,
  };
};

const scatter: Part = ({ comparison }) => {
  const svg = comparison && alphaScatter(comparison);
  if (!svg) return null;
  const header = [
    'Layer',
    'Alpha there',
    'Alpha here',
    'Change',
    'Weights changed by',
    'Alpha of W − W₀',
    'Its rank',
    'Remarks on W − W₀',
  ];
  const rows = comparisonRows(comparison.layers);
  return {
    name: 'comparison',
    title: 'Against the other checkpoint',
    howToRead:
      'A dot below the dashed line is a layer whose alpha is smaller here than there: its tail has become heavier, as training makes it.',
    content: html`${figure(svg, `There: ${comparison.other}`)}${table('Layer by layer', header, rows, [1, 2, 3, 4, 5, 6])}${apart(comparison)}`,
  };
};

const spectra: Part = ({ layers, comparison }) => {
  const others = new Map(comparison?.layers.map(({ name, other }) => [name, other]));
  const panels = notable(layers).flatMap((layer) => {
    const random = layer.randomised;
    const other = others.get(layer.name);
    const before: DrawnSpectrum | undefined = other
      ? drawn(other)
      : random && { name: layer.name, eigenvalues: random.eigenvalues ?? [], alpha: null, xmin: null, tail: null };
    const words = { before: other ? 'there' : 'in random places', after: 'here', caption: panelCaption(layer, other) };
    const svg = esdPlot(before, drawn(layer), color, words);
    return svg ? [{ layer, svg, caption: words.caption }] : [];
  });
  if (panels.length === 0) return null;
  const labels = shortNames(layers.map(({ name }) => name));
  const rings = comparison
    ? 'the other checkpoint'
    : layers.some(({ randomised }) => randomised)
      ? 'the same weights in random places'
      : null;
  const key = rings
    ? html`<span class="ring"></span> and dashes: ${rings}; ${discOf(0)} and solid line: this checkpoint.`
    : null;
  const which =
    layers.length > mostPanels
      ? ` ${panels.length} of ${formatCount(layers.length, 'layer')}: those with the smallest and the largest alpha.`
      : '';
  return {
    name: 'esd',
    title: 'Spectra of the layers',
    howToRead:
      'How the squared singular values of a weight are distributed, on log-log axes, where a power law is a straight line: the line is the fit from xmin (dotted) upwards, and its steepness is alpha.',
    content: html`<p class="key">${key}${which}</p><div class="panels">${panels.map(({ layer, svg, caption }) =>
      figure(svg, `${labels.get(layer.name) ?? layer.name}: ${caption}`),
    )}</div>`,
  };
};

const changes: Part = ({ comparison }) => {
  if (!comparison) return null;
  const labels = shortNames(comparison.layers.map(({ name }) => name));
  const moved = [...comparison.layers]
    .sort((a, b) => (b.relativeChange ?? 0) - (a.relativeChange ?? 0))
    .slice(0, mostPanels);
  const panels = moved.flatMap(({ name, difference }) => {
    const caption = panelCaption(difference, undefined);
    const svg = esdPlot(undefined, drawn(difference), 'var(--series-2)', { before: '', after: 'W − W₀', caption });
    return svg ? [figure(svg, `${labels.get(name) ?? name}: ${caption}`)] : [];
  });
  if (panels.length === 0) return null;
  return {
    name: 'changes',
    title: 'Spectra of what changed',
    howToRead:
      'The same of W − W₀: a few large eigenvalues apart from the rest mean that training moved the layer in few directions.',
    content: html`<div class="panels">${panels}</div>`,
  };
};

const layersTable: Part = ({ layers }) => {
  const traps = layers.some(({ randomised }) => randomised);
  const farms = layers.some((layer) => layer.farms);
  const header = [
    'Layer',
    'Alpha',
    'Best fit',
    'Flags',
    'KS distance',
    'Stable rank',
    'Largest eigenvalue',
    'Alpha-hat',
    'Matrix',
    'Eigenvalues',
    ...(traps ? ['Traps', 'Spikes'] : []),
    ...(farms ? ['FARMS'] : []),
  ];
  const rows = layers.map((layer) => [
    dotted(layer.name),
    formatFixed(layer.alpha),
    formatFixed(layer.metrics?.alphaBestFit),
    html`${layer.flags.map((flag) => html`<div class="${flag.startsWith('no alpha') ? '' : 'whole'}">${flag}</div>`)}`,
    formatFixed(layer.ksDistance),
    formatFixed(layer.stableRank, 1),
    formatNumber(layer.spectralNorm, 3),
    formatFixed(layer.alphaHat),
    html`<span class="whole">${layer.matrix === 'W' ? layer.kind : layer.matrix} ${formatShape(layer.shape)}</span>`,
    String(layer.eigenvalues?.length ?? '–'),
    ...(traps ? [String(layer.randomised?.traps ?? '–'), String(layer.randomised?.spikes ?? '–')] : []),
    ...(farms ? [formatFixed(layer.farms?.alpha)] : []),
  ]);
  return {
    name: 'layers',
    title: 'Layers in numbers',
    howToRead: 'Every flag with the rule that leads to it; what they mean follows below.',
    content: table(
      'All layers',
      header,
      rows,
      header.flatMap((name, index) => (['Layer', 'Flags', 'Matrix'].includes(name) ? [] : [index])),
    ),
  };
};

const metricsTable: Part = ({ layers }) => {
  const measured = layers.filter(({ metrics }) => metrics);
  if (measured.length === 0) return null;
  const rows = measured.map(({ name, metrics }) => [
    name,
    ...spectrumMetrics.map((metric) => formatNumber(metrics![metric.name], 3)),
  ]);
  const header = ['Layer', ...spectrumMetrics.map(({ name }) => name)];
  return {
    name: 'metrics',
    title: 'More numbers',
    howToRead: 'What each says stands below the table.',
    content: html`<details><summary>Show them</summary>${table(
      'All layers',
      header,
      rows,
      header.slice(1).map((_, index) => index + 1),
    )}${table(
      'What they are',
      ['Name', 'Meaning'],
      spectrumMetrics.map(({ name, description }) => [name, description]),
    )}</details>`,
  };
};

const flagMeanings: Part = ({ summary }) => {
  const raised = flagRules.filter(({ name }) => summary.flags[name]);
  if (raised.length === 0) return null;
  return {
    name: 'flags',
    title: 'What the flags mean',
    howToRead: 'A flag is a reason to look closer, not a verdict.',
    content: table(
      'Flags raised here',
      ['Flag', 'Rule', 'Meaning', 'Layers'],
      raised.map(({ name, rule, meaning }) => [name, rule, meaning, String(summary.flags[name])]),
      [3],
    ),
  };
};

const leftOut: Part = ({ skipped }) => {
  if (skipped.length === 0) return null;
  const byReason = new Map<string, string[]>();
  for (const { name, reason } of skipped) byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
  return {
    name: 'skipped',
    title: 'Not analysed',
    howToRead: 'Tensors that are no matrix that is multiplied with the layer’s input, or can’t be read.',
    content: html`${[...byReason].map(([reason, names]) => html`<details><summary>${names.length} × ${reason}</summary><p>${names.join(', ')}</p></details>`)}`,
  };
};

const settings: Part = (analysis) => ({
  name: 'settings',
  title: 'Settings',
  howToRead: 'How the spectra were taken and fitted.',
  content: html`<pre tabindex="0">${JSON.stringify(analysis.settings, null, 2)}</pre>`,
});

const parts: readonly Part[] = [
  inShort,
  alphas,
  scatter,
  spectra,
  changes,
  layersTable,
  flagMeanings,
  metricsTable,
  leftOut,
  settings,
];

const drawn = ({ name, eigenvalues = [], alpha, xmin, tail }: AnalysedLayer): DrawnSpectrum => ({
  name,
  eigenvalues,
  alpha,
  xmin,
  tail,
});

function panelCaption(layer: AnalysedLayer, other: AnalysedLayer | undefined): string {
  const alpha = (value: number | null) => (value === null ? 'no fit' : formatFixed(value));
  return `alpha ${other ? `${alpha(other.alpha)} → ` : ''}${alpha(layer.alpha)}`;
}

/** All layers, or those with the smallest and the largest alphas, in the model's order. */
function notable(layers: readonly AnalysedLayer[]): AnalysedLayer[] {
  if (layers.length <= mostPanels) return [...layers];
  const ordered = fittedLayers(layers).sort((a, b) => a.alpha - b.alpha);
  const chosen = new Set<AnalysedLayer>([...ordered.slice(0, mostPanels / 2), ...ordered.slice(-mostPanels / 2)]);
  return layers.filter((layer) => chosen.has(layer));
}

function comparisonSentence({ other, layers }: Comparison): string {
  const changes = layers.flatMap(({ alphaChange }) => alphaChange ?? []);
  const mean = changes.reduce((sum, change) => sum + change, 0) / changes.length;
  if (changes.length === 0) return `No layer has an alpha both here and in ${other}.`;
  const lower = changes.filter((change) => change < 0).length;
  return `Against ${other}, alpha changed by ${formatFixed(mean)} on average; it is lower in ${lower} of ${formatCount(changes.length, 'layer')}.`;
}

function apart({ onlyHere, onlyThere }: Comparison): Markup {
  return html`${onlyHere.length > 0 ? html`<p>Only here: ${onlyHere.join(', ')}.</p>` : null}${onlyThere.length > 0 ? html`<p>Only there: ${onlyThere.join(', ')}.</p>` : null}`;
}

function groupLegend(groups: readonly string[]): Markup | null {
  if (groups.length < 2) return null;
  return html`<ul class="legend">${groups.map((group, index) => html`<li>${discOf(index)} ${group}</li>`)}</ul>`;
}
