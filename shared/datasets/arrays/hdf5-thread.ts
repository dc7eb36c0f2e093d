/** Threads in which the HDF5 library runs: on a damaged file it may never come back, or take all memory that it can have. */
import { Worker } from 'node:worker_threads';
import type { AxisRange } from './array-file.ts';
import type { Hdf5Contents } from './hdf5-contents.ts';
import type { Hdf5Reply, Hdf5Request } from './hdf5-worker.ts';
import type { NumberType } from './number-types.ts';

/** A file that is open in a thread. Its methods throw an Error with the reason. */
export interface Hdf5Thread {
  open(path: string): Promise<Hdf5Contents>;
  read(block: { name: string; type: NumberType; ranges: readonly AxisRange[] }): Promise<Float32Array>;
  /** Closes the file; a thread in which nothing failed is kept for the next one. */
  close(): Promise<void>;
}

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './hdf5-worker.ts' : './hdf5-worker.js', here);

/** The thread that waits for the next file. */
let idle: Worker | undefined;

/** A thread for one file. @param patience milliseconds that it may take to answer. */
export function hdf5Thread(patience: number): Hdf5Thread {
  const worker = idle ?? new Worker(workerModule, { stdout: true, stderr: true });
  idle = undefined;
  let failed = false;

  const ask = (request: Hdf5Request) =>
    new Promise<Hdf5Reply>((resolve, reject) => {
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        worker.unref();
        finish();
      };
      const fail = (reason: string, cause?: unknown) => {
        failed = true;
        settle(() => reject(new Error(reason, { cause })));
      };
      const onMessage = (reply: Hdf5Reply) => {
        if ('error' in reply) fail(reply.error);
        else settle(() => resolve(reply));
      };
      const onError = (error: Error) => fail(error.message, error);
      const onExit = () => fail('its thread ended');
      const timer = setTimeout(() => {
        fail(`no answer within ${Math.round(patience / 1000)} s`);
        void worker.terminate();
      }, patience);
      worker.ref();
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.postMessage(request);
    });
  /** Requests are answered one after the other. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (request: Hdf5Request): Promise<Hdf5Reply> => {
    const reply = turn.then(() => ask(request));
    turn = reply.catch(() => {});
    return reply;
  };

  return {
    async open(path) {
      return ((await inTurn({ open: path })) as Extract<Hdf5Reply, { contents: unknown }>).contents;
    },
    async read(block) {
      return ((await inTurn({ read: block })) as Extract<Hdf5Reply, { values: unknown }>).values;
    },
    async close() {
      await turn;
      if (!failed) await inTurn({ close: true }).catch(() => {});
      if (failed || idle) await worker.terminate();
      else idle = worker;
    },
  };
}
