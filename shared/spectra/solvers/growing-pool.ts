import { threadsAllowed } from '../../core/threads.ts';
import { matrixFlops } from '../cost.ts';
import { openPool, type SpectraPool } from './pool.ts';
import { portableSolver } from './portable.ts';

/** Floating-point operations in the calling thread after which more are to be expected: some 0.2 s. */
const worthThreads = 1e9;

/** Operations of a matrix below which it is solved sooner than it is handed to another thread. */
const smallFlops = 2e5;

/** Matrices that are asked for at a time for each thread, so that it is given several together. */
const asked = 16;

/**
 * The portable solver for small models: in the calling thread and, once it has computed for a while, as it has in a run that is measured after
 * every few steps, in threads of its own. They give the same bits.
 */
export function growingPool({ after = worthThreads, threads = threadsAllowed() } = {}): SpectraPool {
  let flopsHere = 0;
  let pool: SpectraPool | undefined;
  let opening: Promise<void> | undefined;
  const grow = async () => {
    // Where threads can't be had, this one goes on.
    pool = await openPool('portable', threads).catch(() => undefined);
  };
  return {
    solver: portableSolver.version,
    get concurrency() {
      return pool ? asked * threads : 1;
    },
    async squaredSingularValues(rows, columns, data) {
      const flops = matrixFlops({ rows, columns });
      if (pool && flops >= smallFlops) return pool.squaredSingularValues(rows, columns, data);
      flopsHere += flops;
      if (threads > 1 && flopsHere >= after) opening ??= grow();
      return portableSolver.squaredSingularValues(rows, columns, data);
    },
    async close() {
      await opening;
      await pool?.close();
    },
  };
}
