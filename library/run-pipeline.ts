import { join, resolve } from 'node:path';
import type { ArtifactStore } from '../shared/checkpoints/artifact-store.ts';
import { sweepScratch } from '../shared/checkpoints/file-store.ts';
import { withOptionalPackages } from '../shared/core/optional-packages.ts';
import { localContext } from '../shared/local/local-context.ts';
import { beginRun, lockRun, newRun, type RunFolder } from '../shared/local/run-folder.ts';
import { type Execution, runPipeline as execute } from '../shared/local/run-pipeline.ts';
import type { ProgressEvent, TaskContext } from '../shared/pipeline/context.ts';
import { type RunSummary, summariseRun } from '../shared/pipeline/run-summary.ts';
import { solverFromEnvironment } from '../shared/spectra/solvers/open-solver.ts';
import type { SolverChoice } from '../shared/spectra/solvers/solver.ts';
import { localPathOf } from './local-path.ts';
import { overridesOf, type RunFile, runSettings, type Settings } from './settings.ts';

/** Options of a run. */
export interface RunOptions {
  /** Settings on top of the run file's, by dotted keys, such as `{ 'training.epochs': 3 }`. */
  readonly set?: Settings;
  /** What computes eigenvalues; absent: what suits the size of the model. */
  readonly solver?: SolverChoice | undefined;
  /** Told of every step, epoch and decision. */
  readonly onEvent?: (event: ProgressEvent) => void;
  /** Aborted, the run ends after the next commit; `tempbalance resume` goes on with it. */
  readonly signal?: AbortSignal;
}

/** A run that has ended. */
export interface FinishedRun {
  readonly name: string;
  /** Absolute path of its folder: `model/`, `report.html`, `epochs/`, ... */
  readonly folder: string;
  /** `interrupted`: by the signal; `takenOver`: by another process. */
  readonly status: 'done' | 'diverged' | 'interrupted' | 'takenOver';
  /** The best epoch, the reason of its end, its time and cost. */
  readonly summary: RunSummary;
  /** The store of its files; keys begin with its name. */
  readonly store: ArtifactStore;
}

/**
 * Does the workflow of a run in its folder, which no other process may have. An execution that failed is told in what is returned.
 * @param settle writes the run's settings once no other process can.
 */
export async function executeRun(
  { store, root, run, ...folder }: RunFolder,
  settle: () => Promise<void>,
  options: {
    readonly solver: SolverChoice;
    readonly localPath: TaskContext['localPath'];
    readonly onEvent: (event: ProgressEvent) => void;
    readonly stopRequested: () => boolean;
    /** Whether the task under way is to end after its step; absent: never. */
    readonly interrupted?: () => boolean;
  },
): Promise<Execution> {
  const lock = await lockRun({ store, root, run, ...folder }, () => new Date());
  try {
    await settle();
    const { solver, localPath, onEvent, stopRequested, interrupted } = options;
    const context = localContext(store, onEvent, { solver, localPath, interrupted });
    try {
      await sweepScratch(root);
      return await execute(run, context, stopRequested);
    } finally {
      await context.close();
    }
  } finally {
    await lock.release();
  }
}

/**
 * Trains a model as a run file says: epoch by epoch, with spectra, rates, checkpoints, and a model and a report in the end.
 * @param runFile path of a run file, or what one would say, whose relative paths count from the folder that the process is in.
 * @throws UserError when settings or data are wrong, or a run of that name exists; RunError when the run failed.
 */
export async function runPipeline(runFile: string | RunFile, options: RunOptions = {}): Promise<FinishedRun> {
  const { set, solver, onEvent = () => {}, signal } = options;
  const overrides = overridesOf(set);
  return withOptionalPackages(async () => {
    const config = await runSettings(runFile, overrides);
    const source = typeof runFile === 'string' ? { source: runFile } : {};
    const folder = await newRun(config, { ...source, now: new Date() });
    const note = (message: string) => onEvent({ type: 'warning', message });
    const execution = await executeRun(
      folder,
      () => beginRun(folder, config, { ...source, overrides: overrides.map(({ text }) => text) }),
      {
        solver: solver ?? solverFromEnvironment(process.env),
        localPath: (address) => localPathOf(address, note),
        onEvent,
        stopRequested: () => signal?.aborted ?? false,
      },
    );
    if (execution.status === 'failed') throw execution.error;
    const { store, run: name, root } = folder;
    return {
      name,
      folder: resolve(join(root, name)),
      status: execution.status,
      summary: await summariseRun(store, name),
      store,
    };
  });
}
