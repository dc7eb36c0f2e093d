/** A thread of the pool: opens the solver that it is told to, and answers one matrix after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../core/errors.ts';
import { openInThread } from './registry.ts';
import type { EigenvalueSolver, SolverName } from './solver.ts';

/** What a thread is asked; the data lie in shared memory. */
export interface MatrixMessage {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array;
}

/** What a thread says: once that it is ready or can't be, then one answer to each matrix. */
export type WorkerReply = { readonly version: string } | { readonly eigenvalues: Float64Array } | { error: string };

const port = parentPort!;
const reply = (message: WorkerReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

function answer(solver: EigenvalueSolver, { rows, columns, data }: MatrixMessage): void {
  try {
    const eigenvalues = solver.squaredSingularValues(rows, columns, data);
    reply({ eigenvalues }, [eigenvalues.buffer as ArrayBuffer]);
  } catch (error) {
    reply({ error: messageOf(error) });
  }
}

try {
  const solver = openInThread((workerData as { solver: SolverName }).solver);
  port.on('message', (message: MatrixMessage) => answer(solver, message));
  reply({ version: solver.version });
} catch (error) {
  reply({ error: messageOf(error) });
  port.close();
}
