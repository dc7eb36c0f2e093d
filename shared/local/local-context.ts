import { randomBytes } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import type { RunConfig } from '../config/run-file.ts';
import type { ProgressEvent, TaskContext } from '../pipeline/context.ts';
import { planWorkload, startWorkload } from '../pipeline/open-workload.ts';
import { openSolver, solverChoiceOf } from '../spectra/solvers/open-solver.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { SolverChoice } from '../spectra/solvers/solver.ts';
import type { Workload } from '../training/workload.ts';
import type { TrajectoryPlan } from '../training/workloads/trajectories.ts';

const keyOf = ({ model, dataset, training }: RunConfig) => JSON.stringify({ model, dataset, training });

/** What is known under a key, opened when first asked for; a failure is not kept. */
function once<Key, Opened>(known: Map<Key, Promise<Opened>>, key: Key, open: () => Promise<Opened>): Promise<Opened> {
  const opened = known.get(key) ?? open();
  known.set(key, opened);
  opened.catch(() => known.delete(key));
  return opened;
}

/**
 * The outside world of a process on a laptop: its clock, its disk, its engine; data, model and solver are opened once.
 * A `solver` other than `auto` overrides what the run has on record.
 */
export function localContext(
  store: ArtifactStore,
  emit: (event: ProgressEvent) => void,
  solver: SolverChoice = 'auto',
): TaskContext {
  const plans = new Map<string, Promise<TrajectoryPlan>>();
  const workloads = new Map<string, Promise<Workload>>();
  const solvers = new Map<number, Promise<SpectraPool>>();
  const warned = new Set<string>();
  return {
    store,
    now: () => new Date(),
    newAttempt: () => randomBytes(6).toString('hex'),
    planWorkload: (config) => once(plans, keyOf(config), () => planWorkload(config)),
    openWorkload: (config) =>
      once(workloads, keyOf(config), async () => {
        const plan = await once(plans, keyOf(config), () => planWorkload(config));
        return startWorkload(plan, config, (message) => emit({ type: 'warning', message }));
      }),
    openSolver(flops, recorded) {
      const note = (message: string) => this.emit({ type: 'warning', message });
      const options = { flops, note };
      return once(solvers, flops, () =>
        solver === 'auto'
          ? openSolver(solverChoiceOf(recorded), options).catch(() => openSolver('auto', options))
          : openSolver(solver, options),
      );
    },
    computeFor: ({ target, market }) => ({ queue: `local-${market}`, definition: `local-${target}` }),
    shardsFor: () => 1,
    startSeconds: 0,
    historyEvents: Number.POSITIVE_INFINITY,
    interrupted: () => false,
    versions: { tempbalance: packageJson.version, node: process.version },
    emit(event) {
      if (event.type === 'warning') {
        if (warned.has(event.message)) return;
        warned.add(event.message);
      }
      emit(event);
    },
  };
}
