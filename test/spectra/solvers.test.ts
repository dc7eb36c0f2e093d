import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import { randomFor } from '../../shared/core/random.ts';
import { analyseLayers } from '../../shared/spectra/analyse.ts';
import { spectraConfigSchema } from '../../shared/spectra/config.ts';
import { noiseFloor } from '../../shared/spectra/eigenvalues.ts';
import { growingPool } from '../../shared/spectra/solvers/growing-pool.ts';
import { compiledInOrder } from '../../shared/spectra/solvers/in-order.ts';
import { openSolver, solverChoiceOf, solverFromEnvironment } from '../../shared/spectra/solvers/open-solver.ts';
import { openPool, type SpectraPool } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver, solveInTypeScript } from '../../shared/spectra/solvers/portable.ts';
import { openInThread } from '../../shared/spectra/solvers/registry.ts';
import { selfTest } from '../../shared/spectra/solvers/self-test.ts';
import {
  type EigenvalueSolver,
  type SolverName,
  scaleMatrix,
  solverNames,
} from '../../shared/spectra/solvers/solver.ts';
import { simd } from '../../shared/spectra/solvers/wasm/kernels.ts';
import { openWasm } from '../../shared/spectra/solvers/wasm.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { largestMagnitude, type RowReader } from '../../shared/tensors/row-reader.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { fixturePath } from '../support/fixtures.ts';

const solvers = solverNames.flatMap((name) => {
  try {
    return [openInThread(name)];
  } catch {
    return [];
  }
});

function randomMatrix(seed: number, rows: number, columns: number, rank = Math.min(rows, columns)): Float64Array {
  const random = randomFor(seed, 'matrix', rows, columns);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  if (rank === Math.min(rows, columns)) return normals(rows * columns);
  const [left, right] = [normals(rows * rank), normals(rank * columns)];
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < rank; k++)
      sum += left[Math.floor(at / columns) * rank + k]! * right[k * columns + (at % columns)]!;
    return sum;
  });
}

function furthest(a: Float64Array, b: Float64Array): number {
  return a.reduce((worst, value, index) => Math.max(worst, Math.abs(value - b[index]!)), 0) / (b.at(-1) || 1);
}

it(`finds solvers that pass their self-test, among them wasm and portable (here: ${solvers.map(({ version }) => version).join(', ')})`, () => {
  expect(solvers.map(({ name }) => name)).toEqual(expect.arrayContaining(['wasm', 'portable']));
});

