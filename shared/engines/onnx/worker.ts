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
import type { Update } from './fused-updates.ts';
import { arrays, type TensorSpec } from './graph.ts';
import { blockName, replacedBy, roles, sharingName, updatingName } from './roles.ts';
import { serve } from './serve.ts';
import { takesSharedMemory } from './shared-memory.ts';
import type { Task } from './task.ts';
import { largestMemory } from './update-kernel.ts';
import { type PlacedUpdate, type Places, placedUpdates, placesGivenWith, remember } from './update-memory.ts';
import { type UpdateComputer, updateComputer } from './update-threads.ts';

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
  readonly places: Places;
  /** The updates of each session. */
  readonly placed: Map<number, SessionUpdates>;
  /** Finishes the last step, where it waits for late inputs. */
  finish?: ((late: Tensors) => void) | undefined;
}

/** The updates of a session in a loop's memory. */
interface SessionUpdates {
  readonly all: readonly PlacedUpdate[];
  readonly computer: UpdateComputer;
  /** What the graph gives for them beside their places: rows of tables. Memory that is taken anew in each step costs more than to write it. */
  readonly given: Tensors;
}

interface Session {
  readonly model: InferenceSession;
  readonly updates: readonly Update[];
  readonly threads: number;
}

let runtime: typeof import('onnxruntime-node');
const sessions = new Map<number, Session>();
const loops = new Map<number, LoopState>();

/** The rest of a step that is not done yet. */
let unfinished: (() => void) | undefined;

/** A brain float is given by its bits. */
const halfTypes = { float16: 'float16', bfloat16: 'uint16' } as const;

function tensorOf(tensor: HostTensor<Float32Array | Int32Array> | HalfTensor): Tensor {
  if (isHalf(tensor)) return new runtime.Tensor(halfTypes[tensor.dtype], tensor.data, tensor.shape);
  return new runtime.Tensor(dataTypeOf(tensor.data), tensor.data, tensor.shape);
}

const tensorsOf = (tensors: FixedTensors, prefix: string): Tensors =>
  Object.fromEntries([...tensors].map(([name, tensor]) => [prefix + name, tensorOf(tensor)]));

const inPlace = ({ dims, data }: Tensor) => ({ shape: dims, data: data as Float32Array });
const isShared = ({ data }: Tensor) => (data as Float32Array).buffer instanceof SharedArrayBuffer;
const copied = ({ dims, data }: Tensor) => ({
  shape: dims,
  data: data instanceof Float32Array ? data.slice() : Float32Array.from(data as ArrayLike<number>),
});
const asFloats = (tensor: Tensor) => (tensor.type === 'float32' ? inPlace(tensor) : copied(tensor));

async function compile({ session, model, updates, target: { threads, keepsMemory } }: Task & { do: 'compile' }) {
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
  sessions.set(session, { model: await runtime.InferenceSession.create(model, options), updates, threads });
}

async function forget(session: number): Promise<void> {
  await sessions.get(session)?.model.release();
  sessions.delete(session);
}

const emptyOf = ({ shape, dtype }: TensorSpec) =>
  new runtime.Tensor(dtype as 'float32', new arrays[dtype](elementCount(shape)) as never, shape);

function updatesIn(state: LoopState, session: number): SessionUpdates {
  const ready = state.placed.get(session);
  if (ready) return ready;
  const { updates, threads } = known(sessions, session);
  const { placed, moved } = placedUpdates(updates, state.carried, state.places);
  if (moved) forgetUpdates(state);
  const calls = placed.map(({ call }) => call);
  const found = { all: placed, computer: updateComputer(calls, threads), given: {} };
  state.placed.set(session, found);
  return found;
}

function forgetUpdates({ placed }: LoopState): void {
  for (const { computer } of placed.values()) computer.forget();
  placed.clear();
}

