import { createRequire } from 'node:module';
import { collectGarbage } from '../../core/collect-garbage.ts';
import { messageOf, UserError } from '../../core/errors.ts';
import { threadsAllowed } from '../../core/threads.ts';
import { type MixedTensors, totalBytes } from '../../tensors/tensor.ts';
import {
  type Engine,
  knownInputs,
  type LateInputs,
  type Loop,
  type LoopTensors,
  type Step,
  type TensorLibrary,
} from '../engine.ts';
import { compiledSteps, type LoopSteps, type NamedSpecs, specsOf } from './compiled-steps.ts';
import { blockName, roles, sharingName, updatingName } from './roles.ts';
import { ownBuffers } from './task.ts';
import { type ComputeThread, startThread } from './thread.ts';
import { isPlaced, memoriesOf } from './update-memory.ts';

const ownRequire = createRequire(import.meta.url);

/** More gain little in steps of this size. */
const mostThreads = 8;

/** The package's version; its native part is loaded in the thread alone. */
export const runtimeVersion = () => (ownRequire('onnxruntime-node/package.json') as { version: string }).version;

/**
 * ONNX Runtime: a step is recorded once for its shapes as one graph and run as such in a thread of its own. What is computed
 * outside of steps is computed by the library's plain `cpu` backend.
 * @throws UserError when ONNX Runtime has no binary for this machine, or it can't be loaded.
 */
export async function openOnnx(tf: TensorLibrary): Promise<Engine> {
  const threads = Math.min(mostThreads, threadsAllowed());
  const thread = startThread();
  const { block, sharesMemory, mostUpdateBytes } = await load(thread);
  const compiled = compiledSteps(tf, thread, { threads, block, mostUpdateBytes });
  let loops = 0;
  return {
    name: 'onnx',
    version: `onnxruntime-node ${runtimeVersion()}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    tf,
    async loop(step, given) {
      loops += 1;
      return beginLoop({ thread, compiled, sharesMemory }, loops, step, given);
    },
  };
}

interface Abilities {
  /** Channels in a block of its kernels for convolutions. */
  readonly block: number;
  /** Whether it reads memory that threads share. */
  readonly sharesMemory: boolean;
  /** Bytes of the largest update that can be computed behind a graph. */
  readonly mostUpdateBytes: number;
}

async function load(thread: ComputeThread): Promise<Abilities> {
  try {
    const found = await thread.ask({ do: 'load' });
    const numberOf = (name: string) => found.get(name)!.data[0]!;
    return {
      block: numberOf(blockName),
      sharesMemory: numberOf(sharingName) === 1,
      mostUpdateBytes: numberOf(updatingName),
    };
  } catch (cause) {
    throw new UserError(`ONNX Runtime can't be loaded: ${messageOf(cause)}`, {
      where: `engine onnx on ${process.platform} ${process.arch}`,
      remedy:
        'Install it without its script, which wants to download libraries for GPUs: npm install --ignore-scripts onnxruntime-node. Or choose the engine wasm, which runs anywhere.',
      cause,
    });
  }
}

/** Whether nothing else is in its memory, so that a thread can be given it. */
const isWhole = ({ buffer, byteLength }: Data) => buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;

const nothing: ReadonlySet<string> = new Set();

type Data = Float32Array | Int32Array | Uint16Array;

const isShared = ({ buffer }: Data) => buffer instanceof SharedArrayBuffer;

/** What can be given away, or is shared, as it is, and of others one copy, which the thread can be given: a message would make two. */
const givable = <Given extends { readonly data: Data }>(
  tensors: ReadonlyMap<string, Given>,
  canGive: (name: string, data: Data) => boolean,
): ReadonlyMap<string, Given> =>
  new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      canGive(name, tensor.data) ? tensor : { ...tensor, data: tensor.data.slice() },
    ]),
  );

/** The thread and the settings by which steps are run. */
export interface Machinery {
  readonly thread: ComputeThread;
  readonly compiled: ReturnType<typeof compiledSteps>;
  /** Whether ONNX Runtime reads memory that threads share. */
  readonly sharesMemory: boolean;
}

