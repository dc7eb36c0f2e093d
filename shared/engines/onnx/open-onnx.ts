import { createRequire } from 'node:module';
import { messageOf, UserError } from '../../core/errors.ts';
import { threadsAllowed } from '../../core/threads.ts';
import type { HostTensor, MixedTensors } from '../../tensors/tensor.ts';
import type { Engine, Loop, LoopTensors, Step, TensorLibrary } from '../engine.ts';
import { compiledSteps } from './compiled-steps.ts';
import { blockName } from './roles.ts';
import { type ComputeThread, startThread } from './thread.ts';

const ownRequire = createRequire(import.meta.url);

/** More gain little in steps of this size. */
const mostThreads = 8;

/** The package's version; its native part is loaded in the thread alone. */
const runtimeVersion = () => (ownRequire('onnxruntime-node/package.json') as { version: string }).version;

/**
 * ONNX Runtime: a step is recorded once for its shapes as one graph and run as such in a thread of its own. What is computed
 * outside of steps is computed by the library's plain `cpu` backend.
 * @throws UserError when ONNX Runtime has no binary for this machine, or it can't be loaded.
 */
export async function openOnnx(tf: TensorLibrary): Promise<Engine> {
  const threads = Math.min(mostThreads, threadsAllowed());
  const thread = startThread();
  const compiled = compiledSteps(tf, thread, { threads, block: await load(thread) });
  let loops = 0;
  return {
    name: 'onnx',
    version: `onnxruntime-node ${runtimeVersion()}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    tf,
    async loop(step, given) {
      loops += 1;
      return beginLoop(thread, compiled, loops, step, given);
    },
  };
}

/** Channels in a block of its kernels for convolutions. */
async function load(thread: ComputeThread): Promise<number> {
  try {
    return (await thread.ask({ do: 'load' })).get(blockName)!.data[0]!;
  } catch (cause) {
    throw new UserError(`ONNX Runtime can't be loaded: ${messageOf(cause)}`, {
      where: `engine onnx on ${process.platform} ${process.arch}`,
      remedy: 'Reinstall onnxruntime-node if it should run here, or choose the engine wasm, which runs anywhere.',
      cause,
    });
  }
}

/** Whether nothing else is in its memory, so that a thread can be given it. */
const isWhole = ({ buffer, byteLength }: Float32Array | Int32Array) =>
  buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;

const nothing: ReadonlySet<string> = new Set();

const buffersOf = (tensors: MixedTensors) => [...tensors.values()].map(({ data }) => data.buffer as ArrayBuffer);

/** What is donated as it is, and of others one copy, which the thread can be given: a message would make two. */
const givable = <Data extends Float32Array | Int32Array>(
  tensors: ReadonlyMap<string, HostTensor<Data>>,
  donated: ReadonlySet<string> = nothing,
) =>
  new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, data: donated.has(name) && isWhole(data) ? data : (data.slice() as Data) },
    ]),
  );

async function beginLoop(
  thread: ComputeThread,
  compiled: ReturnType<typeof compiledSteps>,
  loop: number,
  step: Step,
  given: LoopTensors,
): Promise<Loop> {
  const fixed = givable(given.fixed);
  const carried = givable(given.carried, given.donated);
  await thread.ask({ do: 'begin', loop, fixed, carried }, [...buffersOf(fixed), ...buffersOf(carried)]);
  return {
    async run(inputs, { step: other = step, donated = nothing } = {}) {
      const compiledStep = await compiled(other, { ...given, inputs });
      const whole = [...inputs].filter(([name, { data }]) => donated.has(name) && isWhole(data));
      return thread.ask({ do: 'step', loop, inputs, ...compiledStep }, [...new Set(buffersOf(new Map(whole)))]);
    },
    read: () => thread.ask({ do: 'read', loop }),
    finish: () => thread.ask({ do: 'finish', loop }),
    async close() {
      await thread.ask({ do: 'end', loop });
    },
  };
}
