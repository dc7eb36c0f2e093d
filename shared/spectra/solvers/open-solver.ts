import { messageOf, UserError } from '../../core/errors.ts';
import { growingPool } from './growing-pool.ts';
import { openPool, type SpectraPool } from './pool.ts';
import { type SolverChoice, type SolverName, solverChoices, solverNames } from './solver.ts';

/** Below this many floating-point operations an analysis takes less time than starting threads. */
const worthThreads = 1e8;

/** Whether an analysis of so many floating-point operations is done sooner with threads of its own. */
export const isWorthThreads = (flops: number): boolean => flops >= worthThreads;

export interface OpenSolverOptions {
  /** Floating-point operations of the whole analysis, as `analysisFlops` counts them. */
  readonly flops?: number;
  /** Is told which solvers were passed over, and why. */
  readonly note?: (message: string) => void;
}

/**
 * Opens a solver that passes its self-test here. `auto` takes the first of `solverNames` that does, and for a small
 * analysis the portable one, in the calling thread as long as that is quicker.
 * @throws UserError when the solver asked for by name can't be had.
 */
export async function openSolver(
  choice: SolverChoice,
  { flops = Number.POSITIVE_INFINITY, note = () => {} }: OpenSolverOptions = {},
): Promise<SpectraPool> {
  if (!isWorthThreads(flops) && (choice === 'auto' || choice === 'portable')) return growingPool();
  if (choice !== 'auto') return openNamed(choice);
  for (const name of solverNames) {
    if (name === 'accelerate' && process.platform !== 'darwin') continue;
    try {
      return await openPool(name);
    } catch (error) {
      note(`the solver ${name} is passed over: ${messageOf(error)}`);
    }
  }
  return growingPool();
}

async function openNamed(name: SolverName): Promise<SpectraPool> {
  try {
    return await openPool(name);
  } catch (cause) {
    throw new UserError(`can't be used here: ${messageOf(cause)}`, {
      where: `solver ${name}`,
      remedy:
        name === 'openblas'
          ? 'Install it (Debian: apt-get install libopenblas0-pthread), or choose wasm, which is part of this package.'
          : 'Choose another: auto takes the fastest that works here.',
      cause,
    });
  }
}

/** The solver of a version on record; `auto` where there is none. */
export function solverChoiceOf(version: string | undefined): SolverChoice {
  return solverNames.find((name) => name === version?.split(' ')[0]) ?? 'auto';
}

/** @throws UserError when the environment's TEMPBALANCE_SOLVER is not a choice. */
export function solverFromEnvironment(environment: Readonly<Record<string, string | undefined>>): SolverChoice {
  const named = environment.TEMPBALANCE_SOLVER || 'auto';
  const choice = solverChoices.find((known) => known === named);
  if (choice) return choice;
  throw new UserError(`there is no solver "${named}"`, {
    where: 'TEMPBALANCE_SOLVER',
    remedy: `Choose one of ${solverChoices.join(', ')}.`,
  });
}
