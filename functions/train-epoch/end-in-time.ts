import { hungJobSeconds } from '../../shared/decisions/spending.ts';
import { trainingExitCodes } from '../../shared/pipeline/task-failure.ts';

/** What noting what the job has used may take: the workflow gives the job up soon after. */
const lastWordsMs = 10_000;

/** The longest that a timer of Node takes. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * Ends the container when the hours of its run's budget are used up; time in the queue counts, so AWS Batch's own limit comes too late.
 * What is not committed by then is not kept; a commit is whole or not at all, whenever it ends.
 * @param endsAt absent: it may run as long as AWS Batch lets it.
 * @param lastWords what is done before that, for 10 s at most.
 * @param killAfter kills the process after so many seconds, whatever it is at: a computation that hangs keeps timers from being called.
 */
export function endInTime(
  process: Pick<NodeJS.Process, 'exit'>,
  endsAt: Date | undefined,
  warn: () => void,
  lastWords: () => Promise<void>,
  killAfter: (seconds: number) => void,
): void {
  if (!endsAt) return;
  const leftMs = Math.max(0, endsAt.getTime() - Date.now());
  killAfter(leftMs / 1000 + hungJobSeconds);
  const exit = () => process.exit(trainingExitCodes.outOfTime);
  const end = () => {
    warn();
    setTimeout(exit, lastWordsMs).unref();
    lastWords().then(exit, exit);
  };
  setTimeout(end, Math.min(longestTimerMs, leftMs)).unref();
}