describe.each([...solvers, openWasm(simd)])('the solver $version', (solver: EigenvalueSolver) => {
  it('agrees with the reference eigenvalues of the fixtures to 1e-9 of the largest', async () => {
    const weights = await openSafetensors(await fileSource(fixturePath('esd', 'weights.safetensors')));
    const expected = await openSafetensors(await fileSource(fixturePath('esd', 'eigs.safetensors')));
    let compared = 0;
    for (const name of weights.names()) {
      const { shape, data } = await weights.read(name);
      if (shape.length !== 2) continue;
      const eigenvalues = solver.squaredSingularValues(shape[0]!, shape[1]!, data);
      const { data: wanted } = await expected.readFloat64(name);
      expect(eigenvalues.length, name).toBe(wanted.length);
      expect(furthest(eigenvalues, wanted), name).toBeLessThan(1e-9);
      compared++;
    }
    expect(compared).toBeGreaterThan(5);
  });

  it('agrees with the portable one to 1e-9 on any shape, rank and scale', () => {
    const side = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 30, max: 90 }));
    fc.assert(
      fc.property(
        side,
        side,
        fc.integer(),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: -90, max: 90 }),
        (rows, columns, seed, rank, exponent) => {
          const matrix = randomMatrix(seed, rows, columns, Math.min(rank, rows, columns)).map(
            (value) => value * 2 ** exponent,
          );
          const eigenvalues = solver.squaredSingularValues(rows, columns, matrix);
          expect(eigenvalues).toHaveLength(Math.min(rows, columns));
          expect(eigenvalues).toEqual(eigenvalues.toSorted());
          expect(furthest(eigenvalues, portableSolver.squaredSingularValues(rows, columns, matrix))).toBeLessThan(1e-9);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('takes matrices whose longer side is more than a slab', () => {
    for (const [rows, columns] of [
      [10, 1100],
      [1100, 10],
    ] as const) {
      const matrix = Float32Array.from(randomMatrix(3, rows, columns));
      const wanted = portableSolver.squaredSingularValues(rows, columns, matrix);
      expect(furthest(solver.squaredSingularValues(rows, columns, matrix), wanted)).toBeLessThan(1e-12);
    }
  });

  it('gives the same bits whatever it solved before', () => {
    const matrix = randomMatrix(1, 37, 50);
    const before = solver.squaredSingularValues(37, 50, matrix);
    solver.squaredSingularValues(80, 61, randomMatrix(2, 80, 61));
    expect(solver.squaredSingularValues(37, 50, matrix)).toEqual(before);
  });

  it('leaves the null space at or below the noise floor, and gives zeros for zeros', () => {
    const eigenvalues = solver.squaredSingularValues(70, 70, randomMatrix(5, 70, 70, 3));
    expect(eigenvalues.slice(0, 67).every((value) => value >= 0 && value <= noiseFloor(70, eigenvalues[69]!))).toBe(
      true,
    );
    expect([...solver.squaredSingularValues(2, 3, new Float32Array(6))]).toEqual([0, 0]);
    expect([...solver.squaredSingularValues(0, 3, new Float32Array(0))]).toEqual([]);
    expect(solver.squaredSingularValues(40, 40, new Float64Array(1600).fill(1))[39]).toBeCloseTo(1600, 9);
  });
});

