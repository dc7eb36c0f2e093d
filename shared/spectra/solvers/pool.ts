import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { messageOf, RunError } from '../../core/errors.ts';
import { threadsAllowed } from '../../core/threads.ts';
import { eachBlock, type RowReader } from '../../tensors/row-reader.ts';
import { matrixFlops } from '../cost.ts';
import type { SpectrumSource } from '../spectrum-source.ts';
import type { EigenvalueSolver, SolverName } from './solver.ts';
import type { MatricesMessage, MatrixMessage, RowsAnswer, RowsOnDemand, RowsQuestion, WorkerReply } from './worker.ts';

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
  /** Shared memory for its matrices, as large as was needed so far. */
  shared: SharedArrayBuffer;
  /** What it is at; none: it is idle. */
  jobs: readonly Job[];
}

/** Operations of a matrix that is handed to a thread together with others: less than a hundred times what a message takes. */
const togetherFlops = 2e7;

/** A thread keeps its arrays from matrix to matrix and makes hardly any garbage. */
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './worker.ts' : './worker.js', here);

/**
 * Threads that each solve one matrix after another with one BLAS thread, the costliest waiting matrix first, and small ones together. They start as they
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
      if (!('answers' in reply)) return;
      const { jobs } = thread;
      thread.jobs = [];
      worker.unref();
      for (const [index, answer] of reply.answers.entries()) {
        if ('eigenvalues' in answer) jobs[index]?.resolve(answer.eigenvalues);
        else jobs[index]?.reject(new RunError(answer.error, { where: `solver ${name}` }));
      }
      dispatch();
    });
    worker.on('error', (cause) => lose(thread, cause));
    worker.on('exit', (code) => lose(thread, new Error(`a thread of it ended with code ${code}`)));
  };
  const lose = (thread: Thread, cause: Error) => {
    const index = pool.indexOf(thread);
    if (index >= 0) pool.splice(index, 1);
    const { jobs } = thread;
    thread.jobs = [];
    for (const { reject } of jobs) reject(new RunError(cause.message, { where: `solver ${name}`, cause }));
    dispatch();
  };
  const idleThread = (): Thread | undefined => {
    const idle = pool.find(({ jobs }) => jobs.length === 0);
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
      const idle = threads - pool.filter(({ jobs }) => jobs.length > 0).length;
      thread.jobs = takeShare(waiting, idle);
      thread.worker.ref();
      send(thread);
    }
  };
  let isPlanned = false;
  /** When all that is asked for at the moment is waiting. */
  const planDispatch = () => {
    if (isPlanned) return;
    isPlanned = true;
    process.nextTick(() => {
      isPlanned = false;
      dispatch();
    });
  };
  const solve = ({ rows, columns }: Job['matrix'], data: Job['data']) =>
    new Promise<Float64Array>((resolve, reject) => {
      if (closed) throw new RunError('is closed', { where: `solver ${name}` });
      waiting.push({ matrix: { rows, columns }, data, cost: matrixFlops({ rows, columns }), resolve, reject });
      planDispatch();
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
  return { worker, shared: new SharedArrayBuffer(0), jobs: [] };
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

/** Takes the costliest of the waiting matrices or, where it is a small one, as many as make up the share of one of the idle threads. */
function takeShare(waiting: Job[], idle: number): Job[] {
  // A little more, for sums that were rounded on the way.
  const share = (1.001 * waiting.reduce((sum, { cost }) => sum + cost, 0)) / idle;
  const first = waiting.splice(costliest(waiting), 1)[0]!;
  const taken = [first];
  if (!isSmall(first)) return taken;
  let cost = first.cost;
  for (let index = 0; index < waiting.length; ) {
    const job = waiting[index]!;
    if (isSmall(job) && cost + job.cost <= share) {
      taken.push(...waiting.splice(index, 1));
      cost += job.cost;
    } else index += 1;
  }
  return taken;
}

const isSmall = ({ data, cost }: Job) => cost <= togetherFlops && !('reader' in data);

function costliest(jobs: readonly Job[]): number {
  let best = 0;
  for (let index = 1; index < jobs.length; index++) if (jobs[index]!.cost > jobs[best]!.cost) best = index;
  return best;
}

function send(thread: Thread): void {
  const matrices: MatrixMessage[] = [];
  const ports: MessagePort[] = [];
  const room = roomFor(thread);
  for (const { matrix, data, reject } of thread.jobs) {
    if ('reader' in data) {
      const { rows, port } = serveRows(thread, data.reader, data.largest, reject);
      matrices.push({ ...matrix, data: rows });
      ports.push(port);
    } else matrices.push({ ...matrix, data: isShared(data) ? data : room(data) });
  }
  thread.worker.postMessage(matrices satisfies MatricesMessage, ports);
}

const isShared = ({ buffer }: Numbers) => buffer instanceof SharedArrayBuffer;

const alignedBytes = (bytes: number) =>
  Math.ceil(bytes / Float64Array.BYTES_PER_ELEMENT) * Float64Array.BYTES_PER_ELEMENT;

/** Copies matrices of a thread's jobs into its shared memory, one behind the other. */
function roomFor(thread: Thread): (data: Numbers) => Numbers {
  const copied = thread.jobs.flatMap(({ data }) => ('reader' in data || isShared(data) ? [] : data));
  const bytes = copied.reduce((sum, { byteLength }) => sum + alignedBytes(byteLength), 0);
  if (thread.shared.byteLength < bytes) thread.shared = new SharedArrayBuffer(bytes);
  let start = 0;
  return (data) => {
    const copy = sharedLike(thread, data, data.length, start);
    copy.set(data);
    start += alignedBytes(data.byteLength);
    return copy;
  };
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
function sharedLike(thread: Thread, data: Numbers, length: number, start = 0): Numbers {
  const bytes = start + length * data.BYTES_PER_ELEMENT;
  if (thread.shared.byteLength < bytes) thread.shared = new SharedArrayBuffer(bytes);
  return data instanceof Float32Array
    ? new Float32Array(thread.shared, start, length)
    : new Float64Array(thread.shared, start, length);
}
