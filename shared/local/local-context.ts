import { randomBytes } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { threadsAtRest } from '../engines/onnx/thread.ts';
import type { ProgressEvent, TaskContext } from '../pipeline/context.ts';
import { type KeptResources, openedOnce } from '../pipeline/resources.ts';
import type { SolverChoice } from '../spectra/solvers/solver.ts';
import { openTensors } from '../tensors/open-tensors.ts';

/**
 * The outside world of a process on a laptop: its clock, its disk, its engine; data, model and solver are opened once.
 * @param options.solver other than `auto` overrides what the run has on record.
 * @param options.measures whether `training.engine: auto` measures engines; absent: true.
 * @param options.interrupted whether the task under way is to end after its step; absent: never.
 * @param options.localPath where an input is on this machine; absent: it is there under the path that it is named by.
 */
export function localContext(
  store: ArtifactStore,
  emit: (event: ProgressEvent) => void,
  {
    solver = 'auto',
    localPath = async (path) => path,
    measures,
    interrupted = () => false,
  }: {
    solver?: SolverChoice;
    localPath?: TaskContext['localPath'];
    measures?: boolean;
    interrupted?: TaskContext['interrupted'];
  } = {},
): TaskContext & Pick<KeptResources, 'close'> {
  const warned = new Set<string>();
  const emitOnce = (event: ProgressEvent) => {
    if (event.type === 'warning') {
      if (warned.has(event.message)) return;
      warned.add(event.message);
    }
    emit(event);
  };
  const opened = openedOnce({ localPath, solver, measures, warn: (message) => emitOnce({ type: 'warning', message }) });
  return {
    store,
    now: () => new Date(),
    newAttempt: () => randomBytes(6).toString('hex'),
    localPath,
    openTensors: async (address) => openTensors(await localPath(address)),
    ...opened,
    async close() {
      await opened.close();
      await threadsAtRest();
    },
    computeFor: ({ target, market }) => ({ queue: `local-${market}`, definition: `local-${target}` }),
    shardsFor: () => 1,
    startSeconds: 0,
    historyEvents: Number.POSITIVE_INFINITY,
    interrupted,
    versions: { tempbalance: packageJson.version, node: process.version },
    emit: emitOnce,
  };
}
