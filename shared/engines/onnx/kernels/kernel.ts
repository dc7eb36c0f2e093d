import { elementCount, sameShape } from '../../../tensors/tensor.ts';
import type { TensorLibrary } from '../../engine.ts';
import type { GraphBuilder, Value } from '../graph.ts';

/** What tfjs hands to a kernel: inputs by name (by position where they are a list) and attributes. */
export interface KernelCall<Attributes = Readonly<Record<string, unknown>>> {
  /** For its computations on shapes. */
  readonly tf: TensorLibrary;
  readonly graph: GraphBuilder;
  readonly inputs: Readonly<Record<string, Value>>;
  readonly attributes: Attributes;
}

/** Records a kernel as nodes and gives what the kernel would return. */
// biome-ignore lint/suspicious/noExplicitAny: each recorder knows the attributes of its own kernel
export type Recorder = (call: KernelCall<any>) => Value | Value[];

/** The recorders by tfjs's name of the kernel. */
export type Recorders = Readonly<Record<string, Recorder>>;

/** An axis counted from the front. */
export const fromFront = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Between tfjs's order of axes, channels last, and that of ONNX. */
export const channelsFirst = [0, 3, 1, 2];
export const channelsLast = [0, 2, 3, 1];
/** The permutation of a filter's axes from tfjs's `[height, width, in, out]` to `[out, in, height, width]`. */
export const outputsFirst = [3, 2, 0, 1];

/** Of images `[batch, height, width, channels]` and filters `[height, width, in, out]`. */
export type Shape4 = readonly [number, number, number, number];

export const permuted = (shape: readonly number[], perm: readonly number[]) => perm.map((axis) => shape[axis]!);

/** Every second and further element along axes, from `starts` on, before `ends`. */
export function sliceOf(
  graph: GraphBuilder,
  x: Value,
  shape: readonly number[],
  { axes, starts, ends, steps }: Readonly<Record<'axes' | 'starts' | 'ends' | 'steps', readonly number[]>>,
): Value {
  const bounds = [starts, ends, axes, steps].map((each) => graph.integers(each));
  return graph.node('Slice', [x, ...bounds], { shape, dtype: x.dtype });
}

/** Gives a value another shape; a value that was reshaped is reshaped from its first form. */
export function reshape(graph: GraphBuilder, value: Value, shape: readonly number[]): Value {
  const x = graph.reshaped(value) ?? value;
  if (sameShape(x.shape, shape)) return x;
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  return graph.node('Reshape', [x, graph.integers(shape)], { shape, dtype: x.dtype });
}

export function transpose(graph: GraphBuilder, x: Value, perm: readonly number[]): Value {
  const shape = permuted(x.shape, perm);
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  if (perm.every((axis, index) => axis === index)) return x;
  return graph.node('Transpose', [x], { shape, dtype: x.dtype }, { perm });
}

/**
 * The same, by a node that ONNX Runtime's optimisation doesn't look through. Without one it may move a transposition past what follows,
 * to where it costs more, or join it with another one.
 */
export function optimizationBarrier(graph: GraphBuilder, x: Value): Value {
  const width = x.shape.at(-1)!;
  const matrix = reshape(graph, x, [elementCount(x.shape.slice(0, -1)), width]);
  return reshape(graph, graph.node('Flatten', [matrix], matrix, { axis: 1 }), x.shape);
}

export const elementTypes = { float32: 1, int32: 6, int64: 7, bool: 9, float16: 10, bfloat16: 16 } as const;

export function cast(graph: GraphBuilder, x: Value, dtype: Value['dtype']): Value {
  if (x.dtype === dtype) return x;
  return graph.node('Cast', [x], { shape: x.shape, dtype }, { to: elementTypes[dtype] });
}

const isHalf = ({ dtype }: Value) => dtype === 'float16' || dtype === 'bfloat16';

/**
 * A 16-bit value as float32; others as they are.
 * @param beside what it is computed with: it is widened no sooner than that is there, anew beside each other one, so that it need not
 * stay in memory. Its shape then depends on a number that is 0 whatever `beside` holds, which ONNX Runtime can't know before.
 */
export function widened(graph: GraphBuilder, x: Value, beside?: Value): Value {
  if (!isHalf(x)) return x;
  const bits = beside && beside.uniform === undefined && !isHalf(beside) ? after(graph, x, beside) : x;
  const half = x.dtype === 'float16' ? bits : graph.node('BitCast', [bits], x, { to: elementTypes.bfloat16 });
  return graph.node('Cast', [half], { shape: x.shape, dtype: 'float32' }, { to: elementTypes.float32 });
}

/** `x`, without a copy, for what runs after `other`. */
export function after(graph: GraphBuilder, x: Value, other: Value): Value {
  const first = sliceOf(graph, reshape(graph, other, [elementCount(other.shape)]), [1], {
    axes: [0],
    starts: [0],
    ends: [1],
    steps: [1],
  });
  const zero = graph.node('Mul', [cast(graph, first, 'int64'), graph.integers([0])], { shape: [1], dtype: 'int64' });
  const shape = graph.node('Add', [graph.integers(x.shape), zero], { shape: [x.shape.length], dtype: 'int64' });
  return graph.node('Reshape', [x, shape], x);
}

export function expand(graph: GraphBuilder, x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  return graph.node('Expand', [x, graph.integers(shape)], { shape, dtype: x.dtype });
}

/**
 * Sums of rows `[count, size]` by number `[count]`, `[sums, size]`. By ScatterElements: ScatterND lets threads add to the same
 * place at once, and loses some.
 */
export function sumsByNumber(graph: GraphBuilder, rows: Value, numbers: Value, sums: number): Value {
  const [count, size] = rows.shape as [number, number];
  const places = expand(graph, reshape(graph, cast(graph, numbers, 'int64'), [count, 1]), [count, size]);
  const target = { shape: [sums, size], dtype: rows.dtype };
  const zeros = graph.uniform(0, target.shape, target.dtype);
  return graph.node('ScatterElements', [zeros, places, rows], target, { axis: 0, reduction: 'add' });
}
