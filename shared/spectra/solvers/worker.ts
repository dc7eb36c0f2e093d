/** A thread of the pool: opens the solver that it is told to, and solves what it is given. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import { openInThread } from './registry.ts';
import type { EigenvalueSolver, FetchedRows, SolverName } from './solver.ts';

/** A matrix to be solved; the data lie in shared memory, or their rows are asked for as they are needed. */
export interface MatrixMessage {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array | RowsOnDemand;
}

/** What a thread is asked: matrices that it answers together. */
export type MatricesMessage = readonly MatrixMessage[];

/** Rows that another thread reads: asked for by the port, upon which this thread sleeps until `signal[0]` is 1. */
export interface RowsOnDemand {
  readonly largest: number;
  readonly port: MessagePort;
  readonly signal: Int32Array;
}

/** A question on the port, and its answer: the rows in shared memory. */
export type RowsQuestion = { readonly start: number; readonly count: number };
export type RowsAnswer = { readonly rows: Float32Array | Float64Array } | { readonly error: string };

/** What a thread says: once that it is ready or can't be, then the answers to what it was asked, in their order. */
export type WorkerReply =
  | { readonly version: string }
  | { readonly answers: readonly MatrixAnswer[] }
  | { readonly error: string };

type MatrixAnswer = { readonly eigenvalues: Float64Array } | { readonly error: string };

const port = parentPort!;
const reply = (message: WorkerReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

function answerTo(solver: EigenvalueSolver, { rows, columns, data }: MatrixMessage): MatrixAnswer {
  try {
    return { eigenvalues: solver.squaredSingularValues(rows, columns, isOnDemand(data) ? fetching(data) : data) };
  } catch (error) {
    return { error: messageOf(error) };
  } finally {
    if (isOnDemand(data)) data.port.close();
  }
}

const isOnDemand = (data: MatrixMessage['data']): data is RowsOnDemand => 'signal' in data;

function fetching({ largest, port, signal }: RowsOnDemand): FetchedRows {
  return {
    largest,
    fetch(start, count) {
      Atomics.store(signal, 0, 0);
      port.postMessage({ start, count } satisfies RowsQuestion);
      Atomics.wait(signal, 0, 0);
      const { message } = receiveMessageOnPort(port) as { message: RowsAnswer };
      if ('error' in message) throw new Error(message.error);
      return message.rows;
    },
  };
}

try {
  const solver = openInThread((workerData as { solver: SolverName }).solver);
  port.on('message', (matrices: MatricesMessage) => {
    const answers = matrices.map((matrix) => answerTo(solver, matrix));
    reply(
      { answers },
      answers.flatMap((answer) => ('eigenvalues' in answer ? [answer.eigenvalues.buffer as ArrayBuffer] : [])),
    );
  });
  reply({ version: solver.version });
} catch (error) {
  reply({ error: messageOf(error) });
  port.close();
}
