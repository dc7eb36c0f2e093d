import { MessageChannel, Worker } from 'node:worker_threads';
import { messageOf, RunError } from '../../core/errors.ts';
import { threadsAllowed } from '../../core/threads.ts';
import { eachBlock, type RowReader } from '../../tensors/row-reader.ts';
import { matrixFlops } from '../cost.ts';
import type { SpectrumSource } from '../spectrum-source.ts';
import type { EigenvalueSolver, SolverName } from './solver.ts';
import type { MatrixMessage, RowsAnswer, RowsOnDemand, RowsQuestion, WorkerReply } from './worker.ts';

/** A solver that is kept open. */
export interface SpectraPool extends SpectrumSource {
  /** The solver's name and version, for the run's record. */
  readonly solver: string;
  /** One more than there are threads, so that none waits while a matrix is read. */
  readonly concurrency: number;
  squaredSingularValues(rows: number, columns: number, data: Float32Array | Float64Array): Promise<Float64Array>;
  squaredSingularValuesOfRows?(matrix: RowReader, largest: number): Promise<Float64Array>;
  close(): Promise<void>;
}

/** A solver in the calling thread: for models too small to be worth starting others. */
export function callingThread(solver: EigenvalueSolver): SpectraPool {
  return {
    solver: solver.version,
    concurrency: 1,
    squaredSingularValues: async (rows, columns, data) => solver.squaredSingularValues(rows, columns, data),
    close: async () => {},
  };
}

type Numbers = Float32Array | Float64Array;

interface Job {
  readonly matrix: Pick<MatrixMessage, 'rows' | 'columns'>;
  /** The matrix, or who reads its rows and their largest magnitude. */
  readonly data: Float32Array | Float64Array | { readonly reader: RowReader; readonly largest: number };
  readonly cost: number;
  resolve(eigenvalues: Float64Array): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  /** Shared memory for its matrices, as large as the largest so far. */
  shared: SharedArrayBuffer;
  job: Job | undefined;
}

/** A thread keeps its arrays from matrix to matrix and makes hardly any garbage. */
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './worker.ts' : './worker.js', here);

/**
 * Threads that each solve one matrix at a time with one BLAS thread, the costliest waiting matrix first. They start as they
 * are needed, stay for the next matrix, and never keep the process from ending. Matrices in shared memory are not copied;
 * others are, once, when their turn comes, and must not change before.
 * @throws Error when the solver can't be had or fails its self-test.
 */
