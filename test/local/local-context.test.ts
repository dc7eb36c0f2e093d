import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { localContext } from '../../shared/local/local-context.ts';
import type { SolverChoice } from '../../shared/spectra/solvers/solver.ts';

const large = 1e12;

async function opened(flops: number, recorded: string | undefined, solver?: SolverChoice): Promise<string> {
  const pool = await localContext(memoryStore(), () => {}, solver && { solver }).openSolver(flops, recorded);
  await pool.close();
  return pool.solver;
}

describe('the solver of a run on this machine', () => {
  it('is the one on record, whatever is faster', async () => {
    expect(await opened(large, 'wasm simd')).toMatch(/^wasm /);
    expect(await opened(large, 'portable')).toBe('portable');
    expect(await opened(1000, 'wasm fma')).toMatch(/^wasm /);
  });

  it('is another when that one can not be had, or is not known', async () => {
    const best = await opened(large, undefined);
    expect(await opened(large, process.platform === 'darwin' ? 'mkl' : 'accelerate')).toBe(best);
  });

  it('is what was chosen, whatever is on record', async () => {
    expect(await opened(large, 'portable', 'wasm')).toMatch(/^wasm /);
  });

  it('is opened once', async () => {
    const context = localContext(memoryStore(), () => {});
    const first = await context.openSolver(1000, undefined);
    expect(await context.openSolver(1000, first.solver)).toBe(first);
    const threaded = await context.openSolver(large, 'wasm');
    expect(await context.openSolver(2 * large, threaded.solver)).toBe(threaded);
    await threaded.close();
  });

  it('is closed with the context', async () => {
    const context = localContext(memoryStore(), () => {});
    const pool = await context.openSolver(large, 'wasm');
    const solve = () => pool.squaredSingularValues(2, 2, Float64Array.of(2, 0, 0, 1));
    expect(Array.from(await solve())).toEqual([1, 4]);
    await context.close();
    await expect(solve()).rejects.toThrow('is closed');
  });

  it('is the one on record of each run, in a process that serves several', async () => {
    const context = localContext(memoryStore(), () => {});
    const first = await context.openSolver(1000, undefined);
    const other = await context.openSolver(1000, 'wasm fma');
    expect([first.solver, other.solver]).toEqual(['portable', expect.stringMatching(/^wasm /)]);
    await other.close();
  });

  it.skipIf(process.platform === 'darwin')('is passed over with a warning when it can not be had', async () => {
    const warnings: string[] = [];
    const context = localContext(memoryStore(), (event) => {
      if (event.type === 'warning') warnings.push(event.message);
    });
    await context.openSolver(1000, 'accelerate');
    expect(warnings).toEqual([expect.stringContaining("solver accelerate: can't be used here")]);
  });
});
