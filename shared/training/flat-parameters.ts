import type { NamedTensors, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';
import type { Optimizer } from './optimizer.ts';
import type { Objective } from './problem.ts';

/** Up to so many elements, what a step has to do for a parameter besides computing costs more than computing. */
const fewElements = 4096;

/**
 * So many elements stand in a row, where larger parameters are put one behind the other: a row has one rate, so that a step is not given as many rates as
 * there are elements. Parameters that don't fill their rows stay by themselves.
 */
const rowSize = 128;

/**
 * An objective whose parameters stand one behind the other in vectors, each of which is updated as one. Biases and norms are most of a
 * model's parameters by number, and hardly any by size.
 */
export interface FlatParameters {
  readonly objective: Objective;
  /** Tensors of the parameters' shapes, by name, and the state. In the order of the objective's, whatever order they come in. */
  flatten(tensors: HostTensors): HostTensors;
  /** Undoes `flatten`. */
  restore(tensors: HostTensors): HostTensors;
  /** Reads single parameters, by name, of what `flatten` has made of them. @param of reads a tensor of that */
  reader(of: (name: string) => Promise<HostTensor>): (name: string) => Promise<HostTensor>;
  flattenState(state: HostTensors): HostTensors;
  restoreState(state: HostTensors): HostTensors;
  /** A number for each parameter, by name: as a scalar, and for a vector as one value for each of its elements, or rows. */
  spread(numbers: ReadonlyMap<string, number>): HostTensors;
}

const latest = new WeakMap<Objective, { optimizer: Optimizer; mostTogether: number; flat: FlatParameters }>();

/**
 * Parameters side by side where the optimizer updates each element on its own, which makes no difference to their values. The
 * same object for the same arguments.
 * @param mostTogether elements of the largest parameter that is worth it; absent: of small ones
 */
export function flatParameters(
  objective: Objective,
  optimizer: Optimizer,
  mostTogether: number = fewElements,
): FlatParameters {
  const before = latest.get(objective);
  if (before?.optimizer === optimizer && before.mostTogether === mostTogether) return before.flat;
  const flat = makeFlat(objective, optimizer, optimizer.elementwise ? vectorsOf(objective, mostTogether) : []);
  latest.set(objective, { optimizer, mostTogether, flat });
  return flat;
}

/** Parameters one behind the other. */
interface Vector {
  readonly spec: ParameterSpec;
  readonly parts: readonly ParameterSpec[];
  /** Elements that have one rate. */
  readonly width: number;
}

/** The vectors of an objective's parameters; each of several. The names are beside those of parameters. */
function vectorsOf({ parameters }: Objective, mostTogether: number): Vector[] {
  const of = (name: string, parts: readonly ParameterSpec[], width: number): Vector[] => {
    const total = parts.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const complex = parts.some((spec) => spec.complex);
    const shape = width === 1 ? [total] : complex ? [total / width, width / 2, 2] : [total / width, width];
    const spec = { name, shape, decay: parts.some(({ decay }) => decay), ...(complex ? { complex } : {}) };
    return parts.length > 1 ? [{ spec, parts, width }] : [];
  };
  const isFew = ({ shape, complex }: ParameterSpec) => !complex && elementCount(shape) <= fewElements;
  const larger = parameters.filter(
    (spec) => !isFew(spec) && elementCount(spec.shape) <= mostTogether && elementCount(spec.shape) % rowSize === 0,
  );
  return [
    of('(small)', parameters.filter(isFew), 1),
    ...(mostTogether > fewElements
      ? [
          of(
            '(rows)',
            larger.filter(({ complex }) => !complex),
            rowSize,
          ),
          of(
            '(complex)',
            larger.filter(({ complex }) => complex),
            rowSize,
          ),
        ]
      : []),
  ].flat();
}

function makeFlat(objective: Objective, optimizer: Optimizer, vectors: readonly Vector[]): FlatParameters {
  const isPart = new Set(vectors.flatMap(({ parts }) => parts.map(({ name }) => name)));
  const alone = objective.parameters.filter(({ name }) => !isPart.has(name));
  const parameters = [...alone, ...vectors.map(({ spec }) => spec)];
  const stateOf = (tensors: HostTensors): [string, HostTensor][] =>
    (objective.state ?? []).map(({ name }) => [name, tensors.get(name)!]);

  /** Of one kind: the parameters themselves, or a slot of the optimizer's state, which may have one element for the two of a complex number. */
  const flatten = (tensors: HostTensors, prefix = ''): [string, HostTensor][] => [
    ...alone.map(({ name }): [string, HostTensor] => [prefix + name, tensors.get(prefix + name)!]),
    ...vectors.map(({ spec, parts }): [string, HostTensor] => {
      const given = parts.map(({ name }) => tensors.get(prefix + name)!.data);
      const data = new Float32Array(given.reduce((sum, { length }) => sum + length, 0));
      let start = 0;
      for (const part of given) {
        data.set(part, start);
        start += part.length;
      }
      return [prefix + spec.name, { shape: inShapeOf(spec, data.length), data }];
    }),
  ];
  const restore = (tensors: HostTensors, prefix = ''): [string, HostTensor][] => {
    const restored = new Map<string, HostTensor>();
    for (const { spec, parts } of vectors) {
      const { data } = tensors.get(prefix + spec.name)!;
      const share = data.length / elementCount(spec.shape);
      let start = 0;
      for (const part of parts) {
        const count = elementCount(part.shape) * share;
        restored.set(part.name, { shape: inShapeOf(part, count), data: data.slice(start, start + count) });
        start += count;
      }
    }
    return objective.parameters.map(({ name }) => [prefix + name, restored.get(name) ?? tensors.get(prefix + name)!]);
  };
  /** The place of each parameter in the vectors, by name. */
  const places = new Map(
    vectors.flatMap(({ spec, parts }) => {
      let end = 0;
      return parts.map((part) => {
        const start = end;
        end += elementCount(part.shape);
        return [part.name, { vector: spec.name, part, start }] as const;
      });
    }),
  );
  const [first] = vectors;
  const slots = first
    ? [...optimizer.init([first.spec]).keys()].map((key) => key.slice(0, -first.spec.name.length))
    : [];
  const perSlot = (change: typeof flatten, state: HostTensors) =>
    vectors.length === 0 ? state : new Map(slots.flatMap((slot) => change(state, slot)));

  const apart = (tf: TensorLibrary, tensors: NamedTensors): NamedTensors => {
    const all = { ...tensors };
    for (const { spec, parts } of vectors) {
      const { [spec.name]: joined } = tensors;
      const line = spec.shape.length === 1 ? joined! : tf.reshape(joined!, [-1]);
      const pieces = tf.split(
        line,
        parts.map(({ shape }) => elementCount(shape)),
      );
      for (const [index, { name, shape }] of parts.entries()) all[name] = tf.reshape(pieces[index]!, [...shape]);
      delete all[spec.name];
    }
    return all;
  };

  return {
    objective:
      vectors.length === 0
        ? objective
        : {
            parameters,
            state: objective.state,
            loss: (tf, tensors, given, state) => objective.loss(tf, apart(tf, tensors), given, state),
          },
    flatten: (tensors) => new Map([...flatten(tensors), ...stateOf(tensors)]),
    restore: (tensors) => new Map([...restore(tensors), ...stateOf(tensors)]),
    reader: (of) => {
      const read = new Map<string, Promise<HostTensor>>();
      return async (name) => {
        const place = places.get(name);
        if (!place) return of(name);
        const { vector, part, start } = place;
        if (!read.has(vector)) read.set(vector, of(vector));
        const { data } = await read.get(vector)!;
        return { shape: part.shape, data: data.slice(start, start + elementCount(part.shape)) };
      };
    },
    flattenState: (state) => perSlot(flatten, state),
    restoreState: (state) => perSlot(restore, state),
    spread: (numbers) =>
      new Map([
        ...alone.map(({ name }): [string, HostTensor] => [
          name,
          { shape: [], data: Float32Array.of(numbers.get(name)!) },
        ]),
        ...vectors.map(({ spec, parts, width }): [string, HostTensor] => {
          const [rows] = spec.shape as [number];
          const data = new Float32Array(rows);
          let start = 0;
          for (const { name, shape } of parts) {
            const end = start + elementCount(shape) / width;
            data.fill(numbers.get(name)!, start, end);
            start = end;
          }
          return [spec.name, { shape: [rows, ...spec.shape.slice(1).map(() => 1)], data }];
        }),
      ]),
  };
}

/** The shape of what has so many elements for a parameter: its own, or with one in the place of the two of a complex number. */
const inShapeOf = ({ shape }: ParameterSpec, elements: number): readonly number[] =>
  elements === elementCount(shape) ? shape : [...shape.slice(0, -1), 1];
