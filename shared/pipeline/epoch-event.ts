import type { RunConfig } from '../config/run-file.ts';
import type { Progress } from '../decisions/decide.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { ProgressEvent } from './context.ts';
import type { EpochMetrics } from './records.ts';

/** What is told of a committed epoch. */
export function epochEvent(
  config: RunConfig,
  progress: Progress,
  measured: EpochMetrics | undefined,
  spectra: SpectraReport | undefined,
): ProgressEvent {
  const { epochs } = config.training;
  const { metric } = config.convergence;
  const { epoch, seconds } = progress;
  return {
    type: 'epoch',
    epoch,
    epochs,
    trainLoss: measured?.trainLoss ?? null,
    metric: { name: metric, value: measured?.metrics[metric] ?? null },
    best: progress.best,
    alphaMean: spectra?.summary.alphaMean ?? null,
    alphaStd: spectra?.summary.alphaStd ?? null,
    seconds,
    secondsLeft: epoch === 0 ? null : (seconds / epoch) * (epochs - epoch),
  };
}
