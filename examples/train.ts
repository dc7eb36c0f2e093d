/** A run of the pipeline in this process, from settings to the numbers that runs are compared by. */

import { sweepScratch } from '../shared/checkpoints/file-store.ts';
import { runKeys } from '../shared/checkpoints/run-keys.ts';
import type { RunConfig } from '../shared/config/run-file.ts';
import { RunError } from '../shared/core/errors.ts';
import { localContext } from '../shared/local/local-context.ts';
import { beginRun, lockRun, newRun } from '../shared/local/run-folder.ts';
import { runPipeline } from '../shared/local/run-pipeline.ts';
import type { ProgressEvent } from '../shared/pipeline/context.ts';
import { readRunReport } from '../shared/pipeline/run-report.ts';
import { compareRuns } from '../shared/reports/compare.ts';
import { epochZero, lastEpoch, metricOf } from '../shared/reports/runs.ts';

/** What a run came to. */
export interface Trained {
  /** The run's metric before any training; null where it was not a number, and so below. */
  readonly before: number | null;
  /** After the last epoch. */
  readonly last: number | null;
  /** Of the best epoch, which is picked on the same data. */
  readonly best: number | null;
  /** Standard deviation of alpha over the layers at the first and the last analysis. */
  readonly alphaSpread: { readonly first: number | null; readonly last: number | null };
  /** Of training and evaluation. */
  readonly seconds: number;
  /** It stopped at numbers that are not finite. */
  readonly diverged: boolean;
}

/**
 * Trains in the run folder that the settings name. A run that was left unfinished is gone on with.
 * @throws UserError when the settings don't fit; RunError when the run fails or is taken over.
 */
export async function train(config: RunConfig, emit: (event: ProgressEvent) => void = () => {}): Promise<Trained> {
  const folder = await newRun(config, { now: new Date() });
  const lock = await lockRun(folder, () => new Date());
  try {
    if (!(await folder.store.get(runKeys.head(folder.run)))) await beginRun(folder, config);
    const { root, store, run } = folder;
    await sweepScratch(root);
    const execution = await runPipeline(run, localContext(store, emit));
    if (execution.status === 'failed') throw execution.error;
    if (execution.status === 'takenOver') throw new RunError('another process has taken over the run', { where: run });
    const report = await readRunReport(store, run);
    const [summary] = compareRuns([report]).runs;
    const ended = report.epochs.find(({ epoch }) => epoch === lastEpoch(report));
    const diverged = execution.status === 'diverged';
    return {
      before: metricOf(epochZero(report), report.metric.name),
      last: diverged ? null : metricOf(ended, report.metric.name),
      best: summary!.best?.value ?? null,
      alphaSpread: summary!.alphaStd,
      seconds: summary!.seconds,
      diverged,
    };
  } finally {
    await lock.release();
  }
}
