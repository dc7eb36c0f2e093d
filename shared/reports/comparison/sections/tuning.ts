import type { Tuning } from '../../../decisions/comparison/judgement.ts';
import { figure, table } from '../../figure.ts';
import { formatMetric } from '../../format.ts';
import { html, type Markup } from '../../html.ts';
import type { Section } from '../../section.ts';
import { armCell, armLegend, bySize } from '../arms.ts';
import type { ComparisonResult } from '../input.ts';
import { orderedArms } from '../summary.ts';
import { triedValues, tuningPlot } from '../tuning-plot.ts';
import { formatSize, formatTried, tunedKey } from '../words.ts';

export const tuningSection: Section<ComparisonResult> = {
  name: 'tuning',
  title: 'Tuning',
  howToRead:
    'Every arm was tried with the same values; each point is the mean over the tuning seeds on validation data, and a ring marks the value chosen for the test runs. A choice at an end of the values tried (“edge”) is not a decided one: a better value may lie beyond.',
  render(result) {
    const { design, judgement } = result;
    if (!design.tuned || judgement.tunings.length === 0) return null;
    const content = bySize(design, formatSize, (size) => {
      const tunings = orderedArms(design).flatMap(
        ({ name }) => judgement.tunings.find((tuning) => tuning.arm === name && tuning.size === size) ?? [],
      );
      if (!tunings.some(({ scores }) => scores.some(({ runs }) => runs > 0))) return null;
      const svg = tuningPlot(design, tunings, size);
      const { metric } = design;
      return html`${svg && figure(svg, `Mean ${metric.name} of the tuning runs over ${tunedKey(design)}; a ring marks the chosen value`)}${atEdge(tunings, result)}${scoreTable(tunings, result)}`;
    });
    return content && html`${armLegend(design)}${content}`;
  },
};

function atEdge(tunings: readonly Tuning[], { design }: ComparisonResult): Markup | null {
  const key = tunedKey(design);
  const named = (some: readonly Tuning[]) => some.map(({ arm }) => `“${arm}”`).join(', ');
  const edges = tunings.filter(({ state }) => state === 'edge');
  const winners = [...new Set(edges.map(({ winner }) => winner))];
  const none = tunings.filter(({ state }) => state === 'none');
  const sentences = [
    ...winners.map((winner) => {
      const arms = named(edges.filter((tuning) => tuning.winner === winner));
      return `Best with ${key} ${formatTried(winner)}, an end of the values tried, so that a better one may lie beyond: ${arms}.`;
    }),
    ...(none.length > 0 ? [`No value of ${key} has a mean, so that none was chosen: ${named(none)}.`] : []),
  ];
  return sentences.length > 0
    ? html`<ul class="findings">${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>`
    : null;
}

function scoreTable(tunings: readonly Tuning[], { design }: ComparisonResult): Markup {
  const values = triedValues(tunings);
  const isExtended = values.map((tried) => !design.tuned!.values.includes(tried));
  const seeds = design.seeds.tuning.length;
  const header = [
    'Arm',
    ...values.map((tried, index) => `${formatTried(tried)}${isExtended[index] ? ' *' : ''}`),
    'Chosen',
  ];
  const rows = tunings.map(({ arm, scores, winner, state }) => [
    armCell(design, arm),
    ...values.map((tried) => {
      const score = scores.find((other) => other.tried === tried);
      if (!score) return '–';
      if (score.mean === null) return html`<span class="soft">${score.runs} of ${seeds}</span>`;
      const mean = formatMetric(score.mean, design.unit);
      return tried === winner ? html`<strong>${mean}</strong>` : mean;
    }),
    state === 'edge' ? `${formatTried(winner)} (edge)` : formatTried(winner),
  ]);
  const isAnyMissing = tunings.some(({ scores }) => scores.some(({ mean }) => mean === null));
  const notes = [
    ...(isExtended.includes(true) ? ['* added, as an arm did best at an end of the values before.'] : []),
    ...(isAnyMissing
      ? [`Where there is no mean, the cell says how many of the ${seeds} tuning seeds have a value.`]
      : []),
  ];
  return html`${table(
    `Mean ${design.metric.name} by ${tunedKey(design)}`,
    header,
    rows,
    header.slice(1).map((_, index) => index + 1),
  )}${notes.map((note) => html`<p class="key">${note}</p>`)}`;
}
