/** Threads in which the HDF5 library runs: on a damaged file it may never come back, or take all memory that it can have. */
import { Worker } from 'node:worker_threads';
import type { AxisRange } from './array-file.ts';
import type { Hdf5Contents } from './hdf5-contents.ts';
import type { Hdf5Reply, Hdf5Request } from './hdf5-worker.ts';
import type { Hdf5Block, NewHdf5 } from './hdf5-writing.ts';
import type { NumberType } from './number-types.ts';

/** A file that is open in a thread. Its methods throw an Error with the reason. */
export interface Hdf5Thread {
  open(path: string): Promise<void>;
  list(): Promise<Hdf5Contents>;
  read(block: { name: string; type: NumberType; ranges: readonly AxisRange[] }): Promise<Float32Array>;
  /** Makes a file to be written, instead of opening one. */
  create(file: NewHdf5): Promise<void>;
  /** Writes a block of the file that was made; the block's memory is handed over. */
  write(block: Hdf5Block): Promise<void>;
  /** Ends writing: all is with the system then. */
  finish(): Promise<void>;
  /** Closes the file, and tells no error of it. The thread is kept for the next one, unless the library is lost. */
  close(): Promise<void>;
}

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './hdf5-worker.ts' : './hdf5-worker.js', here);

/** The thread that waits for the next file. */
let idle: Worker | undefined;

/** A thread for one file. @param patience milliseconds that it may take to answer. */
export function hdf5Thread(patience: number): Hdf5Thread {
  const worker = idle ?? startWorker();
  idle = undefined;
  let lost = false;

  const ask = (request: Hdf5Request) =>
    new Promise<Hdf5Reply>((resolve, reject) => {
      if (lost) return reject(new Error('the library was lost before'));
      const settle = (finish: () => void) => {
        clearTimeout(timer);
        worker.off('message', onMessage).off('error', onError).off('exit', onExit);
        worker.unref();
        finish();
      };
      const fail = (reason: string, cause?: unknown) => settle(() => reject(new Error(reason, { cause })));
      const lose = (reason: string, cause?: unknown) => {
        lost = true;
        fail(reason, cause);
      };
      const onMessage = (reply: Hdf5Reply) => {
        if (!('error' in reply)) settle(() => resolve(reply));
        else if (reply.lost) lose(reply.error);
        else fail(reply.error);
      };
      const onError = (error: Error) => lose(error.message, error);
      const onExit = () => lose('its thread ended');
      const timer = setTimeout(() => lose(`no answer within ${Math.round(patience / 1000)} s`), patience);
      worker.ref();
      worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      worker.postMessage(request, 'write' in request ? [request.write.values.buffer] : []);
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
      await inTurn({ open: path });
    },
    async list() {
      return ((await inTurn({ list: true })) as Extract<Hdf5Reply, { contents: unknown }>).contents;
    },
    async read(block) {
      return ((await inTurn({ read: block })) as Extract<Hdf5Reply, { values: unknown }>).values;
    },
    async create(file) {
      await inTurn({ create: file });
    },
    async write(block) {
      await inTurn({ write: block });
    },
    async finish() {
      await inTurn({ close: true });
    },
    async close() {
      await turn;
      if (!lost) await inTurn({ close: true }).catch(() => {});
      if (lost || idle) await worker.terminate();
      else idle = worker;
    },
  };
}

function startWorker(): Worker {
  const worker = new Worker(workerModule);
  worker.on('exit', () => {
    if (idle === worker) idle = undefined;
  });
  // Whoever waits for an answer is told; an error that nobody waits for must not end the process.
  return worker.on('error', () => {});
}
