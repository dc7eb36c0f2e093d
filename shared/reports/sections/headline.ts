import { balanceAnswer } from '../answers/balance-answer.ts';
import { layersAnswer } from '../answers/layers-answer.ts';
import { nextSteps } from '../answers/next-step.ts';
import { compareRuns, type RunSummary } from '../compare.ts';
import { formatChange, formatCount, formatMetric } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { RunReport } from '../report-input.ts';
import type { Section } from '../section.ts';
import { stepsList } from '../steps.ts';
import { verdict } from '../verdict.ts';

/** More sentences of a kind than these are folded away. */
const MOST_SENTENCES = 8;
const MOST_RUNS = 4;

export const headlineSection: Section = {
  name: 'summary',
  title: 'In short',
  howToRead: 'What came of it, and what to do next. Commands work as they stand here.',
  render({ runs }) {
    const [only] = runs;
    if (!only) return html`<p class="headline">There is no run to report on.</p>`;
    const comparison = compareRuns(runs);
    const { overview, findings } = verdict(comparison);
    const each = runs.map((run, index) => `${achieved(run, comparison.runs[index]!)} ${ended(run)}`);
    const [headline, ...others] = overview === null ? each : [overview, ...(runs.length > MOST_RUNS ? [] : each)];
    const worked = html`<p class="headline">${headline!}</p>
${findings.length > 0 ? folded(findings, MOST_SENTENCES, 'finding') : null}${others.map(paragraph)}${
  runs.length === 1 ? paragraph(onTestData(only, comparison.runs[0]!.unit)) : null
}${comparison.caveats.map(paragraph)}${runs.length > MOST_RUNS ? folded(each, 0, 'run') : null}`;
    const steps = nextSteps(runs);
    return html`<dl class="answers">${answer('Did it work?', worked)}${answer(
      'Did balancing matter?',
      html`${balanceAnswer(runs, comparison).map(paragraph)}`,
    )}${runs.length === 1 ? layersOf(only) : null}${
      steps.length > 0 ? answer('What next?', stepsList(steps)) : null
    }</dl>`;
  },
};

const answer = (question: string, content: Markup): Markup => html`<dt>${question}</dt><dd>${content}</dd>`;

function layersOf(run: RunReport): Markup | null {
  const [first, ...others] = layersAnswer(run);
  if (first === undefined) return null;
  const rest =
    others.length > 0 ? html`<ul class="findings">${others.map((line) => html`<li>${line}</li>`)}</ul>` : null;
  return answer('Which layers are trained least and most?', html`${paragraph(first)}${rest}`);
}

/** The metric on data that the model was not chosen by, where they were measured; empty where not. */
function onTestData({ test, metric }: RunReport, unit: RunSummary['unit']): string {
  if (!test) return '';
  const { best, last } = test;
  const shown = best ?? last;
  return `On test data, epoch ${shown.epoch} has ${metric.name} ${formatMetric(shown.metrics[metric.name] ?? null, unit)}.`;
}

const paragraph = (sentence: string): Markup | null => (sentence === '' ? null : html`<p>${sentence}</p>`);

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
    const untrained = ['diverged', 'failed'].includes(run.status)
      ? 'was not trained to the end of any epoch'
      : 'has not been trained yet';
    return `“${run.name}” ${untrained}${value}${drawn}.`;
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
