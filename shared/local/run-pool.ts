/** Runs side by side, each in a process that does one after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunError } from '../core/errors.ts';
import type { ProgressEvent } from '../pipeline/context.ts';
import { namedError } from '../pipeline/task-failure.ts';
import type { FromWorker, PooledEnd, PooledRun, ToWorker } from './run-messages.ts';

/** Processes that do runs. */
export interface RunPool {
  /** Does a run as soon as a process is free, in the order of the calls. Never rejects: a run's failure is its end. */
  run(task: PooledRun, emit: (event: ProgressEvent) => void): Promise<PooledEnd>;
  /** Ends runs gently: those under way as `interrupted` after the next commit, waiting ones at once. Later ones too. */
  stop(): void;
  /** As `stop`, but runs under way end after their step: what is committed is kept. */
  interrupt(): void;
  /** Stops, waits for the runs under way, and ends the processes. */
  close(): Promise<void>;
}

const here = import.meta.url;
const workerModule = fileURLToPath(new URL(here.endsWith('.ts') ? './run-worker.ts' : './run-worker.js', here));

const interrupted: PooledEnd = { status: 'interrupted' };

interface Job {
  readonly task: PooledRun;
  emit(event: ProgressEvent): void;
  end(end: PooledEnd): void;
}

interface Worker {
  readonly child: ChildProcess;
  job: Job | undefined;
}

/** What computes in a worker obeys these; TensorFlow and BLAS libraries read theirs when they are loaded. */
const threadVariables = ['TEMPBALANCE_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'];

/**
 * Opens a pool of processes that start when they are needed and stay for the next run.
 * @param options.processes runs at a time, at most
 * @param options.threads with which every run computes. The bits of a run depend on it, and not on `processes`.
 */
export function openRunPool({ processes, threads }: { processes: number; threads: number }): RunPool {
  const workers = new Set<Worker>();
  const waiting: Job[] = [];
  let stopped = false;
  let closing = false;

  const start = (): Worker => {
    const limits = Object.fromEntries(threadVariables.map((name) => [name, String(threads)]));
    const child = fork(workerModule, {
      env: { ...process.env, ...limits },
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const worker: Worker = { child, job: undefined };
    workers.add(worker);
    const finish = (end: PooledEnd) => {
      const { job } = worker;
      worker.job = undefined;
      // An idle process keeps nobody waiting, but for whoever closes the pool.
      if (!closing) {
        child.unref();
        child.channel?.unref();
      }
      job?.end(end);
    };
    child.on('message', (message: FromWorker) => {
      if ('event' in message) worker.job?.emit(message.event);
      else {
        finish(message.end);
        dispatch();
      }
    });
    const lose = (how: string) => {
      if (!workers.delete(worker)) return;
      // A process that Ctrl-C reached before it could say that it is not concerned: its run is not done, as those that wait are not.
      const end: PooledEnd | undefined = stopped ? interrupted : undefined;
      if (worker.job) finish(end ?? { status: 'failed', error: namedError(lost(worker.job.task, how)) });
      dispatch();
    };
    child.on('error', (error) => lose(`failed: ${error.message}`));
    child.on('exit', (code, signal) => lose(signal === null ? `ended with code ${code}` : `was ended by ${signal}`));
    return worker;
  };
  const idleWorker = (): Worker | undefined => {
    for (const worker of workers) if (!worker.job) return worker;
    return workers.size < processes ? start() : undefined;
  };
  const dispatch = () => {
    while (waiting.length > 0) {
      const worker = idleWorker();
      if (!worker) return;
      const job = waiting.shift()!;
      const { child } = worker;
      worker.job = job;
      child.ref();
      child.channel?.ref();
      tell(child, { do: 'run', ...job.task });
    }
  };
  const stopBy = (order: 'stop' | 'interrupt') => {
    stopped = true;
    for (const { end } of waiting.splice(0)) end(interrupted);
    for (const { child, job } of workers) if (job) tell(child, { do: order });
  };
  const stop = () => stopBy('stop');
  return {
    run: (task, emit) =>
      new Promise((end) => {
        if (stopped) return end(interrupted);
        waiting.push({ task, emit, end });
        dispatch();
      }),
    stop,
    interrupt: () => stopBy('interrupt'),
    async close() {
      closing = true;
      stop();
      await Promise.all([...workers].map(endProcess));
    },
  };
}

/** A process that is gone already says so by its exit. */
const tell = (child: ChildProcess, message: ToWorker) => child.send(message, () => undefined);

/** Waits for the run under way. The process ends as its channel closes. */
async function endProcess({ child }: Worker): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.ref();
  tell(child, { do: 'end' });
  await ended;
}

const lost = ({ root, run }: PooledRun, how: string) =>
  new RunError(`the process that did the run ${how}`, {
    where: join(root, run),
    remedy:
      'What is committed is kept, and the run can be resumed. Out of memory is the usual cause of SIGKILL and SIGABRT: do fewer runs at a time.',
  });
