import type { RunConfig } from '../config/run-file.ts';
import { messageOf } from '../core/errors.ts';
import type { EngineName } from '../engines/engine.ts';
import { gpuChoice } from '../engines/gpu-machine.ts';
import { openGpuEngine } from '../engines/open-engine.ts';
import { isWorthThreads, openSolver, solverChoiceOf } from '../spectra/solvers/open-solver.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { SolverChoice } from '../spectra/solvers/solver.ts';
import type { StartablePlan } from '../training/workload.ts';
import type { TaskContext } from './context.ts';
import { planWorkload, type StartedWorkload, startWorkload } from './open-workload.ts';

/** The part of a task's context that is costly to open. */
export type Resources = Pick<TaskContext, 'planWorkload' | 'openWorkload' | 'openSolver'>;

export interface ResourceOptions {
  /** Finds the local path of a data set. */
  readonly localPath: TaskContext['localPath'];
  readonly warn: (message: string) => void;
  /** Other than `auto`: instead of what the run has on record. */
  readonly solver?: SolverChoice;
  /** Whether this machine is there for its GPU, so that nothing but an engine named in the settings takes its place. */
  readonly hasGpu?: boolean;
  /** Whether `training.engine: auto` measures engines; absent: true. */
  readonly measures?: boolean | undefined;
}

const keyOf = ({ model, dataset, training, convergence: { metric } }: RunConfig) =>
  JSON.stringify({ model, dataset, training, metric });

/** What is known under a key, opened when first asked for; a failure is not kept. */
function once<Key, Opened>(known: Map<Key, Promise<Opened>>, key: Key, open: () => Promise<Opened>): Promise<Opened> {
  const opened = known.get(key) ?? open();
  known.set(key, opened);
  opened.catch(() => known.delete(key));
  return opened;
}

/** Resources that are kept open for whoever asks next. */
export interface KeptResources extends Resources {
  /** Ends the threads of solvers; nothing is to be asked of them after it. */
  close(): Promise<void>;
}

/** Data, models, engines and solvers, each opened once in this process. */
export function openedOnce({ localPath, warn, solver = 'auto', hasGpu, measures }: ResourceOptions): KeptResources {
  const plans = new Map<string, Promise<StartablePlan>>();
  const workloads = new Map<string, Promise<StartedWorkload>>();
  const solvers = new Map<string, Promise<SpectraPool>>();
  const plan = (config: RunConfig) => once(plans, keyOf(config), () => planWorkload(config, localPath));
  const start = async (config: RunConfig, recorded?: EngineName): Promise<StartedWorkload> => {
    const wanted = hasGpu ? gpuChoice(config.training.engine) : undefined;
    if (!wanted) return startWorkload(await plan(config), config, { warn, measures, recorded });
    // Before data are fetched: a machine without a GPU that can be used says so at once.
    const engine = await openGpuEngine({ choice: wanted, recorded, warn });
    const workload = (await plan(config)).on(engine);
    return wanted === 'auto' ? { ...workload, choice: { engine: engine.name } } : workload;
  };
  return {
    planWorkload: plan,
    openWorkload(config, recorded) {
      const keyFor = (engine = '') => `${engine} ${keyOf(config)}`;
      return once(workloads, keyFor(recorded), async () => {
        const started = await start(config, recorded);
        // What was chosen is on record from then on.
        if (started.choice) workloads.set(keyFor(started.choice.engine), Promise.resolve(started));
        return started;
      });
    },
    openSolver(flops, recorded) {
      const keyFor = (choice: SolverChoice) => `${choice} ${isWorthThreads(flops)}`;
      const options = { flops, note: warn };
      const opened = (choice: SolverChoice) =>
        once(solvers, keyFor(choice), async () => {
          const pool = await openSolver(choice, options);
          solvers.set(keyFor(solverChoiceOf(pool.solver)), Promise.resolve(pool));
          return pool;
        });
      if (solver !== 'auto') return opened(solver);
      return opened(solverChoiceOf(recorded)).catch((error) => {
        warn(messageOf(error));
        return opened('auto');
      });
    },
    async close() {
      const pools = await Promise.allSettled(solvers.values());
      solvers.clear();
      await Promise.all(pools.map(async (pool) => pool.status === 'fulfilled' && pool.value.close()));
    },
  };
}