async function step(state: LoopState, { inputs, ...task }: Task & { do: 'step' }) {
  state.finish = undefined;
  const { model } = known(sessions, task.session);
  const { all: updates, computer, given } = updatesIn(state, task.session);
  const offered: Tensors = { ...state.fixed, ...state.carried, ...tensorsOf(inputs, roles.inputs) };
  const feeds = Object.fromEntries(model.inputNames.map((name) => [name, offered[name]!]));
  const overwriting = new Set(task.overwriting);
  const places = new Map(updates.flatMap((each) => [...each.places]));
  const outputs: Tensors = {};
  const results: Tensors = {};
  const takingTurns: string[] = [];
  for (const [name, spec] of Object.entries(task.outputs)) {
    const replaced = replacedBy(name);
    const place = places.get(name);
    if (place) outputs[name] = new runtime.Tensor('float32', place.data, spec.shape);
    else if (name.startsWith(roles.results)) {
      outputs[name] = emptyOf(spec);
      results[name.slice(roles.results.length)] = outputs[name];
    } else if (replaced === undefined) {
      given[name] ??= emptyOf(spec);
      outputs[name] = given[name];
    } else if (overwriting.has(name)) {
      outputs[name] = state.carried[replaced]!;
    } else {
      state.spare[replaced] ??= emptyOf(spec);
      outputs[name] = state.spare[replaced];
      takingTurns.push(replaced);
    }
  }
  await computeInto(model, feeds, outputs);
  const all: Tensors = { ...offered, ...outputs };
  const finish = (late: Tensors) => {
    const scalars = updates.map((update) => update.prepare({ ...all, ...late }));
    // The asker need not wait for it: what the step is to tell is there.
    unfinished = () => {
      computer.compute(scalars);
      for (const name of takingTurns) {
        // What updates read or write stays in its place.
        if (state.places.has(name))
          (state.carried[name]!.data as Float32Array).set(state.spare[name]!.data as Float32Array);
        else [state.carried[name], state.spare[name]] = [state.spare[name]!, state.carried[name]!];
      }
    };
  };
  if (task.isFinishedLater) state.finish = finish;
  else finish({});
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
  forgetUpdates(state);
  const sizes = Object.values({ ...state.fixed, ...state.spare }).map(({ data }) => (data as Float32Array).byteLength);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  // After the answer, so that nothing refers to what the loop had.
  setImmediate(() => collectGarbage(bytes));
}

const nothing: HostTensors = new Map();

async function perform(task: Task): Promise<HostTensors> {
  switch (task.do) {
    case 'load': {
      runtime = createRequire(import.meta.url)('onnxruntime-node');
      const sharesMemory = await takesSharedMemory(runtime);
      return new Map([
        [blockName, { shape: [], data: Float32Array.of(await blockSize(runtime)) }],
        [sharingName, { shape: [], data: Float32Array.of(sharesMemory ? 1 : 0) }],
        [updatingName, { shape: [], data: Float32Array.of(sharesMemory ? largestMemory() : 0) }],
      ]);
    }
    case 'compile':
      await compile(task);
      return nothing;
    case 'forget':
      await forget(task.session);
      return nothing;
    case 'begin': {
      const [fixed, carried] = [tensorsOf(task.fixed, roles.fixed), tensorsOf(task.carried, roles.carried)];
      remember(task.memories);
      const [names, places] = [[...task.carried.keys()], placesGivenWith(carried)];
      loops.set(task.loop, { fixed, names, carried, spare: {}, places, placed: new Map() });
      return nothing;
    }
    case 'step':
      return step(known(loops, task.loop), task);
    case 'finishStep': {
      const state = known(loops, task.loop);
      state.finish?.(tensorsOf(task.inputs, roles.inputs));
      state.finish = undefined;
      return nothing;
    }
    case 'read': {
      const { names: all, carried } = known(loops, task.loop);
      const { names = all, untilNextStep } = task;
      const given = (tensor: Tensor) => (untilNextStep && isShared(tensor) ? inPlace(tensor) : copied(tensor));
      return new Map(names.map((name) => [name, given(carried[roles.carried + name]!)]));
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

serve(perform, () => {
  const rest = unfinished;
  unfinished = undefined;
  rest?.();
});
