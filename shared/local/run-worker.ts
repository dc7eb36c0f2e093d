/** A process of the pool: does the runs that its parent sends, one after the other, and tells how each goes and ends. */
import { bufferedStore } from '../checkpoints/buffered-store.ts';
import { fileStore, sweepScratch } from '../checkpoints/file-store.ts';
import type { ProgressEvent } from '../pipeline/context.ts';
import { namedError } from '../pipeline/task-failure.ts';
import { solverFromEnvironment } from '../spectra/solvers/open-solver.ts';
import { localContext } from './local-context.ts';
import { lockRun } from './run-folder.ts';
import type { FromWorker, PooledEnd, PooledRun, ToWorker } from './run-messages.ts';
import { runPipeline } from './run-pipeline.ts';

/** The least time between two messages about steps, in ms. */
const stepMilliseconds = 250;

const say = (message: FromWorker) => process.send?.(message);
let stopping = false;
let interrupting = false;
let ending = false;
let working = false;

/** Nothing is ever half done in the store, so that a process may be killed at any time. */
const die = () => process.kill(process.pid, 'SIGKILL');

/** Tells of everything but of most steps. */
function emitter(): (event: ProgressEvent) => void {
  let told = Number.NEGATIVE_INFINITY;
  return (event) => {
    if (event.type === 'step') {
      const now = performance.now();
      if (now - told < stepMilliseconds) return;
      told = now;
    }
    say({ event });
  };
}

async function work({ root, run, inputs = {} }: PooledRun): Promise<PooledEnd> {
  try {
    const store = fileStore(root);
    const lock = await lockRun({ root, run, store }, () => new Date());
    try {
      await sweepScratch(root);
      const solver = solverFromEnvironment(process.env);
      const buffered = bufferedStore(store, run);
      const context = localContext(buffered, emitter(), {
        solver,
        localPath: async (address) => inputs[address] ?? address,
        // Runs share the machine: what is measured here would be the others' load, and each might end on another engine.
        measures: false,
        interrupted: () => interrupting,
      });
      try {
        const execution = await runPipeline(run, context, () => stopping);
        await buffered.flush();
        return execution.status === 'failed' ? { status: 'failed', error: namedError(execution.error) } : execution;
      } finally {
        await context.close();
      }
    } finally {
      await lock.release();
    }
  } catch (error) {
    return { status: 'failed', error: namedError(error) };
  }
}

process.on('message', async (message: ToWorker) => {
  if (message.do === 'stop') stopping = true;
  if (message.do === 'interrupt') interrupting = true;
  if (message.do === 'end') {
    ending = true;
    if (!working) die();
  }
  if (message.do === 'run') {
    stopping = false;
    interrupting = false;
    working = true;
    const end = await work(message);
    working = false;
    if (process.send) process.send({ end } satisfies FromWorker, () => ending && die());
  }
});
process.on('disconnect', die);
// Ctrl-C reaches every process of the terminal: it is the parent that decides what becomes of the run.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
