import { trainingExitCodes } from '../../shared/pipeline/task-failure.ts';

/** ECS kills a container 30 s after SIGTERM, whose exit code then no longer says why it ended. */
const graceMs = 20_000;

/**
 * Heeds SIGTERM, which comes with a Spot notice: the step under way ends, nothing more is written, the exit code says that the
 * task is to be run again. What doesn't end by itself, a download or an analysis, is left where it is after 20 s.
 * @param lastWords what is done before that.
 * @returns whether the signal has come.
 */
export function toldToEnd(
  process: Pick<NodeJS.Process, 'on' | 'exit'>,
  warn: () => void,
  lastWords: () => Promise<void>,
): () => boolean {
  const exit = () => process.exit(trainingExitCodes.interrupted);
  let told = false;
  process.on('SIGTERM', () => {
    if (told) return;
    told = true;
    warn();
    setTimeout(() => lastWords().then(exit, exit), graceMs).unref();
  });
  return () => told;
}
