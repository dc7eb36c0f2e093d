import { compareRuns } from '../compare.ts';
import { table } from '../figure.ts';
import { formatChange, formatDuration, formatFixed, formatNumber } from '../format.ts';
import type { RunStatus } from '../report-input.ts';
import type { Section } from '../section.ts';

/** A status in words. */
const STATUS_WORDS: Readonly<Record<RunStatus, string>> = {
  completed: 'ran all its epochs',
  converged: 'converged',
  budget: 'stopped by its budget',
  diverged: 'diverged',
  failed: 'failed',
  running: 'still running',
};

export const runsTableSection: Section = {
  name: 'runs',
  title: 'Runs',
  howToRead:
    'An arrow after the metric shows which way is better; “before training” is the metric of the model as it came (epoch 0) and “change” the best value relative to it; alpha is given at the first and the last analysis, as mean ± spread over layers.',
  render({ runs }) {
    if (runs.length === 0) return null;
    const { runs: summaries } = compareRuns(runs);
    return table(
      'One row per run',
      [
        'Run',
        'Outcome',
        'Metric',
        'Best',
        'at epoch',
        'Before training',
        'Change',
        'Alpha first',
        'Alpha last',
        'Seed',
        'Time',
      ],
      summaries.map((run, index) => [
        run.name,
        STATUS_WORDS[run.status],
        `${run.metric.name} ${run.metric.direction === 'lower' ? '↓' : '↑'}`,
        formatNumber(run.best?.value),
        run.best ? `${run.best.epoch} of ${run.epochs}` : '–',
        formatNumber(run.baseline),
        formatChange(run.changeFromBaseline),
        `${formatFixed(run.alphaMean.first)} ± ${formatFixed(run.alphaStd.first)}`,
        `${formatFixed(run.alphaMean.last)} ± ${formatFixed(run.alphaStd.last)}`,
        String(runs[index]!.seed),
        formatDuration(run.seconds),
      ]),
      [3, 4, 5, 6, 7, 8, 9, 10],
    );
  },
};
