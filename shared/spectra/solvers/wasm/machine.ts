/** What the compiled kernels of solvers are run by: their memory, what lies where in it, and matrices packed for them. */
import { RunError } from '../../../core/errors.ts';
import type { ScaledMatrix } from '../solver.ts';

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** An instance of the kernels. */
export interface Machine {
  readonly memory: WasmMemory;
}

/** What is used of the runtime's WebAssembly. */
interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** Rows of a panel, and of a tile of the result. */
export const panelRows = 4;
/** Entries of every vector that are packed and multiplied at a time: two panels fit into the first-level cache. */
const slabDepth = 256;
/** Addresses below are left alone. */
export const base = 1024;
const pageBytes = 65_536;
const doubleBytes = Float64Array.BYTES_PER_ELEMENT;

/** Addresses of what a matrix of some order needs, and the length of a row. */
export interface Room {
  readonly stride: number;
  readonly matrix: number;
  readonly diagonal: number;
  readonly offDiagonal: number;
  /** The packed slab while the Gram matrix is made, reflectors afterwards. */
  readonly work: number;
  readonly end: number;
}

/** The kernels with memory of their own; undefined where the runtime can't run them. @param base64 one of `kernels.ts` */
export function instantiate<Kernels extends Machine>(base64: string): Kernels | undefined {
  const { WebAssembly } = globalThis as unknown as { WebAssembly?: WebAssemblyApi };
  const bytes = Buffer.from(base64, 'base64');
  if (!WebAssembly?.validate(bytes)) return undefined;
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Kernels;
}

/** Where a matrix of this order lies. @param workLength values that the reduction needs besides, by the stride */
export function roomFor(order: number, workLength: (stride: number) => number): Room {
  const stride = Math.ceil(order / panelRows) * panelRows;
  const diagonal = base + stride * stride * doubleBytes;
  const offDiagonal = diagonal + stride * doubleBytes;
  const work = offDiagonal + stride * doubleBytes;
  const end = work + Math.max(workLength(stride), stride * slabDepth) * doubleBytes;
  return { stride, matrix: base, diagonal, offDiagonal, work, end };
}

/** Sees to it that the memory reaches to `end`. @throws RunError when it can't be had. */
export function grow({ memory }: Machine, end: number, order: number): void {
  const missing = end - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / pageBytes));
  } catch (cause) {
    throw new RunError(
      `a spectrum of ${order} eigenvalues needs ${Math.ceil(end / 2 ** 20)} MiB, more than can be had`,
      {
        where: 'solver wasm',
        remedy: 'Install OpenBLAS, which has no such limit, or use a machine with more memory.',
        cause,
      },
    );
  }
}

/** The lower triangle of the Gram matrix, summed over slabs of the vectors. @param update adds a packed slab's part */
export function gramMatrix(
  { memory }: Machine,
  matrix: ScaledMatrix,
  { stride, matrix: at, work }: Room,
  update: (panels: number, depth: number) => void,
): void {
  new Float64Array(memory.buffer, at, stride * stride).fill(0);
  for (let start = 0; start < matrix.length; start += slabDepth) {
    const depth = Math.min(slabDepth, matrix.length - start);
    pack(matrix, start, depth, new Float64Array(memory.buffer, work, stride * depth));
    update(stride / panelRows, depth);
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
