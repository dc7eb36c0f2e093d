import type { RunResult } from '../../../decisions/comparison/design.ts';
import { table } from '../../figure.ts';
import { formatCount, formatDuration, formatMetric, formatUsd } from '../../format.ts';
import { html } from '../../html.ts';
import type { Section } from '../../section.ts';
import type { ComparisonResult } from '../input.ts';
import { formatTried, purposeWords, tunedKey } from '../words.ts';

/** A status in words. */
const statusWords = {
  done: 'done',
  diverged: 'diverged',
  failed: 'failed',
  skipped: 'not run',
} as const satisfies Record<RunResult['status'], string>;

export const runsSection: Section<ComparisonResult> = {
  name: 'runs',
  title: 'Runs',
  howToRead:
    'Every run of the comparison, with the metric it was judged by: of a tuning run on validation data, of a test run on test data.',
  render({ design, results }) {
    if (results.length === 0) return null;
    const key = tunedKey(design);
    const hasSizes = design.sizes.length > 1;
    const isMetered = results.some(({ usd }) => usd !== null);
    const header = [
      'Run',
      'For',
      'Arm',
      ...(hasSizes ? ['Rows'] : []),
      ...(key ? [key] : []),
      'Seed',
      design.metric.name,
      'Outcome',
      'Why',
      'Time',
      ...(isMetered ? ['Cost'] : []),
    ];
    const rows = results.map((run) => [
      run.run,
      purposeWords[run.purpose],
      run.arm,
      ...(hasSizes ? [run.size === null ? 'all' : String(run.size)] : []),
      ...(key ? [formatTried(run.tried)] : []),
      String(run.seed),
      formatMetric(run.value, design.unit),
      run.status === 'done' ? statusWords.done : html`<strong>${statusWords[run.status]}</strong>`,
      run.reason,
      formatDuration(run.seconds),
      ...(isMetered ? [formatUsd(run.usd)] : []),
    ]);
    const numeric = ['Rows', key, 'Seed', design.metric.name, 'Time', 'Cost'];
    const counts = (Object.keys(statusWords) as RunResult['status'][]).flatMap((status) => {
      const count = results.filter((run) => run.status === status).length;
      return count === 0 ? [] : [`${count} ${statusWords[status]}`];
    });
    return html`<details><summary>${formatCount(results.length, 'run')}, one by one (${counts.join(', ')})</summary>${table(
      'One row per run',
      header,
      rows,
      header.flatMap((name, column) => (numeric.includes(name) ? [column] : [])),
    )}</details>`;
  },
};
