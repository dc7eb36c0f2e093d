/** The portable solver's computation, compiled: to the same bits, in less than half the time. */
import { type ScaledMatrix, unscaleEigenvalues } from './solver.ts';
import { notConverged } from './tridiagonal.ts';
import { simd } from './wasm/kernels.ts';
import { gramMatrix, grow, instantiate, type Machine, type Room, roomFor } from './wasm/machine.ts';

/** What `wasm/assembly/in-order.ts` exports and is called from here; addresses are in bytes. */
interface Kernels extends Machine {
  updateLowerInOrder(c: number, stride: number, panels: number, p: number, depth: number): void;
  tridiagonaliseInOrder(
    order: number,
    matrix: number,
    stride: number,
    diagonal: number,
    offDiagonal: number,
    work: number,
  ): void;
  tridiagonalEigenvalues(order: number, diagonal: number, offDiagonal: number): number;
}

/** The squared singular values of a scaled matrix, ascending. */
type Solve = (matrix: ScaledMatrix) => Float64Array;

/** A larger matrix would leave as much memory taken for good: 200 MiB. */
const largestOrder = 4096;
/** A reflector, and the product of the matrix and it. */
const workLength = (stride: number) => 2 * stride;

let kernels: Kernels | undefined | 'not tried' = 'not tried';

/** The compiled computation of matrices of this order; undefined where there is none, or no memory for it. */
export function compiledInOrder(order: number): Solve | undefined {
  if (order > largestOrder) return undefined;
  if (kernels === 'not tried') kernels = instantiate<Kernels>(simd);
  if (!kernels) return undefined;
  const room = roomFor(order, workLength);
  try {
    grow(kernels, room.end, order);
  } catch {
    return undefined;
  }
  return solverIn(kernels, room);
}

const solverIn =
  (kernels: Kernels, room: Room): Solve =>
  (matrix) => {
    const { order, factor } = matrix;
    const { stride, work, diagonal, offDiagonal } = room;
    gramMatrix(kernels, matrix, room, (panels, depth) =>
      kernels.updateLowerInOrder(room.matrix, stride, panels, work, depth),
    );
    kernels.tridiagonaliseInOrder(order, room.matrix, stride, diagonal, offDiagonal, work);
    const failed = kernels.tridiagonalEigenvalues(order, diagonal, offDiagonal);
    if (failed >= 0) throw notConverged(failed, order);
    return unscaleEigenvalues(new Float64Array(kernels.memory.buffer, diagonal, order).slice(), factor);
  };
