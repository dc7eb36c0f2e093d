/** The thread that computes: ONNX Runtime blocks the one it is called in. Answers one request after another. */
import { createRequire } from 'node:module';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { collectGarbage } from '../../core/collect-garbage.ts';
import { RunError } from '../../core/errors.ts';
import {
  elementCount,
  type FixedTensors,
  type HalfTensor,
  type HostTensor,
  type HostTensors,
  isHalf,
} from '../../tensors/tensor.ts';
import { dataTypeOf } from '../transfer.ts';
import { blockSize } from './block-size.ts';
import { computeInto } from './compute.ts';
import { arrays, type TensorSpec } from './graph.ts';
import { blockName, replacedBy, roles, sharingName } from './roles.ts';
import { serve } from './serve.ts';
import { takesSharedMemory } from './shared-memory.ts';
import type { Target, Task } from './task.ts';

type Tensors = Record<string, Tensor>;

/** How long a thread looks for work before it sleeps: about what waking it costs. */
const spinMicroseconds = 20;

/** Values of a loop. Where outputs can't be written over the inputs that they replace, two sets take turns. */
interface LoopState {
  readonly fixed: Tensors;
  readonly names: readonly string[];
  readonly carried: Tensors;
  /** Under the names of the inputs that they take turns with. */
  readonly spare: Tensors;
}

let runtime: typeof import('onnxruntime-node');
const sessions = new Map<number, InferenceSession>();
const loops = new Map<number, LoopState>();

/** A brain float is given by its bits. */
const halfTypes = { float16: 'float16', bfloat16: 'uint16' } as const;

function tensorOf(tensor: HostTensor<Float32Array | Int32Array> | HalfTensor): Tensor {
  if (isHalf(tensor)) return new runtime.Tensor(halfTypes[tensor.dtype], tensor.data, tensor.shape);
  return new runtime.Tensor(dataTypeOf(tensor.data), tensor.data, tensor.shape);
}

const tensorsOf = (tensors: FixedTensors, prefix: string): Tensors =>
  Object.fromEntries([...tensors].map(([name, tensor]) => [prefix + name, tensorOf(tensor)]));

const inPlace = ({ dims, data }: Tensor) => ({ shape: dims, data: data as Float32Array });
const copied = ({ dims, data }: Tensor) => ({ shape: dims, data: Float32Array.from(data as ArrayLike<number>) });
const asFloats = (tensor: Tensor) => (tensor.type === 'float32' ? inPlace(tensor) : copied(tensor));

async function compile(session: number, model: Uint8Array, { threads, keepsMemory }: Target): Promise<void> {
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // It would take a block for whole steps beside what the first step was given piece by piece.
    enableMemPattern: false,
    enableCpuMemArena: keepsMemory,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    extra: { 'session.intra_op.spin_duration_us': String(spinMicroseconds) },
  };
  sessions.set(session, await runtime.InferenceSession.create(model, options));
}

async function forget(session: number): Promise<void> {
  await sessions.get(session)?.release();
  sessions.delete(session);
}

const emptyOf = ({ shape, dtype }: TensorSpec) =>
  new runtime.Tensor(dtype as 'float32', new arrays[dtype](elementCount(shape)) as never, shape);

async function step(state: LoopState, session: InferenceSession, { inputs, ...task }: Task & { do: 'step' }) {
  const offered: Tensors = { ...state.fixed, ...state.carried, ...tensorsOf(inputs, roles.inputs) };
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, offered[name]!]));
  const overwriting = new Set(task.overwriting);
  const outputs: Tensors = {};
  const results: Tensors = {};
  const takingTurns: string[] = [];
  for (const [name, spec] of Object.entries(task.outputs)) {
    const replaced = replacedBy(name);
    if (replaced === undefined) {
      outputs[name] = emptyOf(spec);
      results[name.slice(roles.results.length)] = outputs[name];
    } else if (overwriting.has(name)) {
      outputs[name] = state.carried[replaced]!;
    } else {
      state.spare[replaced] ??= emptyOf(spec);
      outputs[name] = state.spare[replaced];
      takingTurns.push(replaced);
    }
  }
  await computeInto(session, feeds, outputs);
  for (const name of takingTurns) {
    [state.carried[name], state.spare[name]] = [state.spare[name]!, state.carried[name]!];
  }
  return new Map(Object.entries(results).map(([name, tensor]) => [name, asFloats(tensor)]));
}

function known<Thing>(things: ReadonlyMap<number, Thing>, number: number): Thing {
  const thing = things.get(number);
  if (thing === undefined) throw new RunError(`number ${number} was closed before`, { where: 'engine onnx' });
  return thing;
}

/** Forgets a loop, and frees its memory now: nothing may be asked of this thread for minutes. */
function forgetLoop(loop: number): void {
  const state = loops.get(loop);
  if (!loops.delete(loop) || !state) return;
  const sizes = Object.values({ ...state.fixed, ...state.spare }).map(({ data }) => (data as Float32Array).byteLength);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  // After the answer, so that nothing refers to what the loop had.
  setImmediate(() => collectGarbage(bytes));
}

const nothing: HostTensors = new Map();

async function perform(task: Task): Promise<HostTensors> {
  switch (task.do) {
    case 'load':
      runtime = createRequire(import.meta.url)('onnxruntime-node');
      return new Map([
        [blockName, { shape: [], data: Float32Array.of(await blockSize(runtime)) }],
        [sharingName, { shape: [], data: Float32Array.of((await takesSharedMemory(runtime)) ? 1 : 0) }],
      ]);
    case 'compile':
      await compile(task.session, task.model, task.target);
      return nothing;
    case 'forget':
      await forget(task.session);
      return nothing;
    case 'begin': {
      const [fixed, carried] = [tensorsOf(task.fixed, roles.fixed), tensorsOf(task.carried, roles.carried)];
      loops.set(task.loop, { fixed, names: [...task.carried.keys()], carried, spare: {} });
      return nothing;
    }
    case 'step':
      return step(known(loops, task.loop), known(sessions, task.session), task);
    case 'read': {
      const { names, carried } = known(loops, task.loop);
      return new Map(names.map((name) => [name, copied(carried[roles.carried + name]!)]));
    }
    case 'finish': {
      const { names, carried } = known(loops, task.loop);
      forgetLoop(task.loop);
      return new Map(names.map((name) => [name, inPlace(carried[roles.carried + name]!)]));
    }
    case 'end':
      forgetLoop(task.loop);
      return nothing;
    case 'close':
      // What computes on the processor may stay until the process ends.
      return nothing;
  }
}

serve(perform);
