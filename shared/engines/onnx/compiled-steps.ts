import { createHash } from 'node:crypto';
import { UserError } from '../../core/errors.ts';
import {
  type FixedTensors,
  formatShape,
  type HostTensors,
  isHalf,
  type MixedTensors,
  sameShape,
} from '../../tensors/tensor.ts';
import type { NamedTensors, Step, Tensor, TensorLibrary } from '../engine.ts';
import { dataTypeOf } from '../transfer.ts';
import type { TensorSpec } from './graph.ts';
import { writtenOver } from './late-updates.ts';
import { replacedBy, roles } from './roles.ts';
import type { ComputeThread } from './thread.ts';
import { type TracedStep, trace } from './trace.ts';
import type { Device } from './webgpu/for-device.ts';

/** Training and evaluation, each with a full and a last batch, and as many again; as many graphs are kept. */
const mostSteps = 8;

/** The entry of the performance timeline for each step that was compiled: traced, written down, and optimised by ONNX Runtime. */
export const compileMeasure = 'tempbalance compile';

/** What a step is compiled for. */
export interface LoopShapes {
  readonly fixed: FixedTensors;
  readonly carried: HostTensors;
  readonly inputs: MixedTensors;
}

/** A step in the thread, ready to be run. */
interface CompiledStep {
  readonly session: number;
  readonly outputs: TracedStep['outputs'];
  /** Outputs that are written over what they replace. */
  readonly overwriting: readonly string[];
}

/** @param widens whether 16-bit floats are made float32 before they are put to work */
const specsOf = (tensors: FixedTensors, prefix: string, widens = false) =>
  [...tensors].map(([name, tensor]): [string, TensorSpec] => [
    prefix + name,
    { shape: tensor.shape, dtype: !isHalf(tensor) ? dataTypeOf(tensor.data) : widens ? 'float32' : tensor.dtype },
  ]);

/** @throws UserError when a step would leave something else than it was given. */
function checkCarried(name: string, { shape, dtype }: Tensor, given: TensorSpec | undefined): void {
  if (given && sameShape(shape, given.shape) && dtype === given.dtype) return;
  throw new UserError(
    `the step carries on ${name} of shape ${formatShape(shape)} and type ${dtype}, ${given ? `but was given ${formatShape(given.shape)} and ${given.dtype}` : 'but was given none'}`,
    { where: 'engine onnx', remedy: 'What a step carries keeps its name, shape and type.' },
  );
}

function traceStep(
  tf: TensorLibrary,
  step: Step,
  specs: Readonly<Record<string, TensorSpec>>,
  { block, device }: Target,
): TracedStep {
  const under = (tensors: NamedTensors, prefix: string): NamedTensors =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  const over = (tensors: NamedTensors, prefix: string) =>
    Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor] as const);
  const flat = (given: NamedTensors): NamedTensors => {
    const { carried, results } = step(tf, {
      fixed: under(given, roles.fixed),
      carried: under(given, roles.carried),
      inputs: under(given, roles.inputs),
    });
    for (const [name, tensor] of Object.entries(carried ?? {})) checkCarried(name, tensor, specs[roles.carried + name]);
    return Object.fromEntries([...over(carried ?? {}, roles.next), ...over(results, roles.results)]);
  };
  return trace(tf, flat, specs, { block, device, inputOf: replacedBy });
}

/** A step that is kept, and what it runs in. */
interface KeptStep {
  readonly ready: Promise<CompiledStep>;
  readonly graph: KeptGraph;
}

/** A graph that is compiled, and how many of the kept steps were written down as it. */
interface KeptGraph {
  readonly session: Promise<number>;
  steps: number;
}

/** Makes what is under a key the latest of a map. */
function touch<Value>(kept: Map<string, Value>, key: string, value: Value): void {
  kept.delete(key);
  kept.set(key, value);
}

/** What steps are compiled for, besides their shapes. */
export interface Target {
  readonly threads: number;
  /** Channels in a block of the kernels for convolutions; 1 where there are none. */
  readonly block: number;
  /** What the GPU can do that computes; absent: the processor computes. */
  readonly device?: Device | undefined;
}

/**
 * Compiles steps, each once for the same shapes, and keeps the latest used: the others' memory is freed. Steps that are written
 * down as the same graph, as those of runs with other seeds or rates are, share what it was compiled to.
 */
export function compiledSteps(tf: TensorLibrary, thread: Pick<ComputeThread, 'ask'>, target: Target) {
  const numbers = new WeakMap<Step, number>();
  const compiled = new Map<string, KeptStep>();
  /** By the digest of a graph as it is written down, which holds all of it. */
  const graphs = new Map<string, KeptGraph>();
  let steps = 0;
  let sessions = 0;

  const numberOf = (step: Step): number => {
    const number = numbers.get(step) ?? ++steps;
    numbers.set(step, number);
    return number;
  };
  const create = async ({ model, graph }: TracedStep): Promise<number> => {
    const session = ++sessions;
    // Matrices that are widened for each product are large, and there is a session for each length of texts.
    const keepsMemory = !graph.inputs.some(({ dtype }) => dtype === 'float16' || dtype === 'bfloat16');
    const carried = graph.outputs.map(({ name }) => name).filter((name) => replacedBy(name) !== undefined);
    await thread.ask({ do: 'compile', session, model, target: { threads: target.threads, keepsMemory }, carried });
    return session;
  };
  const compile = (step: Step, specs: readonly [string, TensorSpec][]): KeptStep => {
    const start = performance.now();
    const traced = traceStep(tf, step, Object.fromEntries(specs), target);
    const digest = createHash('sha256').update(traced.model).digest('hex');
    const graph = graphs.get(digest) ?? { session: create(traced), steps: 0 };
    graph.steps += 1;
    touch(graphs, digest, graph);
    graph.session.catch(() => graphs.delete(digest));
    const ready = graph.session.then((session) => {
      performance.measure(compileMeasure, { start });
      const overwriting = target.device ? [] : writtenOver(traced.graph, replacedBy);
      return { session, outputs: traced.outputs, overwriting };
    });
    return { ready, graph };
  };
  const forgetOldest = async () => {
    if (compiled.size > mostSteps) {
      const [key, { graph }] = compiled.entries().next().value!;
      compiled.delete(key);
      graph.steps -= 1;
    }
    if (graphs.size <= mostSteps) return;
    for (const [digest, { session, steps: uses }] of graphs) {
      if (uses > 0) continue;
      graphs.delete(digest);
      await thread.ask({ do: 'forget', session: await session });
      return;
    }
  };

  return async (step: Step, { fixed, carried, inputs }: LoopShapes): Promise<CompiledStep> => {
    const specs = [
      ...specsOf(fixed, roles.fixed, target.device !== undefined),
      ...specsOf(carried, roles.carried),
      ...specsOf(inputs, roles.inputs),
    ];
    const key = `${numberOf(step)} ${JSON.stringify(specs)}`;
    const kept = compiled.get(key) ?? compile(step, specs);
    touch(compiled, key, kept);
    kept.ready.catch(() => compiled.delete(key));
    await forgetOldest();
    return kept.ready;
  };
}
