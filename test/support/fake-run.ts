import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { encodeJson } from '../../shared/checkpoints/json.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { type RunConfig, runFileSchema } from '../../shared/config/run-file.ts';
import type { ProgressEvent, TaskContext } from '../../shared/pipeline/context.ts';
import { callingThread } from '../../shared/spectra/solvers/pool.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { openTensors } from '../../shared/tensors/open-tensors.ts';
import type { Workload } from '../../shared/training/workload.ts';
import { fakeModel } from './fake-workload.ts';
import { fixturePath } from './fixtures.ts';

export const run = 'runs/fake';

/** Settings for a run of the fake workload; the data set is a file that only has to be there. */
export function fakeConfig(changes: Record<string, Record<string, unknown> | string> = {}): RunConfig {
  const { training = {}, ...others } = changes;
  return runFileSchema.parse({
    model: fakeModel,
    dataset: { format: 'pdebench', path: fixturePath('data', 'pde_1d.json'), window: 1 },
    training: { epochs: 4, ...(training as object) },
    ...others,
  });
}

export async function requestRun(store: ArtifactStore, config: RunConfig): Promise<void> {
  await store.put(runKeys.request(run), encodeJson({ version: 1, config }));
}

/** A context over the store, with a clock that ticks a second at each look and attempts that are numbered. */
export function fakeContext(
  store: ArtifactStore,
  workload: Workload,
  { process = 'p', events = [] }: { process?: string; events?: ProgressEvent[] } = {},
): TaskContext {
  let ticks = 0;
  let attempts = 0;
  return {
    store,
    now: () => new Date(Date.UTC(2026, 10, 23) + 1000 * ticks++),
    newAttempt: () => `${process}-${attempts++}`,
    localPath: async (path) => path,
    openTensors: (path) => openTensors(path),
    planWorkload: async () => workload,
    openWorkload: async () => workload,
    openSolver: async () => callingThread(portableSolver),
    computeFor: ({ target, market }) => ({ queue: `queue-${market}`, definition: `definition-${target}` }),
    shardsFor: () => 1,
    startSeconds: 0,
    historyEvents: 25_000,
    interrupted: () => false,
    versions: { tempbalance: '0.0.0' },
    emit: (event) => events.push(event),
  };
}
