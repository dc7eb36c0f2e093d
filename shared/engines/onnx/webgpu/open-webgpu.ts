import { messageOf, RunError } from '../../../core/errors.ts';
import type { Engine, TensorLibrary } from '../../engine.ts';
import { compiledSteps } from '../compiled-steps.ts';
import { beginLoop, runtimeVersion } from '../open-onnx.ts';
import { type ComputeThread, startThread } from '../thread.ts';
import { type Adapters, describeAdapters, vulkanAdapters } from './adapters.ts';
import { explainFailure, explainStart } from './failures.ts';
import { leastDevice } from './for-device.ts';

const here = import.meta.url;
const workerModule = new URL(here.endsWith('.ts') ? './worker.ts' : './worker.js', here);

/** The GPU's name for the run's record. */
const nameOf = ({ adapters: [first] = [] }: Adapters) => (first ? `, ${first.name}` : '');

/**
 * ONNX Runtime on a GPU, by WebGPU: steps are recorded and compiled as for the engine onnx. Parameters and moments stay in the GPU's
 * memory until a loop ends.
 * @throws UserError when WebGPU finds no GPU that it can use.
 */
export async function openWebgpu(tf: TensorLibrary): Promise<Engine> {
  const found = vulkanAdapters();
  if (found.adapters?.length === 0) throw explainStart('no adapter', describeAdapters(found));
  let isStarted = false;
  const thread = startThread({
    module: workerModule,
    explain: (message, cause) => (isStarted ? explainFailure(message, cause) : new RunError(message, { cause })),
  });
  closeAtExit(thread);
  try {
    await thread.ask({ do: 'load' });
  } catch (error) {
    throw explainStart(messageOf(error), describeAdapters(found), error);
  }
  isStarted = true;
  const compiled = compiledSteps(tf, thread, { threads: 1, block: 1, device: leastDevice });
  let loops = 0;
  return {
    name: 'onnx-webgpu',
    version: `onnxruntime-node ${runtimeVersion()}, WebGPU${nameOf(found)}`,
    tf,
    mostTogether,
    async loop(step, given) {
      loops += 1;
      return beginLoop({ thread, compiled, sharesMemory: true }, loops, step, given);
    },
    async close() {
      if (thread.hasEnded()) return;
      await thread.ask({ do: 'close', done: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) });
    },
  };
}

/** An update is some 17 operators for each parameter. In place of them, a parameter of so many elements is copied four times, 2 MiB each. */
export const mostTogether = 2 ** 19;

/** How long the process waits, at its end, for a step that is under way. */
const mostMilliseconds = 30_000;

/** Has the GPU's memory given back before the process ends, which crashes otherwise. Nothing but this runs then, so it waits. */
function closeAtExit(thread: ComputeThread): void {
  process.on('exit', () => {
    if (thread.hasEnded()) return;
    const done = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    thread.ask({ do: 'close', done }).catch(() => {});
    Atomics.wait(done, 0, 0, mostMilliseconds);
  });
}
