import { compareRuns, type RunSummary, verdict } from '../compare.ts';
import { formatChange, formatNumber } from '../format.ts';
import { html } from '../html.ts';
import type { ReportInput, RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';

/** What happened, in plain sentences: outcome of each run, then the comparison, whichever run wins. */
function headlineOf({ runs }: Pick<ReportInput, 'runs'>): string[] {
  if (runs.length === 0) return ['There is no run to report on.'];
  const comparison = compareRuns(runs);
  return [
    ...verdict(comparison),
    ...runs.map((run, index) => `${achieved(run, comparison.runs[index]!)} ${ended(run)}`),
    ...comparison.caveats,
  ];
}

export const headlineSection: Section = {
  name: 'summary',
  title: 'In short',
  howToRead: 'What was trained, how it ended and what it achieved.',
  render(input) {
    const [first, ...others] = headlineOf(input);
    return html`<p class="headline">${first ?? ''}</p>${others.map((sentence) => html`<p>${sentence}</p>`)}`;
  },
};

function achieved(run: RunReport, { best, baseline, epochs, changeFromBaseline }: RunSummary): string {
  const metric = run.metric.name;
  const start = baseline === null ? '' : ` (${formatNumber(baseline)} before any training)`;
  if (epochs === 0) {
    const value = baseline === null ? '' : `: ${metric} ${formatNumber(baseline)} as it came`;
    const drawn = run.drawn === undefined ? '' : `, with ${run.drawn} as drawn from the seed`;
    return `“${run.name}” has not been trained yet${value}${drawn}.`;
  }
  if (!best) return `“${run.name}” has no trained epoch with a finite ${metric}${start}, so none is the best.`;
  if (best.epoch === 0) {
    return `Training did not help “${run.name}”: in ${epochs} epochs no ${metric} was better than the ${formatNumber(best.value)} of the model before training, which is kept as the best.`;
  }
  const change = changeFromBaseline === null ? '' : `, ${formatChange(changeFromBaseline)}`;
  return `“${run.name}” reached its best ${metric}, ${formatNumber(best.value)}, at epoch ${best.epoch} of ${epochs}${start.replace(')', `${change})`)}.`;
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
