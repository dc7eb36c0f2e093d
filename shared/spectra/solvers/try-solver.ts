/** Whether a solver works here, found out in a process of its own. */
import { askChild } from '../../core/ask-child.ts';
import type { SolverName } from './solver.ts';

/** The outcome of trying a solver on this machine. */
export type SolverTrial =
  | { readonly works: true; readonly version: string }
  | { readonly works: false; readonly reason: string };

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './try-worker.ts' : './try-worker.js', here);

/** Opens a solver, with its self-test. Never throws. */
export async function trySolver(name: SolverName): Promise<SolverTrial> {
  const answer = await askChild<SolverTrial>(workerModule, [name]);
  return 'message' in answer ? answer.message : { works: false, reason: answer.ended };
}
