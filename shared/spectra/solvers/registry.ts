import { accelerate, openblas } from './openblas.ts';
import { portable } from './portable.ts';
import { selfTest } from './self-test.ts';
import type { EigenvalueSolver, SolverFactory, SolverName } from './solver.ts';
import { wasm } from './wasm.ts';

const factories: Readonly<Record<SolverName, SolverFactory>> = { openblas, accelerate, wasm, portable };

/**
 * A solver that has passed its self-test in this thread.
 * @throws Error that says why it can't be had.
 */
export function openInThread(name: SolverName): EigenvalueSolver {
  const solver = factories[name].open();
  selfTest(solver);
  return solver;
}
