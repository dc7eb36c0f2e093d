/** The thread that has a GPU compute. All that is asked of the GPU goes through it, one after the other: two sessions that run at once crash. */
import { createRequire } from 'node:module';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { RunError } from '../../../core/errors.ts';
import { widened } from '../../../tensors/elements.ts';
import {
  type FixedTensors,
  type HostTensor,
  type HostTensors,
  isHalf,
  type MixedTensors,
} from '../../../tensors/tensor.ts';
import { dataTypeOf } from '../../transfer.ts';
import { replacedBy, roles } from '../roles.ts';
import { serve } from '../serve.ts';
import type { Task } from '../task.ts';
import { copierModel } from './copier.ts';

type Tensors = Record<string, Tensor>;

/** Values of a loop, in the GPU's memory. */
interface LoopState {
  readonly fixed: Tensors;
  readonly names: readonly string[];
  readonly carried: Tensors;
}

/** A session that copies a tensor to the GPU or from it: ONNX Runtime's binding can't read the GPU's memory itself, and ends the process when asked to. */
type Copier = (tensor: Tensor) => Promise<Tensor>;

let runtime: typeof import('onnxruntime-node');
let copiers: { readonly up: Readonly<Record<'float32' | 'int32', Copier>>; readonly down: Copier };
const sessions = new Map<number, InferenceSession>();
const copierSessions: InferenceSession[] = [];
const loops = new Map<number, LoopState>();

const settings: InferenceSession.SessionOptions = {
  executionProviders: ['webgpu'],
  // What little is left to the processor, such as sizes, is not worth threads.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4,
};

async function copier(dtype: 'float32' | 'int32', to: 'cpu' | 'gpu-buffer'): Promise<Copier> {
  const session = await runtime.InferenceSession.create(copierModel(dtype), {
    ...settings,
    preferredOutputLocation: to,
  });
  copierSessions.push(session);
  const [given, result] = [session.inputNames[0]!, session.outputNames[0]!];
  return async (tensor) => (await session.run({ [given]: tensor }))[result]!;
}

async function load(): Promise<void> {
  runtime = createRequire(import.meta.url)('onnxruntime-node') as typeof runtime;
  // What goes wrong comes back as an error; lines of its own would be in the way of the progress that is shown.
  runtime.env.logLevel = 'fatal';
  const up = { float32: await copier('float32', 'gpu-buffer'), int32: await copier('int32', 'gpu-buffer') };
  copiers = { up, down: await copier('float32', 'cpu') };
}

const dispose = (tensors: Iterable<Tensor>) => {
  for (const tensor of tensors) if (tensor.location === 'gpu-buffer') tensor.dispose();
};

function tensorOf({ data, shape }: HostTensor<Float32Array | Int32Array>): Tensor {
  return new runtime.Tensor(dataTypeOf(data), data, shape);
}

/** Not every version of Node hands memory that threads share to ONNX Runtime. */
const unshared = <Data extends Float32Array | Int32Array>({ shape, data }: HostTensor<Data>): HostTensor<Data> => ({
  shape,
  data: data.buffer instanceof SharedArrayBuffer ? (data.slice() as Data) : data,
});

/** Copies tensors to the GPU, one after the other, 16-bit floats as float32. */
async function toDevice(tensors: FixedTensors, prefix: string): Promise<Tensors> {
  const there: Tensors = {};
  try {
    for (const [name, tensor] of tensors) {
      const host = isHalf(tensor) ? widened(tensor) : tensor;
      there[prefix + name] = await copiers.up[dataTypeOf(host.data)](tensorOf(unshared(host)));
    }
    return there;
  } catch (error) {
    dispose(Object.values(there));
    throw error;
  }
}

async function toHost(tensor: Tensor): Promise<HostTensor> {
  const { dims, data } = await copiers.down(tensor);
  return { shape: dims, data: data as Float32Array };
}

async function read({ names: all, carried }: LoopState, names = all): Promise<HostTensors> {
  const tensors = new Map<string, HostTensor>();
  for (const name of names) tensors.set(name, await toHost(carried[roles.carried + name]!));
  return tensors;
}

async function compile(session: number, model: Uint8Array, carried: readonly string[]): Promise<void> {
  const preferredOutputLocation = Object.fromEntries(carried.map((name) => [name, 'gpu-buffer' as const]));
  const options = carried.length > 0 ? { ...settings, preferredOutputLocation } : settings;
  sessions.set(session, await runtime.InferenceSession.create(model, options));
}

async function forget(session: number): Promise<void> {
  await sessions.get(session)?.release();
  sessions.delete(session);
}

const inputsOf = (inputs: MixedTensors): Tensors =>
  Object.fromEntries([...inputs].map(([name, tensor]) => [roles.inputs + name, tensorOf(tensor)]));

const asFloats = ({ dims, data }: Tensor): HostTensor => ({
  shape: dims,
  data: data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>),
});

/** One step: what it carries on takes the place of what it was given, whose memory is given back. */
async function step(state: LoopState, session: InferenceSession, inputs: MixedTensors): Promise<HostTensors> {
  const offered: Tensors = { ...state.fixed, ...state.carried, ...inputsOf(inputs) };
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, offered[name]!]));
  const results = new Map<string, HostTensor>();
  for (const [name, tensor] of Object.entries(await session.run(feeds))) {
    const replaced = replacedBy(name);
    if (replaced === undefined) {
      results.set(name.slice(roles.results.length), asFloats(tensor));
    } else {
      dispose([state.carried[replaced]!]);
      state.carried[replaced] = tensor;
    }
  }
  return results;
}

function known<Thing>(things: ReadonlyMap<number, Thing>, number: number): Thing {
  const thing = things.get(number);
  if (thing === undefined) throw new RunError(`number ${number} was closed before`, { where: 'engine onnx-webgpu' });
  return thing;
}

function forgetLoop(loop: number): void {
  const state = loops.get(loop);
  if (!loops.delete(loop) || !state) return;
  dispose(Object.values({ ...state.fixed, ...state.carried }));
}

/** Gives all of the GPU's memory back: a process that ends before crashes. */
async function close(): Promise<void> {
  for (const loop of [...loops.keys()]) forgetLoop(loop);
  for (const session of [...sessions.values(), ...copierSessions]) await session.release();
  sessions.clear();
  copierSessions.length = 0;
}

const nothing: HostTensors = new Map();

async function perform(task: Task): Promise<HostTensors> {
  switch (task.do) {
    case 'load':
      await load();
      return nothing;
    case 'compile':
      await compile(task.session, task.model, task.carried);
      return nothing;
    case 'forget':
      await forget(task.session);
      return nothing;
    case 'begin': {
      const fixed = await toDevice(task.fixed, roles.fixed);
      try {
        const carried = await toDevice(task.carried, roles.carried);
        loops.set(task.loop, { fixed, names: [...task.carried.keys()], carried });
      } catch (error) {
        dispose(Object.values(fixed));
        throw error;
      }
      return nothing;
    }
    case 'step':
      return step(known(loops, task.loop), known(sessions, task.session), task.inputs);
    case 'finishStep':
      throw new RunError('no step waits for inputs', { where: 'engine onnx-webgpu' });
    case 'read':
      return read(known(loops, task.loop), task.names);
    case 'finish': {
      const last = await read(known(loops, task.loop));
      forgetLoop(task.loop);
      return last;
    }
    case 'end':
      forgetLoop(task.loop);
      return nothing;
    case 'close':
      try {
        await close();
      } finally {
        Atomics.store(task.done, 0, 1);
        Atomics.notify(task.done, 0);
      }
      return nothing;
  }
}

serve(perform);