describe('the portable solver', () => {
  it('gives the same bits compiled as in plain TypeScript, on any shape, rank and scale', () => {
    const side = fc.oneof(fc.integer({ min: 8, max: 20 }), fc.integer({ min: 30, max: 90 }), fc.constant(300));
    fc.assert(
      fc.property(
        side,
        side,
        fc.integer(),
        fc.integer({ min: 0, max: 90 }),
        fc.integer({ min: -90, max: 90 }),
        (rows, columns, seed, rank, exponent) => {
          const values = randomMatrix(seed, rows, columns, Math.min(rank, rows, columns));
          const matrix = values.map((value) => value * 2 ** exponent);
          const scaled = scaleMatrix(rows, columns, matrix);
          const inTypeScript = scaled ? solveInTypeScript(scaled) : new Float64Array(Math.min(rows, columns));
          expect(portableSolver.squaredSingularValues(rows, columns, matrix)).toEqual(inTypeScript);
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it('gives them for a matrix that is tridiagonal, diagonal or of one vector, too', () => {
    const order = 40;
    for (const width of [0, 1, order]) {
      const matrix = Float32Array.from({ length: order * order }, (_, at) => {
        const [row, column] = [Math.floor(at / order), at % order];
        return Math.abs(row - column) <= width && column <= row ? 1 : 0;
      });
      const inTypeScript = solveInTypeScript(scaleMatrix(order, order, matrix)!);
      expect(portableSolver.squaredSingularValues(order, order, matrix)).toEqual(inTypeScript);
    }
  });

  it('is compiled here, and not for matrices whose memory would stay taken', () => {
    expect(compiledInOrder(96)).toBeTypeOf('function');
    expect(compiledInOrder(5000)).toBeUndefined();
  });
});

describe('the self-test', () => {
  it('refuses a solver that is off in the twelfth digit', () => {
    const sloppy: EigenvalueSolver = {
      ...portableSolver,
      squaredSingularValues: (rows, columns, data) =>
        portableSolver.squaredSingularValues(rows, columns, data).map((value) => value * (1 + 2e-12)),
    };
    expect(() => selfTest(sloppy)).toThrow(/its self-test is off by \d\.\de-12/);
  });
});

const pools: SpectraPool[] = [];
afterAll(async () => {
  for (const pool of pools) await pool.close();
});
async function pooled(name: SolverName, threads: number): Promise<SpectraPool> {
  const pool = await openPool(name, threads);
  pools.push(pool);
  return pool;
}

describe.each(solvers)('a pool of $name', ({ name }) => {
  it('gives what one thread gives, to the bit, in the order of the layers', async () => {
    const shapes = new Map(Array.from({ length: 9 }, (_, i) => [`layer${i}`, [16 + 7 * ((i * 5) % 9), 40]]));
    const layers = [...shapes.keys()].map((layer) => ({ name: layer, kind: 'linear' as const, weights: [layer] }));
    const read = async (weight: string) => {
      const shape = shapes.get(weight)!;
      return { shape, data: Float32Array.from(randomMatrix(9, shape[0]!, shape[1]!)) };
    };
    const config = spectraConfigSchema.parse({});
    const alone = await analyseLayers(layers, read, config, openInThread(name));
    const report = await analyseLayers(layers, read, config, await pooled(name, 3), (weight) => shapes.get(weight));
    expect(report).toEqual(alone);
    expect(report.layers.map((layer) => layer.name)).toEqual([...shapes.keys()]);
  });
});

describe.each(solvers)('a matrix that is read by rows, in a pool of $name', ({ name }) => {
  it.each([
    [1300, 40],
    [40, 1300],
    [50, 50],
  ])('[%i, %i] gives the bits of one in memory, each row read once and in order', async (rows, columns) => {
    const pool = await pooled(name, 1);
    const data = Float32Array.from(randomMatrix(8, rows, columns));
    const read: number[] = [];
    const reader: RowReader = {
      rows,
      columns,
      async read(start, count) {
        for (let row = start; row < start + count; row++) read.push(row);
        return data.slice(start * columns, (start + count) * columns);
      },
    };
    const spectrum = await pool.squaredSingularValuesOfRows!(reader, await largestMagnitude(reader));
    expect(spectrum).toEqual(await pool.squaredSingularValues(rows, columns, data));
    const inOrder = Array.from({ length: rows }, (_, row) => row);
    expect(read).toEqual([...inOrder, ...inOrder]);
  });
});

describe('a pool', () => {
  it('passes an error of reading rows on as it is, and goes on to the next matrix', async () => {
    const pool = await pooled('wasm', 1);
    const cause = new UserError('was cut off', { where: 'model.safetensors' });
    const read = async (start: number, count: number) => {
      if (start > 0) throw cause;
      return new Float64Array(2 * count).fill(1);
    };
    const reader: RowReader = { rows: 600, columns: 2, read };
    await expect(pool.squaredSingularValuesOfRows!(reader, 1)).rejects.toBe(cause);
    expect([...(await pool.squaredSingularValues(1, 1, Float32Array.of(3)))]).toEqual([9]);
  });

  it('answers every matrix when more wait than it has threads', async () => {
    const pool = await pooled('wasm', 2);
    const sizes = Array.from({ length: 12 }, (_, i) => 5 + ((i * 7) % 12));
    const spectra = await Promise.all(
      sizes.map((size) =>
        pool.squaredSingularValues(
          size,
          size,
          Float32Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? size : 0)),
        ),
      ),
    );
    expect(spectra.map((spectrum) => [...spectrum])).toEqual(sizes.map((size) => Array(size).fill(size * size)));
  });

  it('answers each of several small matrices that a thread is given together, also when one of them can not be solved', async () => {
    const pool = await pooled('portable', 1);
    const [first, failed, last] = await Promise.allSettled([
      pool.squaredSingularValues(1, 1, Float32Array.of(3)),
      pool.squaredSingularValues(-1, -1, new Float32Array(1)),
      pool.squaredSingularValues(2, 2, Float64Array.of(2, 0, 0, 1)),
    ]);
    expect(first).toEqual({ status: 'fulfilled', value: Float64Array.of(9) });
    expect(last).toEqual({ status: 'fulfilled', value: Float64Array.of(1, 4) });
    expect(failed).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringMatching(/length/) },
    });
  });

  it('refuses what is asked of it after it was closed', async () => {
    const pool = await openPool('portable', 1);
    await pool.close();
    await expect(pool.squaredSingularValues(1, 1, Float32Array.of(1))).rejects.toThrow('solver portable: is closed');
  });
});

