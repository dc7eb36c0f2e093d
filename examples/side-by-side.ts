/** Runs that are trained side by side, each in a process with its share of the machine's threads. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { RunError, UserError } from '../shared/core/errors.ts';
import { threadsAllowed } from '../shared/core/threads.ts';
import type { Trained } from './train.ts';

/** A run to be trained. */
export interface TrainTask {
  readonly runFile: string;
  /** As `--set` takes them. */
  readonly overrides: readonly string[];
}

/** What a process says of a run. */
export type WorkerReply = { readonly trained: Trained } | { readonly error: string; readonly isUsers: boolean };

const worker = fileURLToPath(new URL('train-worker.ts', import.meta.url));

/** Trains one run after the other in a process of its own. */
async function inProcess<Task extends TrainTask>(
  next: () => Task | undefined,
  threads: number,
  done: (task: Task, trained: Trained) => void,
): Promise<void> {
  const child = fork(worker, { env: { ...process.env, TEMPBALANCE_THREADS: String(threads) }, stdio: 'inherit' });
  const answer = () =>
    new Promise<WorkerReply>((resolve, reject) => {
      child.once('message', (message) => resolve(message as WorkerReply));
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        reject(new RunError(`a training process ended with ${signal ?? `code ${code}`}`)),
      );
    });
  try {
    for (let task = next(); task; task = next()) {
      const answered = answer();
      child.send({ runFile: task.runFile, overrides: task.overrides } satisfies TrainTask);
      const reply = await answered;
      child.removeAllListeners();
      if ('error' in reply) throw reply.isUsers ? new UserError(reply.error) : new RunError(reply.error);
      done(task, reply.trained);
    }
  } finally {
    child.kill();
  }
}

/**
 * Trains all runs, at most as many at a time as the machine has threads, and calls `done` as each ends.
 * @throws UserError, RunError of the first that fails, when those under way have ended.
 */
export async function trainSideBySide<Task extends TrainTask>(
  tasks: readonly Task[],
  done: (task: Task, trained: Trained) => void,
): Promise<void> {
  const threads = threadsAllowed();
  const processes = Math.min(threads, tasks.length);
  const waiting = [...tasks];
  const ended = await Promise.allSettled(
    Array.from({ length: processes }, () =>
      inProcess(() => waiting.shift(), Math.max(1, Math.floor(threads / processes)), done).catch((error: unknown) => {
        waiting.length = 0;
        throw error;
      }),
    ),
  );
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}
