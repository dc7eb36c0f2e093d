import { createHash } from 'node:crypto';
import { UserError } from '../../core/errors.ts';
import { type FixedTensors, formatShape, isHalf, sameShape } from '../../tensors/tensor.ts';
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

/** A step in the thread, ready to be run. */
export interface CompiledStep {
  readonly session: number;
  readonly outputs: TracedStep['outputs'];
  /** Outputs that are written over what they replace. */
  readonly overwriting: readonly string[];
  /** The inputs of the graph; its updates may take more. */
  readonly computedFrom: TracedStep['inputs'];
}

/** Names in a graph, with what stands for them. */
export type NamedSpecs = readonly [string, TensorSpec][];

export const specsOf = (tensors: FixedTensors, prefix: string): NamedSpecs =>
  [...tensors].map(([name, tensor]): [string, TensorSpec] => [
    prefix + name,
    { shape: tensor.shape, dtype: isHalf(tensor) ? tensor.dtype : dataTypeOf(tensor.data) },
  ]);

/** 16-bit floats as a GPU is given them. */
const widenedSpec = ({ shape, dtype }: TensorSpec): TensorSpec => ({
  shape,
  dtype: dtype === 'float16' || dtype === 'bfloat16' ? 'float32' : dtype,
});

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
  { block, mostUpdateBytes, device }: Target,
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
  return trace(tf, flat, specs, { block, mostUpdateBytes, device, inputOf: replacedBy });
}

/** A step that is kept, and what it runs in. */
interface KeptStep extends Omit<CompiledStep, 'session'> {
  readonly graph: KeptGraph;
}

/** A graph, and how many of the kept steps were written down as it. */
interface KeptGraph {
  readonly traced: Pick<TracedStep, 'model' | 'updates'> & { readonly carried: readonly string[] };
  /** Whether its session keeps memory for its next run. */
  readonly keepsMemory: boolean;
  /** The session that it was compiled to; undefined where compiling was given up. */
  session: Promise<number> | undefined;
  steps: number;
}

/** Steps of a loop. */
export interface LoopSteps {
  /** A step compiled for these tensors. */
  compiled(step: Step, specs: NamedSpecs): Promise<CompiledStep>;
  /**
   * At the loop's end.
   * @param givesUp whether what its steps were compiled to is given up, where no other loop uses it, and with that the memory that ONNX Runtime keeps for it
   */
  release(givesUp: boolean): Promise<void>;
}

/** Makes what is under a key the latest of a map. */
function touch<Value>(kept: Map<string, Value>, key: string, value: Value): void {
  kept.delete(key);
  kept.set(key, value);
}

/** The settings that steps are compiled for, besides their shapes. */
export interface Target {
  readonly threads: number;
  /** Channels in a block of the kernels for convolutions; 1 where there are none. */
  readonly block: number;
  /** Bytes of the largest update that is computed behind the graph; absent: none can be. */
  readonly mostUpdateBytes?: number;
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
  /** By the digest of a graph as it is written down, with its updates, which holds all of it. */
  const graphs = new Map<string, KeptGraph>();
  let steps = 0;
  let sessions = 0;

  const numberOf = (step: Step): number => {
    const number = numbers.get(step) ?? ++steps;
    numbers.set(step, number);
    return number;
  };
  const create = async ({ traced, keepsMemory }: KeptGraph): Promise<number> => {
    const session = ++sessions;
    const { threads } = target;
    await thread.ask({ do: 'compile', session, ...traced, target: { threads, keepsMemory } });
    return session;
  };
  const compile = (step: Step, specs: NamedSpecs): KeptStep => {
    const start = performance.now();
    const taken = target.device ? specs.map(([name, spec]) => [name, widenedSpec(spec)] as const) : specs;
    const {
      model,
      updates,
      graph: whole,
      inputs: computedFrom,
      outputs,
    } = traceStep(tf, step, Object.fromEntries(taken), target);
    const digest = createHash('sha256').update(model).update(JSON.stringify(updates)).digest('hex');
    // Matrices that are widened for each product are large, and there is a session for each length of texts.
    const keepsMemory = !whole.inputs.some(({ dtype }) => dtype === 'float16' || dtype === 'bfloat16');
    const carried = whole.outputs.map(({ name }) => name).filter((name) => replacedBy(name) !== undefined);
    const graph = graphs.get(digest) ?? {
      traced: { model, updates, carried },
      keepsMemory,
      session: undefined,
      steps: 0,
    };
    graph.steps += 1;
    touch(graphs, digest, graph);
    const session = sessionOf(graph);
    session.catch(() => graphs.delete(digest));
    session.then(
      () => performance.measure(compileMeasure, { start }),
      () => {},
    );
    return { graph, computedFrom, outputs, overwriting: target.device ? [] : writtenOver(whole, replacedBy) };
  };
  const sessionOf = (graph: KeptGraph): Promise<number> => {
    graph.session ??= create(graph);
    return graph.session;
  };
  const giveUp = async (graph: KeptGraph): Promise<void> => {
    const { session } = graph;
    graph.session = undefined;
    if (session !== undefined) await thread.ask({ do: 'forget', session: await session });
  };
  const forgetOldest = async () => {
    if (compiled.size > mostSteps) {
      const [key, { graph }] = compiled.entries().next().value!;
      compiled.delete(key);
      graph.steps -= 1;
    }
    if (graphs.size <= mostSteps) return;
    for (const [digest, graph] of graphs) {
      if (graph.steps > 0) continue;
      graphs.delete(digest);
      await giveUp(graph);
      return;
    }
  };
  /** The number of loops that use a graph. */
  const users = new Map<KeptGraph, number>();

  return (): LoopSteps => {
    const used = new Set<KeptGraph>();
    return {
      async compiled(step, specs) {
        const key = `${numberOf(step)} ${JSON.stringify(specs)}`;
        const kept = compiled.get(key) ?? compile(step, specs);
        const { graph, computedFrom, outputs, overwriting } = kept;
        touch(compiled, key, kept);
        if (!used.has(graph)) users.set(graph, (users.get(graph) ?? 0) + 1);
        used.add(graph);
        const session = sessionOf(graph);
        session.catch(() => compiled.delete(key));
        await forgetOldest();
        return { session: await session, computedFrom, outputs, overwriting };
      },
      async release(givesUp) {
        const ended = [...used];
        used.clear();
        for (const graph of ended) {
          const others = users.get(graph)! - 1;
          if (others > 0) users.set(graph, others);
          else users.delete(graph);
          if (others === 0 && givesUp && graph.keepsMemory) await giveUp(graph);
        }
      },
    };
  };
}
