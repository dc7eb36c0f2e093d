import { createRequire } from 'node:module';
import { messageOf, RunError } from '../../core/errors.ts';
import {
  type EigenvalueSolver,
  reusedFloat64Array,
  type ScaledMatrix,
  type SolverFactory,
  type SolverName,
  scaleMatrix,
  unscaleEigenvalues,
} from './solver.ts';

/** The two routines that are needed, from a library with the usual C interface to BLAS and Fortran one to LAPACK. */
interface Lapack {
  readonly version: string;
  dsyrk(...args: readonly unknown[]): void;
  dsyevd(...args: readonly unknown[]): void;
}

const rowMajor = 101;
const noTranspose = 111;
const transpose = 112;
const lower = 122;
/** Entries of every vector that are converted and multiplied at a time. */
const slabDepth = 512;

const openblasLibraries = [
  'libopenblas.so.0',
  '/usr/lib64/libopenblasp.so.0',
  '/usr/lib64/libopenblas.so.0',
  'libopenblas.so',
  '/opt/homebrew/opt/openblas/lib/libopenblas.dylib',
  '/usr/local/opt/openblas/lib/libopenblas.dylib',
];
const accelerateLibraries = ['/System/Library/Frameworks/Accelerate.framework/Accelerate'];

/** OpenBLAS, as the system's packages install it. */
export const openblas: SolverFactory = {
  open: () =>
    lapackSolver(
      'openblas',
      loadFirst(openblasLibraries, (library) => {
        library.func('void openblas_set_num_threads(int)')(1);
        const config = String(library.func('const char *openblas_get_config()')());
        const core = String(library.func('const char *openblas_get_corename()')());
        return `openblas ${/\d+(\.\d+)+/.exec(config)?.[0] ?? 'unknown'} ${core}`;
      }),
    ),
};

/** Apple's BLAS and LAPACK. */
export const accelerate: SolverFactory = {
  open: () =>
    lapackSolver(
      'accelerate',
      loadFirst(accelerateLibraries, (library) => {
        const singleThreaded = 1;
        library.func('int BLASSetThreading(int)')(singleThreaded);
        return 'accelerate';
      }),
    ),
};

function loadFirst(libraries: readonly string[], prepare: (library: import('koffi').LibraryHandle) => string): Lapack {
  const koffi = requireKoffi();
  const failures: string[] = [];
  for (const path of libraries) {
    try {
      const library = koffi.load(path);
      return {
        version: prepare(library),
        dsyrk: library.func(
          'void cblas_dsyrk(int order, int uplo, int trans, int n, int k, double alpha, void *a, int lda, double beta, void *c, int ldc)',
        ),
        dsyevd: library.func(
          'void dsyevd_(const char *jobz, const char *uplo, void *n, void *a, void *lda, void *w, void *work, void *lwork, void *iwork, void *liwork, void *info)',
        ),
      };
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new Error(`no such library: ${failures[0]}`);
}

function requireKoffi(): typeof import('koffi') {
  try {
    return createRequire(import.meta.url)('koffi') as typeof import('koffi');
  } catch (cause) {
    throw new Error('the package koffi, which calls native libraries, is not installed', { cause });
  }
}

function lapackSolver(name: SolverName, lapack: Lapack): EigenvalueSolver {
  const gramRoom = reusedFloat64Array();
  const slabRoom = reusedFloat64Array();
  const workRoom = reusedFloat64Array();
  return {
    name,
    version: lapack.version,
    squaredSingularValues(rows, columns, data) {
      const matrix = scaleMatrix(rows, columns, data);
      if (!matrix) return new Float64Array(Math.min(rows, columns));
      const { order, length } = matrix;
      const gram = gramRoom(order * order);
      for (let start = 0; start < length; start += slabDepth) {
        const depth = Math.min(slabDepth, length - start);
        const slab = slabRoom(order * depth);
        const byColumns = matrix.entryStep === 1;
        if (byColumns) copyColumns(matrix, start, depth, slab);
        else copyRows(matrix, start, depth, slab);
        lapack.dsyrk(
          rowMajor,
          lower,
          byColumns ? noTranspose : transpose,
          order,
          depth,
          1,
          slab,
          byColumns ? depth : order,
          start === 0 ? 0 : 1,
          gram,
          order,
        );
      }
      return unscaleEigenvalues(eigenvaluesOf(lapack, order, gram, workRoom), matrix.factor);
    },
  };
}

/** Columns `start` .. `start + depth` of a matrix `[order, length]`. */
function copyColumns(matrix: ScaledMatrix, start: number, depth: number, slab: Float64Array) {
  const { order, vectorStep, factor } = matrix;
  const { data, from } = matrix.slab(start, depth);
  for (let row = 0; row < order; row++) {
    const first = from + row * vectorStep;
    const to = row * depth;
    for (let k = 0; k < depth; k++) slab[to + k] = data[first + k]! * factor;
  }
}

/** Rows `start` .. `start + depth` of a matrix `[length, order]`. */
function copyRows(matrix: ScaledMatrix, start: number, depth: number, slab: Float64Array) {
  const { order, factor } = matrix;
  const { data, from } = matrix.slab(start, depth);
  for (let k = 0; k < depth * order; k++) slab[k] = data[from + k]! * factor;
}

/** Of the symmetric matrix whose lower triangle is given by rows, which is the upper one by columns; overwrites it. */
function eigenvaluesOf(
  { dsyevd }: Lapack,
  order: number,
  gram: Float64Array,
  workRoom: (length: number) => Float64Array,
): Float64Array {
  const eigenvalues = new Float64Array(order);
  const size = Int32Array.of(order);
  const info = new Int32Array(1);
  const integerWork = new Int32Array(1);
  const wanted = new Float64Array(1);
  const call = (work: Float64Array, length: number) => {
    const lengths = Int32Array.of(length);
    dsyevd('N', 'U', size, gram, size, eigenvalues, work, lengths, integerWork, Int32Array.of(1), info);
  };
  call(wanted, -1);
  const length = Math.max(2 * order + 1, wanted[0]!);
  call(workRoom(length), length);
  if (info[0] !== 0) throw new RunError(`LAPACK's dsyevd failed with code ${info[0]} on a matrix of order ${order}`);
  return eigenvalues;
}
