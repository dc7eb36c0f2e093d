import { trainingExitCodes } from '../../shared/pipeline/task-failure.ts';

/** ECS kills a container 30 s after SIGTERM, whose exit code then no longer says why it ended. */
const graceMs = 20_000;

/**
 * Heeds SIGTERM, which comes with a Spot notice: the step under way ends, nothing more is written, the exit code says that the
 * task is to be run again. What doesn't end by itself, a download or an analysis, is left where it is after 20 s.
 * @returns whether the signal has come.
 */
export function toldToEnd(process: Pick<NodeJS.Process, 'on' | 'exit'>, warn: () => void): () => boolean {
  let told = false;
  process.on('SIGTERM', () => {
    if (told) return;
    told = true;
    warn();
    setTimeout(() => process.exit(trainingExitCodes.interrupted), graceMs).unref();
  });
  return () => told;
}