describe('the portable solver of a small analysis', () => {
  const matrix = Float32Array.from(randomMatrix(4, 60, 70));
  const wanted = portableSolver.squaredSingularValues(60, 70, matrix);

  it('gets threads once it has computed for a while, and gives the same bits before, meanwhile and after', async () => {
    const pool = growingPool({ after: 1e6, threads: 2 });
    pools.push(pool);
    expect(pool.concurrency).toBe(1);
    while (pool.concurrency === 1) {
      expect(await pool.squaredSingularValues(60, 70, matrix)).toEqual(wanted);
      await setImmediate();
    }
    expect(pool).toMatchObject({ solver: 'portable', concurrency: 32 });
    expect(await pool.squaredSingularValues(60, 70, matrix)).toEqual(wanted);
    expect([...(await pool.squaredSingularValues(1, 1, Float32Array.of(3)))]).toEqual([9]);
  });

  it('stays in the calling thread where it may have no other', async () => {
    const pool = growingPool({ after: 0, threads: 1 });
    for (let times = 0; times < 3; times++) await pool.squaredSingularValues(60, 70, matrix);
    await pool.close();
    expect(pool.concurrency).toBe(1);
    expect(await pool.squaredSingularValues(60, 70, matrix)).toEqual(wanted);
  });

  it('ends its threads when it is closed, also those that it was about to start', async () => {
    const pool = growingPool({ after: 0, threads: 2 });
    await pool.squaredSingularValues(60, 70, matrix);
    await pool.close();
    await expect(pool.squaredSingularValues(60, 70, matrix)).rejects.toThrow('is closed');
  });
});

describe('the choice of a solver', () => {
  it('is the portable one in the calling thread for a small analysis', async () => {
    expect(await openSolver('auto', { flops: 1e6 })).toMatchObject({ solver: 'portable', concurrency: 1 });
  });

  it('is the best that works here for a large one, and says what was passed over', async () => {
    const notes: string[] = [];
    const pool = await openSolver('auto', { note: (message) => notes.push(message) });
    pools.push(pool);
    expect(pool.solver).toBe(solvers[0]!.version);
    expect(notes.length).toBe(solvers[0]!.name === 'openblas' || process.platform === 'darwin' ? 0 : 1);
  });

  it('comes from the record of a run, or from the environment', () => {
    expect(solverChoiceOf('openblas 0.3.21 Zen')).toBe('openblas');
    expect(solverChoiceOf('wasm fma')).toBe('wasm');
    expect(solverChoiceOf(undefined)).toBe('auto');
    expect(solverFromEnvironment({})).toBe('auto');
    expect(solverFromEnvironment({ TEMPBALANCE_SOLVER: 'wasm' })).toBe('wasm');
    expect(() => solverFromEnvironment({ TEMPBALANCE_SOLVER: 'blas' })).toThrow(
      'TEMPBALANCE_SOLVER: there is no solver "blas"',
    );
  });

  it.skipIf(process.platform === 'darwin')('says how to mend one that is asked for and is not there', async () => {
    await expect(openSolver('accelerate')).rejects.toThrow("solver accelerate: can't be used here");
  });
});
