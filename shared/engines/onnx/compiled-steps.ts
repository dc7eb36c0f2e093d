import { UserError } from '../../core/errors.ts';
import { formatShape, type HostTensors, type MixedTensors, sameShape } from '../../tensors/tensor.ts';
import type { NamedTensors, Step, Tensor, TensorLibrary } from '../engine.ts';
import { dataTypeOf } from '../transfer.ts';
import type { TensorSpec } from './graph.ts';
import { overwriting } from './overwriting.ts';
import { replacedBy, roles } from './roles.ts';
import type { ComputeThread } from './thread.ts';
import { type TracedStep, trace } from './trace.ts';

/** Training and evaluation, each with a full and a last batch, and as many again. */
const mostSessions = 8;

/** The entry of the performance timeline for each step that was compiled: traced, written down, and optimised by ONNX Runtime. */
export const compileMeasure = 'tempbalance compile';

/** What a step is compiled for. */
export interface LoopShapes {
  readonly fixed: MixedTensors;
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

const specsOf = (tensors: MixedTensors, prefix: string) =>
  [...tensors].map(([name, { shape, data }]): [string, TensorSpec] => [
    prefix + name,
    { shape, dtype: dataTypeOf(data) },
  ]);

/** @throws UserError when a step would leave something else than it was given. */
function checkCarried(name: string, { shape, dtype }: Tensor, given: TensorSpec | undefined): void {
  if (given && sameShape(shape, given.shape) && dtype === given.dtype) return;
  throw new UserError(
    `the step carries on ${name} of shape ${formatShape(shape)} and type ${dtype}, ${given ? `but was given ${formatShape(given.shape)} and ${given.dtype}` : 'but was given none'}`,
    { where: 'engine onnx', remedy: 'What a step carries keeps its name, shape and type.' },
  );
}

function traceStep(tf: TensorLibrary, step: Step, specs: Readonly<Record<string, TensorSpec>>): TracedStep {
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
  return trace(tf, flat, specs);
}

/** Compiles steps, each once for the same shapes, and keeps the latest used: the others' memory is freed. */
export function compiledSteps(tf: TensorLibrary, thread: ComputeThread, threads: number) {
  const numbers = new WeakMap<Step, number>();
  const compiled = new Map<string, Promise<CompiledStep>>();
  let steps = 0;
  let sessions = 0;

  const numberOf = (step: Step): number => {
    const number = numbers.get(step) ?? ++steps;
    numbers.set(step, number);
    return number;
  };
  const compile = async (step: Step, specs: readonly [string, TensorSpec][]): Promise<CompiledStep> => {
    const start = performance.now();
    const { graph, model, outputs } = traceStep(tf, step, Object.fromEntries(specs));
    const session = ++sessions;
    await thread.ask({ do: 'compile', session, model, threads });
    performance.measure(compileMeasure, { start });
    return { session, outputs, overwriting: overwriting(graph, replacedBy) };
  };
  const forgetOldest = async () => {
    const [oldest, step] = compiled.entries().next().value!;
    compiled.delete(oldest);
    const { session } = await step;
    await thread.ask({ do: 'forget', session });
  };

  return async (step: Step, { fixed, carried, inputs }: LoopShapes): Promise<CompiledStep> => {
    const specs = [
      ...specsOf(fixed, roles.fixed),
      ...specsOf(carried, roles.carried),
      ...specsOf(inputs, roles.inputs),
    ];
    const key = `${numberOf(step)} ${JSON.stringify(specs)}`;
    const ready = compiled.get(key) ?? compile(step, specs);
    compiled.delete(key);
    compiled.set(key, ready);
    ready.catch(() => compiled.delete(key));
    if (compiled.size > mostSessions) await forgetOldest();
    return ready;
  };
}
