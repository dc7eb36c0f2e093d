/** The thread that computes: ONNX Runtime blocks the one it is called in. Answers one request after another. */
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { messageOf, RunError } from '../../core/errors.ts';
import { elementCount, type HostTensors, type MixedTensors } from '../../tensors/tensor.ts';
import { dataTypeOf } from '../transfer.ts';
import { blockSize } from './block-size.ts';
import { computeInto } from './compute.ts';
import { arrays, type TensorSpec } from './graph.ts';
import { blockName, replacedBy, roles } from './roles.ts';

/** What the thread is asked to do. Sessions and loops are known by numbers that the asker chooses. */
export type Task =
  | { readonly do: 'load' }
  | { readonly do: 'compile'; readonly session: number; readonly model: Uint8Array; readonly threads: number }
  | { readonly do: 'forget'; readonly session: number }
  | { readonly do: 'begin'; readonly loop: number; readonly fixed: MixedTensors; readonly carried: HostTensors }
  | {
      readonly do: 'step';
      readonly loop: number;
      readonly session: number;
      readonly inputs: MixedTensors;
      readonly outputs: Readonly<Record<string, TensorSpec>>;
      /** Outputs that are written over what they replace. */
      readonly overwriting: readonly string[];
    }
  | { readonly do: 'read'; readonly loop: number }
  /** As `read`, but given away. */
  | { readonly do: 'finish'; readonly loop: number }
  | { readonly do: 'end'; readonly loop: number };

export interface Request {
  readonly id: number;
  readonly task: Task;
}

export type Reply = { readonly id: number } & ({ readonly tensors: HostTensors } | { readonly error: string });

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

function tensorsOf(tensors: MixedTensors, prefix: string): Tensors {
  return Object.fromEntries(
    [...tensors].map(([name, { shape, data }]) => [prefix + name, new runtime.Tensor(dataTypeOf(data), data, shape)]),
  );
}

const inPlace = ({ dims, data }: Tensor) => ({ shape: dims, data: data as Float32Array });
const copied = ({ dims, data }: Tensor) => ({ shape: dims, data: Float32Array.from(data as ArrayLike<number>) });
const asFloats = (tensor: Tensor) => (tensor.type === 'float32' ? inPlace(tensor) : copied(tensor));

async function compile(session: number, model: Uint8Array, threads: number): Promise<void> {
  const options: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // It would take a block for whole steps beside what the first step was given piece by piece.
    enableMemPattern: false,
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
  new runtime.Tensor(dtype, new arrays[dtype](elementCount(shape)) as never, shape);

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

const nothing: HostTensors = new Map();

async function perform(task: Task): Promise<HostTensors> {
  switch (task.do) {
    case 'load':
      runtime = createRequire(import.meta.url)('onnxruntime-node');
      return new Map([[blockName, { shape: [], data: Float32Array.of(await blockSize(runtime)) }]]);
    case 'compile':
      await compile(task.session, task.model, task.threads);
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
      loops.delete(task.loop);
      return new Map(names.map((name) => [name, inPlace(carried[roles.carried + name]!)]));
    }
    case 'end':
      loops.delete(task.loop);
      return nothing;
  }
}

const port = parentPort!;
const reply = (message: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

async function answer({ id, task }: Request): Promise<void> {
  try {
    const tensors = await perform(task);
    reply(
      { id, tensors },
      [...tensors.values()].map(({ data }) => data.buffer as ArrayBuffer),
    );
  } catch (error) {
    reply({ id, error: messageOf(error) });
  }
}

let turn = Promise.resolve();
port.on('message', (request: Request) => {
  turn = turn.then(() => answer(request));
});
