import { randomBytes } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import type { RunConfig } from '../config/run-file.ts';
import type { ProgressEvent, TaskContext } from '../pipeline/context.ts';
import { openWorkload } from '../pipeline/open-workload.ts';
import { openSolver, solverChoiceOf } from '../spectra/solvers/open-solver.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { SolverChoice } from '../spectra/solvers/solver.ts';
import type { Workload } from '../training/workload.ts';

/**
 * The outside world of a process on a laptop: its clock, its disk, its engine; data, model and solver are opened once.
 * A `solver` other than `auto` overrides what the run has on record.
 */
export function localContext(
  store: ArtifactStore,
  emit: (event: ProgressEvent) => void,
  solver: SolverChoice = 'auto',
): TaskContext {
  const opened = new Map<string, Promise<Workload>>();
  const solvers = new Map<number, Promise<SpectraPool>>();
  const warned = new Set<string>();
  return {
    store,
    now: () => new Date(),
    newAttempt: () => randomBytes(6).toString('hex'),
    openWorkload(config: RunConfig) {
      const { model, dataset, training } = config;
      const key = JSON.stringify({ model, dataset, training });
      const known = opened.get(key);
      if (known) return known;
      const workload = openWorkload(config, (message) => emit({ type: 'warning', message }));
      opened.set(key, workload);
      workload.catch(() => opened.delete(key));
      return workload;
    },
    openSolver(flops, recorded) {
      const known = solvers.get(flops);
      if (known) return known;
      const note = (message: string) => this.emit({ type: 'warning', message });
      const options = { flops, note };
      const pool =
        solver === 'auto'
          ? openSolver(solverChoiceOf(recorded), options).catch(() => openSolver('auto', options))
          : openSolver(solver, options);
      solvers.set(flops, pool);
      pool.catch(() => solvers.delete(flops));
      return pool;
    },
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
