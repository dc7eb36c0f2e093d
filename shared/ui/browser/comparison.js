/**
 * @import { ComparisonLine, RunLine } from '../listing.ts'
 * @import { ComparedRun, ComparisonPage } from '../pages.ts'
 * @import { Column } from './table.js'
 */
import { addressOf, useFetched } from './fetched.js';
import { duration, number, usd } from './format.js';
import { html } from './html.js';
import { LineChart, lookOf } from './line-chart.js';
import { State } from './state.js';
import { SortableTable } from './table.js';

/**
 * One comparison.
 * @param {{ id: string, line: ComparisonLine | undefined, runs: readonly RunLine[] }} props
 */
export function Comparison({ id, line, runs }) {
  const version = `${line?.state} ${line?.done} ${line?.runs}`;
  /** @type {{ value: ComparisonPage | null, trouble: string }} */
  const { value: page, trouble } = useFetched(addressOf('api/comparison', { id }), version);
  if (!line) return html`<p>There is no comparison <code>${id}</code> here any more.</p>`;
  return html`
    <p class="facts-line"><${State} state=${line.state} />
      ${line.state !== 'unreadable' && html`<span>${line.done} of ${line.runs} runs</span> <span>${duration(line.seconds)} of runs</span>`}
      ${line.usd !== null && html`<span>${usd(line.usd)}</span>`}
      ${page?.hasReport && html`<a href=${addressOf('report', { id })} target="_blank" rel="noopener">Report (new tab)</a>`}
    </p>
    ${line.state === 'running' && html`<progress max=${Math.max(1, line.runs)} value=${line.done} aria-label="runs done"></progress>`}
    ${line.reason && !trouble && page?.findings.length === 0 && html`<p>${line.reason}</p>`}
    ${trouble && html`<p role="alert" class="callout">${trouble}</p>`}
    ${page ? html`<${Sections} page=${page} runs=${runs} />` : !trouble && html`<p class="loading">Reading the comparison …</p>`}`;
}

/** @param {{ page: ComparisonPage, runs: readonly RunLine[] }} props */
function Sections({ page, runs }) {
  const { metric, arms, curves, findings, recommendation } = page;
  return html`
    ${findings.length > 0 && html`<section aria-labelledby="found"><h2 id="found">Found</h2><ul class="findings">${findings.map((finding) => html`<li key=${finding}>${finding}</li>`)}</ul>${recommendation && html`<p>${recommendation}</p>`}</section>`}
    ${
      curves.length > 0 &&
      html`<section aria-labelledby="curves"><h2 id="curves">Curves</h2>
      <p class="how">The mean over the runs of each arm, by epoch.</p>
      <${LineChart} title=${`${metric.name}, validation (${metric.direction} is better)`} series=${curves.map(({ arm, values }, index) => ({ name: arm, points: values.map((value, epoch) => [epoch, value]), ...lookOf(index) }))} /></section>`
    }
    <section aria-labelledby="arms"><h2 id="arms">Arms</h2><dl class="facts">${arms.map((arm) => html`<div key=${arm.name}><dt>${arm.name}${arm.isReference ? ' (reference)' : ''}</dt><dd>${arm.changes.join(', ') || 'the run file as it is'}</dd></div>`)}</dl></section>
    <section aria-labelledby="compared"><h2 id="compared">Runs</h2><${Runs} page=${page} runs=${runs} /></section>`;
}

/** @param {{ page: ComparisonPage, runs: readonly RunLine[] }} props */
function Runs({ page, runs }) {
  const listed = new Map(runs.map((run) => [run.id, run]));
  /** The state of a run without a result is its own. @param {ComparedRun} run */
  const stateOf = ({ id, status }) => (status === 'waiting' ? (listed.get(id)?.state ?? 'waiting') : status);
  const hasSizes = page.runs.some(({ size }) => size !== null);
  const hasTried = page.runs.some(({ tried }) => tried !== null);
  /** @type {Column<ComparedRun>[]} */
  const columns = [
    {
      key: 'run',
      label: 'Run',
      value: ({ run }) => run,
      cell: ({ id, run, status, reason }) =>
        html`${listed.has(id) ? html`<a href=${`#run=${encodeURIComponent(id)}`}>${run}</a>` : run}${status !== 'done' && reason && html`<span class="folder below-desk">${reason}</span>`}`,
    },
    { key: 'state', label: 'State', value: stateOf, cell: (run) => html`<${State} state=${stateOf(run)} />` },
    {
      key: 'value',
      label: page.metric.name,
      value: ({ value }) => value,
      cell: ({ value }) => number(value),
      numeric: true,
    },
    { key: 'arm', label: 'Arm', value: ({ arm }) => arm, shownFrom: 'tablet' },
    { key: 'purpose', label: 'For', value: ({ purpose }) => purpose, shownFrom: 'desk' },
    ...(hasSizes
      ? [
          {
            key: 'size',
            label: 'Size',
            value: (/** @type {ComparedRun} */ { size }) => size,
            numeric: true,
            shownFrom: /** @type {const} */ ('desk'),
          },
        ]
      : []),
    ...(hasTried
      ? [
          {
            key: 'tried',
            label: 'Tried',
            value: (/** @type {ComparedRun} */ { tried }) => (tried === null ? null : String(tried)),
            numeric: true,
            shownFrom: /** @type {const} */ ('desk'),
          },
        ]
      : []),
    { key: 'seed', label: 'Seed', value: ({ seed }) => seed, numeric: true, shownFrom: 'tablet' },
    {
      key: 'time',
      label: 'Time',
      value: ({ seconds }) => seconds,
      cell: ({ seconds }) => duration(seconds),
      numeric: true,
      shownFrom: 'tablet',
    },
    {
      key: 'reason',
      label: 'Why it ended',
      value: ({ reason }) => reason,
      cell: ({ reason }) => reason,
      shownFrom: 'desk',
    },
  ];
  return html`<${SortableTable} caption="Runs of the comparison" columns=${columns} rows=${page.runs} keyOf=${(/** @type {ComparedRun} */ { run }) => run} />`;
}
