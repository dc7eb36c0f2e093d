import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { localContext } from '../../shared/local/local-context.ts';
import type { SolverChoice } from '../../shared/spectra/solvers/solver.ts';

const large = 1e12;

async function opened(flops: number, recorded: string | undefined, choice?: SolverChoice): Promise<string> {
  const pool = await localContext(memoryStore(), () => {}, choice).openSolver(flops, recorded);
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
  });
});