export async function openPool(name: SolverName, threads = threadsAllowed()): Promise<SpectraPool> {
  const first = startThread(name);
  const solver = await readiness(first);
  const pool: Thread[] = [first];
  const waiting: Job[] = [];
  let closed = false;

  const attend = (thread: Thread) => {
    const { worker } = thread;
    worker.on('message', (reply: WorkerReply) => {
      if ('version' in reply) return;
      const { job } = thread;
      thread.job = undefined;
      worker.unref();
      if ('eigenvalues' in reply) job?.resolve(reply.eigenvalues);
      else job?.reject(new RunError(reply.error, { where: `solver ${name}` }));
      dispatch();
    });
    worker.on('error', (cause) => lose(thread, cause));
    worker.on('exit', (code) => lose(thread, new Error(`a thread of it ended with code ${code}`)));
  };
  const lose = (thread: Thread, cause: Error) => {
    const index = pool.indexOf(thread);
    if (index >= 0) pool.splice(index, 1);
    const { job } = thread;
    thread.job = undefined;
    job?.reject(new RunError(cause.message, { where: `solver ${name}`, cause }));
    dispatch();
  };
  const idleThread = (): Thread | undefined => {
    const idle = pool.find(({ job }) => job === undefined);
    if (idle || pool.length >= threads) return idle;
    const started = startThread(name);
    pool.push(started);
    attend(started);
    return started;
  };
  const dispatch = () => {
    while (waiting.length > 0 && !closed) {
      const thread = idleThread();
      if (!thread) return;
      const job = waiting.splice(costliest(waiting), 1)[0]!;
      thread.job = job;
      thread.worker.ref();
      send(thread, job);
    }
  };
  const solve = ({ rows, columns }: Job['matrix'], data: Job['data']) =>
    new Promise<Float64Array>((resolve, reject) => {
      if (closed) throw new RunError('is closed', { where: `solver ${name}` });
      waiting.push({ matrix: { rows, columns }, data, cost: matrixFlops({ rows, columns }), resolve, reject });
      dispatch();
    });
  attend(first);
  return {
    solver,
    concurrency: threads + 1,
    squaredSingularValues: (rows, columns, data) => solve({ rows, columns }, data),
    squaredSingularValuesOfRows: (reader, largest) => solve(reader, { reader, largest }),
    async close() {
      closed = true;
      for (const { reject } of waiting.splice(0)) reject(new RunError('was closed', { where: `solver ${name}` }));
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}

function startThread(solver: SolverName): Thread {
  const worker = new Worker(workerModule, { workerData: { solver }, resourceLimits });
  worker.unref();
  return { worker, shared: new SharedArrayBuffer(0), job: undefined };
}

/** The solver's version, once it has passed its self-test in the thread. */
async function readiness({ worker }: Thread): Promise<string> {
  worker.ref();
  const reply = await new Promise<WorkerReply>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  worker.unref();
  if ('version' in reply) return reply.version;
  await worker.terminate();
  throw new Error('error' in reply ? reply.error : 'an answer came before any question');
}

function costliest(jobs: readonly Job[]): number {
  let best = 0;
  for (let index = 1; index < jobs.length; index++) if (jobs[index]!.cost > jobs[best]!.cost) best = index;
  return best;
}

function send(thread: Thread, { matrix, data, reject }: Job): void {
  if (!('reader' in data)) {
    thread.worker.postMessage({ ...matrix, data: inSharedMemory(thread, data) });
    return;
  }
  const { rows, port } = serveRows(thread, data.reader, data.largest, reject);
  thread.worker.postMessage({ ...matrix, data: rows } satisfies MatrixMessage, [port]);
}

/** Reads rows for a thread that sleeps until it has them; the first error is given to `fail` as it is. */
function serveRows(thread: Thread, reader: RowReader, largest: number, fail: (error: Error) => void) {
  const { port1: here, port2: port } = new MessageChannel();
  const signal = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const answer = async ({ start, count }: RowsQuestion): Promise<RowsAnswer> => {
    try {
      return { rows: await rowsInSharedMemory(thread, reader, start, count) };
    } catch (error) {
      fail(error as Error);
      return { error: messageOf(error) };
    }
  };
  here.on('message', async (question: RowsQuestion) => {
    here.postMessage(await answer(question));
    Atomics.store(signal, 0, 1);
    Atomics.notify(signal, 0);
  });
  here.unref();
  return { rows: { largest, port, signal } satisfies RowsOnDemand, port };
}

function inSharedMemory(thread: Thread, data: Numbers): Numbers {
  if (data.buffer instanceof SharedArrayBuffer) return data;
  const copy = sharedLike(thread, data, data.length);
  copy.set(data);
  return copy;
}

/** Rows of a matrix, read a block at a time, so that they are in memory once. */
async function rowsInSharedMemory(thread: Thread, reader: RowReader, start: number, count: number): Promise<Numbers> {
  let rows: Numbers | undefined;
  for await (const block of eachBlock(reader, start, start + count)) {
    rows ??= sharedLike(thread, block.data, count * reader.columns);
    rows.set(block.data, (block.start - start) * reader.columns);
  }
  return rows ?? new Float64Array();
}

/** Room for so many numbers of this type in the thread's shared memory. */
function sharedLike(thread: Thread, data: Numbers, length: number): Numbers {
  const bytes = length * data.BYTES_PER_ELEMENT;
  if (thread.shared.byteLength < bytes) thread.shared = new SharedArrayBuffer(bytes);
  return data instanceof Float32Array
    ? new Float32Array(thread.shared, 0, length)
    : new Float64Array(thread.shared, 0, length);
}
