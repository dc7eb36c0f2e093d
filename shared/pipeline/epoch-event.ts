import type { RunConfig } from '../config/run-file.ts';
import type { Progress } from '../decisions/decide.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { ProgressEvent } from './context.ts';
import type { EpochMetrics } from './records.ts';
import { profileOfRun } from './run-events.ts';

interface Committed {
  readonly progress: Progress;
  /** After the epoch before; absent where that is not known. */
  readonly before?: Progress | undefined;
  readonly measured: EpochMetrics | undefined;
  readonly spectra: SpectraReport | undefined;
}

/** Makes the event of a committed epoch. */
export function epochEvent(
  run: string,
  config: RunConfig,
  { progress, before, measured, spectra }: Committed,
): ProgressEvent {
  const { epochs } = config.training;
  const { metric } = config.convergence;
  const { epoch, seconds, usd } = progress;
  const profile = profileOfRun(config);
  const isFirst = epoch === 0;
  const usdBefore = isFirst ? 0 : before?.epoch === epoch - 1 ? before.usd : undefined;
  return {
    type: 'epoch',
    run,
    ...(profile === undefined ? {} : { profile }),
    epoch,
    epochs,
    trainLoss: measured?.trainLoss ?? null,
    metric: { name: metric, value: measured?.metrics[metric] ?? null },
    best: progress.best,
    alphaMean: spectra?.summary.alphaMean ?? null,
    alphaStd: spectra?.summary.alphaStd ?? null,
    seconds,
    secondsLeft: isFirst ? null : (seconds / epoch) * (epochs - epoch),
    epochSeconds: measured?.seconds ?? null,
    epochUsd: usd === undefined || usdBefore === undefined ? null : usd - usdBefore,
  };
}
