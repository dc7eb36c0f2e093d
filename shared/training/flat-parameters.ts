import type { NamedTensors, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';
import type { Optimizer } from './optimizer.ts';
import type { Objective } from './problem.ts';

/** Up to so many elements, what a step has to do for a parameter besides computing costs more than computing. */
const mostElements = 4096;

/** Of the vector, beside the names of parameters. */
const flatName = '(small)';

/**
 * An objective whose small parameters stand one behind the other in a vector, and are updated as one: biases and norms are most of a
 * model's parameters by number, and hardly any by size.
 */
export interface FlatParameters {
  readonly objective: Objective;
  /** Tensors of the parameters' shapes, by name, and the state. In the order of the objective's, whatever order they come in. */
  flatten(tensors: HostTensors): HostTensors;
  /** What `flatten` was given. */
  restore(tensors: HostTensors): HostTensors;
  /** Reads single parameters, by name, of what `flatten` has made of them. @param of reads a tensor of that */
  reader(of: (name: string) => Promise<HostTensor>): (name: string) => Promise<HostTensor>;
  flattenState(state: HostTensors): HostTensors;
  restoreState(state: HostTensors): HostTensors;
  /** A number for each parameter, by name: as a scalar, and for the vector as one value for each of its elements. */
  spread(numbers: ReadonlyMap<string, number>): HostTensors;
}

const latest = new WeakMap<Objective, { optimizer: Optimizer; flat: FlatParameters }>();

/**
 * Small parameters side by side where the optimizer updates each element on its own, which makes no difference to their values. The
 * same object for the same arguments.
 */
export function flatParameters(objective: Objective, optimizer: Optimizer): FlatParameters {
  const before = latest.get(objective);
  if (before?.optimizer === optimizer) return before.flat;
  const small = optimizer.elementwise
    ? objective.parameters.filter(({ shape, complex }) => !complex && elementCount(shape) <= mostElements)
    : [];
  const flat = makeFlat(objective, optimizer, small.length > 1 ? small : []);
  latest.set(objective, { optimizer, flat });
  return flat;
}

function makeFlat(objective: Objective, optimizer: Optimizer, small: readonly ParameterSpec[]): FlatParameters {
  const sizes = small.map(({ shape }) => elementCount(shape));
  const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const isSmall = new Set(small.map(({ name }) => name));
  const large = objective.parameters.filter(({ name }) => !isSmall.has(name));
  const vector = { name: flatName, shape: [total], decay: small.some(({ decay }) => decay) };
  const parameters = small.length === 0 ? objective.parameters : [...large, vector];
  const stateOf = (tensors: HostTensors): [string, HostTensor][] =>
    (objective.state ?? []).map(({ name }) => [name, tensors.get(name)!]);

  const inOne = (fill: (part: Float32Array, spec: ParameterSpec) => void): HostTensor => {
    const data = new Float32Array(total);
    for (const [index, spec] of small.entries()) {
      fill(data.subarray(starts[index], starts[index]! + sizes[index]!), spec);
    }
    return { shape: [total], data };
  };
  const partOf = (data: Float32Array, index: number): HostTensor => ({
    shape: small[index]!.shape,
    data: data.slice(starts[index], starts[index]! + sizes[index]!),
  });
  /** Of one kind: the parameters themselves, or a slot of the optimizer's state. */
  const flatten = (tensors: HostTensors, prefix = ''): [string, HostTensor][] =>
    parameters.map(({ name }) => [
      prefix + name,
      name === flatName
        ? inOne((part, spec) => part.set(tensors.get(prefix + spec.name)!.data))
        : tensors.get(prefix + name)!,
    ]);
  const restore = (tensors: HostTensors, prefix = ''): [string, HostTensor][] => {
    const data = tensors.get(prefix + flatName)?.data;
    const parts = new Map(small.map(({ name }, index) => [name, partOf(data!, index)]));
    return objective.parameters.map(({ name }) => [prefix + name, parts.get(name) ?? tensors.get(prefix + name)!]);
  };
  const slots = [...optimizer.init([vector]).keys()].map((name) => name.slice(0, -flatName.length));
  const perSlot = (change: typeof flatten, state: HostTensors) =>
    small.length === 0 ? state : new Map(slots.flatMap((slot) => change(state, slot)));

  const apart = (tf: TensorLibrary, tensors: NamedTensors): NamedTensors => {
    const { [flatName]: joined, ...others } = tensors;
    const parts = tf.split(joined!, sizes);
    const named = small.map(({ name, shape }, index) => [name, tf.reshape(parts[index]!, [...shape])]);
    return { ...others, ...Object.fromEntries(named) };
  };

  return {
    objective:
      small.length === 0
        ? objective
        : {
            parameters,
            state: objective.state,
            loss: (tf, tensors, given, state) => objective.loss(tf, apart(tf, tensors), given, state),
          },
    flatten: (tensors) => new Map([...flatten(tensors), ...stateOf(tensors)]),
    restore: (tensors) => new Map([...restore(tensors), ...stateOf(tensors)]),
    reader: (of) => {
      let read: Promise<HostTensor> | undefined;
      return async (name) => {
        const index = small.findIndex((spec) => spec.name === name);
        if (index < 0) return of(name);
        read ??= of(flatName);
        return partOf((await read).data, index);
      };
    },
    flattenState: (state) => perSlot(flatten, state),
    restoreState: (state) => perSlot(restore, state),
    spread: (numbers) =>
      new Map(
        parameters.map(({ name }) => [
          name,
          name === flatName
            ? inOne((part, spec) => part.fill(numbers.get(spec.name)!))
            : { shape: [], data: Float32Array.of(numbers.get(name)!) },
        ]),
      ),
  };
}
