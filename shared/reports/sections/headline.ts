import { compareRuns, type RunSummary } from '../compare.ts';
import { formatChange, formatCount, formatMetric } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';
import { verdict } from '../verdict.ts';

/** More sentences of a kind than these are folded away. */
const MOST_SENTENCES = 8;
const MOST_RUNS = 4;

export const headlineSection: Section = {
  name: 'summary',
  title: 'In short',
  howToRead:
    'What was trained, how it ended and what it achieved. Runs that differ in nothing but the seed are one group; a group is called better or worse than the first only where the paired t-test says so at 5 %, corrected for the number of groups.',
  render({ runs }) {
    if (runs.length === 0) return html`<p class="headline">There is no run to report on.</p>`;
    const comparison = compareRuns(runs);
    const { overview, findings } = verdict(comparison);
    const each = runs.map((run, index) => `${achieved(run, comparison.runs[index]!)} ${ended(run)}`);
    const [headline, ...others] = overview === null ? each : [overview, ...(runs.length > MOST_RUNS ? [] : each)];
    return html`<p class="headline">${headline!}</p>
${findings.length > 0 ? folded(findings, MOST_SENTENCES, 'finding') : null}${others.map(paragraph)}${comparison.caveats.map(paragraph)}${
  runs.length > MOST_RUNS ? folded(each, 0, 'run') : null
}`;
  },
};

const paragraph = (sentence: string): Markup => html`<p>${sentence}</p>`;

/** A list, which is folded away where it is long. */
function folded(sentences: readonly string[], most: number, what: string): Markup {
  const list = html`<ul class="findings">${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>`;
  if (sentences.length <= most) return list;
  return html`<details><summary>${formatCount(sentences.length, what)}, one by one</summary>${list}</details>`;
}

function achieved(run: RunReport, { best, baseline, epochs, changeFromBaseline, unit }: RunSummary): string {
  const metric = run.metric.name;
  const start = baseline === null ? '' : ` (${formatMetric(baseline, unit)} before any training)`;
  if (epochs === 0) {
    const value = baseline === null ? '' : `: ${metric} ${formatMetric(baseline, unit)} as it came`;
    const drawn = run.drawn === undefined ? '' : `, with ${run.drawn} as drawn from the seed`;
    return `“${run.name}” has not been trained yet${value}${drawn}.`;
  }
  if (!best) return `“${run.name}” has no trained epoch with a finite ${metric}${start}, so none is the best.`;
  if (best.epoch === 0) {
    return `Training did not help “${run.name}”: in ${epochs} epochs no ${metric} was better than the ${formatMetric(best.value, unit)} of the model before training, which is kept as the best.`;
  }
  const change = changeFromBaseline === null ? '' : `, ${formatChange(changeFromBaseline, unit)}`;
  return `“${run.name}” reached its best ${metric}, ${formatMetric(best.value, unit)}, at epoch ${best.epoch} of ${epochs}${start.replace(')', `${change})`)}.`;
}

function ended({ status, reason }: RunReport): string {
  const because = reason ? `: ${reason.replace(/\.$/, '')}.` : '.';
  switch (status) {
    case 'completed':
      return 'It ran all its epochs.';
    case 'converged':
      return `It stopped early, as it had converged${because}`;
    case 'budget':
      return `It was stopped by its budget${because}`;
    case 'diverged':
      return `It diverged, so the best weights before that are kept${because}`;
    case 'failed':
      return `It failed${because}`;
    case 'running':
      return `It was still running when this report was made${because}`;
  }
}
