import type { Tuning } from '../../../decisions/comparison/judgement.ts';
import { figure, table } from '../../figure.ts';
import { formatCount, formatMetric } from '../../format.ts';
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
      if (tunings.length === 0) return null;
      const svg = tuningPlot(design, tunings, size);
      const { metric } = design;
      return html`${svg && figure(svg, `Mean ${metric.name} of the tuning runs over ${tunedKey(design)}; a ring marks the chosen value`)}${atEdge(tunings, result)}${scoreTable(tunings, result)}`;
    });
    return content && html`${armLegend(design)}${content}`;
  },
};

function atEdge(tunings: readonly Tuning[], { design }: ComparisonResult): Markup | null {
  const key = tunedKey(design);
  const edges = tunings.filter(({ state }) => state === 'edge');
  const none = tunings.filter(({ state }) => state === 'none');
  if (edges.length + none.length === 0) return null;
  return html`<ul class="findings">${edges.map(
    ({ arm, winner }) =>
      html`<li>“${arm}” does best with ${key} ${formatTried(winner)}, an end of the values tried: a better one may lie beyond.</li>`,
  )}${none.map(({ arm }) => html`<li>“${arm}” has no value of ${key} at which every tuning seed came to a result, so none was chosen.</li>`)}</ul>`;
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
    `Mean ${design.metric.name} of ${formatCount(seeds, 'tuning seed')} by ${tunedKey(design)}, the chosen one in bold`,
    ...(isExtended.includes(true) ? ['* added as an arm did best at the end of the grid'] : []),
    ...(isAnyMissing ? [`“2 of ${Math.max(3, seeds)}”: only so many runs have a value, so there is no mean`] : []),
  ];
  return table(
    notes.join('; '),
    header,
    rows,
    header.slice(1).map((_, index) => index + 1),
  );
}
