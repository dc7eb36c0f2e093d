import { type EigenvalueSolver, type SolverFactory, scaleMatrix, unscaleEigenvalues } from './solver.ts';
import { tridiagonalEigenvalues } from './tridiagonal.ts';
import { relaxedSimd, simd } from './wasm/kernels.ts';
import { base, gramMatrix, grow, instantiate, type Machine, panelRows, roomFor } from './wasm/machine.ts';

/** What `wasm/assembly/kernels.ts` exports and is called from here; addresses are in bytes. */
interface Kernels extends Machine {
  updateLower(c: number, stride: number, panels: number, p: number, q: number, depth: number): void;
  workLength(stride: number): number;
  tridiagonalise(
    order: number,
    matrix: number,
    stride: number,
    diagonal: number,
    offDiagonal: number,
    work: number,
  ): void;
}

/** The AssemblyScript kernels, fused multiply-add where the runtime and the processor have it. */
export const wasm: SolverFactory = { open: () => openWasm(relaxedSimd) };

/** The given variant of the kernels if it runs here and fuses, or else the one without. @throws Error without SIMD. */
export function openWasm(preferred: string): EigenvalueSolver {
  const fused = instantiate<Kernels>(preferred);
  const kernels = fused && fusesMultiplyAdd(fused) ? fused : instantiate<Kernels>(simd);
  if (!kernels) throw new Error('this runtime has no WebAssembly SIMD');
  return wasmSolver(kernels, kernels === fused ? 'wasm fma' : 'wasm simd');
}

function wasmSolver(kernels: Kernels, version: string): EigenvalueSolver {
  return {
    name: 'wasm',
    version,
    squaredSingularValues(rows, columns, data) {
      const matrix = scaleMatrix(rows, columns, data);
      if (!matrix) return new Float64Array(Math.min(rows, columns));
      const { order } = matrix;
      const room = roomFor(order, kernels.workLength);
      const { stride, work } = room;
      grow(kernels, room.end, order);
      gramMatrix(kernels, matrix, room, (panels, depth) =>
        kernels.updateLower(room.matrix, stride, panels, work, work, depth),
      );
      kernels.tridiagonalise(order, room.matrix, stride, room.diagonal, room.offDiagonal, work);
      const copy = (at: number) => new Float64Array(kernels.memory.buffer, at, order).slice();
      const eigenvalues = tridiagonalEigenvalues(copy(room.diagonal), copy(room.offDiagonal));
      return unscaleEigenvalues(eigenvalues, matrix.factor);
    },
  };
}

/** Whether (1 + e)(1 - e) - 1 keeps the -e^2 that rounding the product would lose. */
function fusesMultiplyAdd(kernels: Kernels): boolean {
  const at = (index: number) => base + index * Float64Array.BYTES_PER_ELEMENT;
  grow(kernels, at(32), 1);
  const tiny = 2 ** -30;
  const values = new Float64Array(kernels.memory.buffer, base, 32).fill(0);
  values.set([-1, 0, 0, 0, 1 + tiny], 16);
  values.set([1, 0, 0, 0, 1 - tiny], 24);
  kernels.updateLower(at(0), panelRows, 1, at(16), at(24), 2);
  return values[0] !== 0;
}