/** Puts tensors into the thread for a step to be run on. */
export async function beginLoop(
  { thread, compiled, sharesMemory }: Machinery,
  loop: number,
  step: Step,
  given: LoopTensors,
): Promise<Loop> {
  const { donated: own = nothing } = given;
  const bytes = totalBytes(given.fixed) + totalBytes(given.carried);
  const staying = [...given.fixed.values(), ...given.carried.values()].filter(({ data }) => isShared(data));
  collectGarbage(bytes - staying.reduce((sum, { data }) => sum + data.byteLength, 0));
  const specs = [...specsOf(given.fixed, roles.fixed), ...specsOf(given.carried, roles.carried)];
  const isOwn = (name: string, data: Data) => own.has(name) && isWhole(data);
  const fixed = givable(given.fixed, (name, data) => (sharesMemory && isShared(data)) || isOwn(name, data));
  const carried = givable(given.carried, (name, data) => isOwn(name, data) || (own.has(name) && isPlaced(data)));
  const memories = memoriesOf(carried);
  const buffers = new Set([...ownBuffers(fixed), ...ownBuffers(carried)]);
  await thread.ask({ do: 'begin', loop, fixed, carried, memories }, [...buffers]);
  return loopOf({ thread, loop, steps: compiled(), step, specs, sharesMemory, isLarge: bytes >= leastReleased });
}

/** Of loops with as much as this, what their steps were compiled to is given up at their end: compiling anew takes less than a step or two. */
const leastReleased = 2 ** 29;

/** Whether late inputs are taken by nothing but updates behind the graph. */
const canWait = (computedFrom: readonly string[], { names }: LateInputs) =>
  !names.some((name) => computedFrom.includes(roles.inputs + name));

function without(inputs: MixedTensors, names: readonly string[]): MixedTensors {
  const left = new Map(inputs);
  for (const name of names) left.delete(name);
  return left;
}

interface BegunLoop {
  readonly thread: ComputeThread;
  readonly loop: number;
  readonly steps: LoopSteps;
  readonly step: Step;
  /** Of what is fixed and carried. The tensors themselves are not held on to. */
  readonly specs: NamedSpecs;
  readonly sharesMemory: boolean;
  readonly isLarge: boolean;
}

function loopOf({ thread, loop, steps, step, specs, sharesMemory, isLarge }: BegunLoop): Loop {
  return {
    async run(given, { step: other = step, donated = nothing, late } = {}) {
      const { computedFrom, ...compiled } = await steps.compiled(other, [...specs, ...specsOf(given, roles.inputs)]);
      const waits = late && compiled.overwriting.length === 0 && canWait(computedFrom, late);
      const inputs = waits ? without(given, late.names) : await knownInputs(given, late);
      if (!inputs) return new Map();
      const whole = [...inputs].filter(([name, { data }]) => donated.has(name) && isWhole(data));
      const readable = new Map(
        [...inputs].map(([name, tensor]) => [
          name,
          sharesMemory || !isShared(tensor.data) ? tensor : { ...tensor, data: tensor.data.slice() },
        ]),
      ) as MixedTensors;
      const task = {
        do: 'step',
        loop,
        inputs: readable,
        ...compiled,
        ...(waits ? { isFinishedLater: true } : {}),
      } as const;
      const results = thread.ask(task, [...new Set(ownBuffers(new Map(whole)))]);
      if (!waits) return results;
      const [computed, values] = await Promise.all([results, late.values()]);
      if (values) await thread.ask({ do: 'finishStep', loop, inputs: values });
      return computed;
    },
    read: (names, { untilNextStep = false } = {}) => thread.ask({ do: 'read', loop, names, untilNextStep }),
    async finish() {
      await steps.release(isLarge);
      return thread.ask({ do: 'finish', loop });
    },
    async close() {
      await steps.release(isLarge);
      await thread.ask({ do: 'end', loop });
    },
  };
}
