import { RunError } from '../../core/errors.ts';
import {
  type EigenvalueSolver,
  type ScaledMatrix,
  type SolverFactory,
  scaleMatrix,
  unscaleEigenvalues,
} from './solver.ts';
import { tridiagonalEigenvalues } from './tridiagonal.ts';
import { relaxedSimd, simd } from './wasm/kernels.ts';

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of the runtime's WebAssembly interface that is used here. */
interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** What `wasm/assembly/kernels.ts` exports and is called from here; addresses are in bytes. */
interface Kernels {
  readonly memory: WasmMemory;
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

/** Rows of a panel, and of a tile of the result. */
const panelRows = 4;
/** Entries of every vector that are packed and multiplied at a time: two panels fit into the first-level cache. */
const slabDepth = 256;
/** Addresses below are left alone. */
const base = 1024;
const pageBytes = 65_536;

/** The AssemblyScript kernels, fused multiply-add where the runtime and the processor have it. */
export const wasm: SolverFactory = { open: () => openWasm(relaxedSimd) };

/** The given variant of the kernels if it runs here and fuses, or else the one without. @throws Error without SIMD. */
export function openWasm(preferred: string): EigenvalueSolver {
  const fused = instantiate(preferred);
  const kernels = fused && fusesMultiplyAdd(fused) ? fused : instantiate(simd);
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
      const stride = Math.ceil(order / panelRows) * panelRows;
      const room = layout(kernels, stride);
      if (kernels.memory.buffer.byteLength < room.end) grow(kernels.memory, room.end, order);
      gramMatrix(kernels, matrix, stride, room);
      kernels.tridiagonalise(order, room.matrix, stride, room.diagonal, room.offDiagonal, room.work);
      const copy = (at: number) => new Float64Array(kernels.memory.buffer, at, order).slice();
      const eigenvalues = tridiagonalEigenvalues(copy(room.diagonal), copy(room.offDiagonal));
      return unscaleEigenvalues(eigenvalues, matrix.factor);
    },
  };
}

interface Room {
  readonly matrix: number;
  readonly diagonal: number;
  readonly offDiagonal: number;
  /** The packed slab while the Gram matrix is made, reflectors afterwards. */
  readonly work: number;
  readonly end: number;
}

function layout({ workLength }: Kernels, stride: number): Room {
  const doubles = 8;
  const diagonal = base + stride * stride * doubles;
  const offDiagonal = diagonal + stride * doubles;
  const work = offDiagonal + stride * doubles;
  const end = work + Math.max(workLength(stride), stride * slabDepth) * doubles;
  return { matrix: base, diagonal, offDiagonal, work, end };
}

function grow(memory: WasmMemory, bytes: number, order: number): void {
  try {
    memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / pageBytes));
  } catch (cause) {
    throw new RunError(
      `a spectrum of ${order} eigenvalues needs ${Math.ceil(bytes / 2 ** 20)} MiB, more than can be had`,
      {
        where: 'solver wasm',
        remedy: 'Install OpenBLAS, which has no such limit, or use a machine with more memory.',
        cause,
      },
    );
  }
}

/** The lower triangle of the Gram matrix, `stride` a row, summed over slabs of the vectors. */
function gramMatrix(kernels: Kernels, matrix: ScaledMatrix, stride: number, room: Room): void {
  const { buffer } = kernels.memory;
  new Float64Array(buffer, room.matrix, stride * stride).fill(0);
  const panels = stride / panelRows;
  for (let start = 0; start < matrix.length; start += slabDepth) {
    const depth = Math.min(slabDepth, matrix.length - start);
    pack(matrix, start, depth, new Float64Array(buffer, room.work, stride * depth));
    kernels.updateLower(room.matrix, stride, panels, room.work, room.work, depth);
  }
}

/** Entries `start` .. `start + depth` of all vectors, four vectors side by side; zeros fill the last panel. */
function pack(matrix: ScaledMatrix, start: number, depth: number, packed: Float64Array): void {
  const { order, vectorStep, entryStep, factor } = matrix;
  const { data, from: first } = matrix.slab(start, depth);
  for (let vector = 0, panel = 0; vector < order; vector += panelRows, panel += panelRows * depth) {
    for (let lane = 0; lane < panelRows; lane++) {
      const known = vector + lane < order;
      let from = first + (vector + lane) * vectorStep;
      for (let to = panel + lane; to < panel + panelRows * depth; to += panelRows) {
        packed[to] = known ? data[from]! * factor : 0;
        from += entryStep;
      }
    }
  }
}

function instantiate(base64: string): Kernels | undefined {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  const bytes = Buffer.from(base64, 'base64');
  if (!WebAssembly.validate(bytes)) return undefined;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Kernels;
}

/** Whether (1 + e)(1 - e) - 1 keeps the -e^2 that rounding the product would lose. */
function fusesMultiplyAdd(kernels: Kernels): boolean {
  grow(kernels.memory, base + pageBytes, 1);
  const tiny = 2 ** -30;
  const values = new Float64Array(kernels.memory.buffer, base, 32).fill(0);
  values.set([-1, 0, 0, 0, 1 + tiny], 16);
  values.set([1, 0, 0, 0, 1 - tiny], 24);
  const at = (index: number) => base + index * Float64Array.BYTES_PER_ELEMENT;
  kernels.updateLower(at(0), panelRows, 1, at(16), at(24), 2);
  return values[0] !== 0;
}
