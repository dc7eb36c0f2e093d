/** A process that tries a solver, and tells its parent how that went: a native library may end the process. */
import { messageOf } from '../../core/errors.ts';
import { openInThread } from './registry.ts';
import type { SolverName } from './solver.ts';
import type { SolverTrial } from './try-solver.ts';

function trial(): SolverTrial {
  try {
    return { works: true, version: openInThread(process.argv[2] as SolverName).version };
  } catch (error) {
    return { works: false, reason: messageOf(error) };
  }
}

process.send?.(trial(), () => process.disconnect());
