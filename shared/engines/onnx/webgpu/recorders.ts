/** Kernels as WebGPU has operators for them: without 64-bit integers, and with sums whose order is always the same. */
import { UserError } from '../../../core/errors.ts';
import { elementCount, sameShape } from '../../../tensors/tensor.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import {
  cast,
  channelsFirst,
  channelsLast,
  fromFront,
  permuted,
  type Recorder,
  type Recorders,
  reshape,
  type Shape4,
  sliceOf,
  transpose,
} from '../kernels/kernel.ts';
import { describePooling } from '../kernels/pooling.ts';
import { recorders } from '../kernels/table.ts';

const numbersUpTo = (graph: GraphBuilder, count: number): Value =>
  graph.constant(
    Array.from({ length: count }, (_, index) => index),
    [count],
    'int32',
  );

const scalar = (graph: GraphBuilder, value: number, dtype: Value['dtype']) =>
  graph.broadcast(graph.uniform(value, [], dtype));

/** Where along the last axis of a matrix the first of its largest values is, `[rows, 1]`, int32. */
function firstLargest(graph: GraphBuilder, matrix: Value): Value {
  const [rows, columns] = matrix.shape as [number, number];
  const one = [rows, 1];
  const axes = graph.integers([1]);
  const most = graph.node('ReduceMax', [matrix, axes], { shape: one, dtype: matrix.dtype }, { keepdims: 1 });
  const isMost = graph.node('Equal', [matrix, most], { shape: matrix.shape, dtype: 'bool' });
  const places = graph.broadcast(numbersUpTo(graph, columns));
  const own = { shape: matrix.shape, dtype: 'int32' } as const;
  const candidates = graph.node('Where', [isMost, places, scalar(graph, columns, 'int32')], own);
  return graph.node('ReduceMin', [candidates, axes], { shape: one, dtype: 'int32' }, { keepdims: 1 });
}

/** Where along an axis the largest value is, or of `-x`: the first of equals. */
const place =
  (sign: 1 | -1): Recorder =>
  ({ graph, inputs, attributes }) => {
    const x = inputs.x!;
    const axis = fromFront([attributes.axis].flat()[0], x.shape.length);
    const others = [...x.shape.keys()].filter((each) => each !== axis);
    const last = transpose(graph, x, [...others, axis]);
    const columns = x.shape[axis]!;
    const matrix = reshape(graph, last, [elementCount(x.shape) / columns, columns]);
    const signed = sign === 1 ? matrix : graph.node('Neg', [matrix], matrix);
    return reshape(graph, firstLargest(graph, signed), x.shape.toSpliced(axis, 1));
  };

/** Rows `[count, size]` summed up where their numbers are the same: to each row the sum, as a product, whose order does not vary. */
function sumsOfEqual(graph: GraphBuilder, rows: Value, numbers: Value): Value {
  const count = rows.shape[0]!;
  const [down, across] = [reshape(graph, numbers, [count, 1]), reshape(graph, numbers, [1, count])];
  const same = graph.node('Equal', [down, across], { shape: [count, count], dtype: 'bool' });
  return graph.node('MatMul', [cast(graph, same, 'float32'), rows], rows);
}

/**
 * Sums of rows `[count, size]` by number `[count]`, `[sums, size]`. Where there are more sums than rows, every row gets the sum of its equals first, so that it does not
 * matter which of them is written last; adding up where they are written would take them in any order.
 */
function sumsByNumber(graph: GraphBuilder, rows: Value, numbers: Value, sums: number): Value {
  const [count, size] = rows.shape as [number, number];
  const target = { shape: [sums, size], dtype: rows.dtype };
  if (sums <= count) {
    const all = reshape(graph, numbersUpTo(graph, sums), [sums, 1]);
    const own = reshape(graph, numbers, [1, count]);
    const isOwn = graph.node('Equal', [all, own], { shape: [sums, count], dtype: 'bool' });
    return graph.node('MatMul', [cast(graph, isOwn, 'float32'), rows], target);
  }
  const places = graph.node('Expand', [reshape(graph, numbers, [count, 1]), graph.integers([count, size])], {
    shape: [count, size],
    dtype: 'int32',
  });
  const zeros = graph.uniform(0, target.shape, target.dtype);
  return graph.node('ScatterElements', [zeros, places, sumsOfEqual(graph, rows, numbers)], target, { axis: 0 });
}

/** Rows outside `[0, numSegments)` are made 0, and go to the first segment. */
const unsortedSegmentSum: Recorder = ({ graph, inputs, attributes }) => {
  const { x, segmentIds } = inputs as { x: Value; segmentIds: Value };
  const segments: number = attributes.numSegments;
  const row = x.shape.slice(segmentIds.shape.length);
  const count = elementCount(segmentIds.shape);
  const ids = reshape(graph, segmentIds, [count]);
  const bool = { shape: [count], dtype: 'bool' } as const;
  const notBelow = graph.node('GreaterOrEqual', [ids, scalar(graph, 0, ids.dtype)], bool);
  const below = graph.node('Less', [ids, scalar(graph, segments, ids.dtype)], bool);
  const inside = graph.node('And', [notBelow, below], bool);
  const rows = reshape(graph, x, [count, elementCount(row)]);
  const counted = graph.node('Where', [reshape(graph, inside, [count, 1]), rows, scalar(graph, 0, x.dtype)], rows);
  const numbers = graph.node('Where', [inside, ids, scalar(graph, 0, ids.dtype)], ids);
  return reshape(graph, sumsByNumber(graph, counted, numbers, segments), [segments, ...row]);
};

/** 1 where x > 0, `alpha` elsewhere: what is no number shows in the loss. */
const step: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.x!;
  const above = graph.node('Greater', [x, scalar(graph, 0, x.dtype)], { shape: x.shape, dtype: 'bool' });
  return graph.node('Where', [above, scalar(graph, 1, x.dtype), scalar(graph, attributes.alpha ?? 0, x.dtype)], x);
};

const sign: Recorder = ({ graph, inputs }) => {
  const x = inputs.x!;
  const side = (operator: 'Greater' | 'Less') =>
    cast(graph, graph.node(operator, [x, scalar(graph, 0, x.dtype)], { shape: x.shape, dtype: 'bool' }), x.dtype);
  return graph.node('Sub', [side('Greater'), side('Less')], x);
};

/** `Or` by the rules of de Morgan, since the provider has none. */
const logicalOr: Recorder = ({ tf, graph, inputs }) => {
  const not = (value: Value) => graph.node('Not', [value], value);
  const both = recorders.LogicalAnd!({ tf, graph, inputs: { a: not(inputs.a!), b: not(inputs.b!) }, attributes: {} });
  return not(both as Value);
};

/** Largest values alone: places there are none. */
const maxPool: Recorder = ({ tf, graph, inputs, attributes }) => {
  const x = inputs.x!;
  const { output, ...pooling } = describePooling(tf, x.shape, attributes);
  const most = { shape: permuted(output, channelsFirst), dtype: x.dtype };
  return transpose(graph, graph.node('MaxPool', [transpose(graph, x, channelsFirst)], most, pooling), channelsLast);
};

/** What reaches each window goes to the first of its largest. @throws UserError where windows have elements in common */
const maxPoolGrad: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, input } = inputs as { dy: Value; input: Value };
  const { output, pads, strides, kernel_shape: kernel } = describePooling(tf, input.shape, attributes);
  if (pads.some((count) => count !== 0) || strides.some((stride, axis) => stride !== kernel[axis])) {
    throw new UserError('the gradient of a largest value over windows with gaps or elements in common is not there', {
      where: 'engine onnx-webgpu',
      remedy: 'Choose windows that lie side by side, or the engine onnx.',
    });
  }
  const [batch, height, width, channels] = input.shape as Shape4;
  const [rows, columns] = output.slice(1) as [number, number];
  const covered = [batch, rows * kernel[0]!, columns * kernel[1]!, channels];
  const seen = sameShape(covered, input.shape)
    ? input
    : sliceOf(graph, input, covered, { axes: [1, 2], starts: [0, 0], ends: covered.slice(1, 3), steps: [1, 1] });
  const windows = [batch, rows, kernel[0]!, columns, kernel[1]!, channels];
  const apart = transpose(graph, reshape(graph, seen, windows), [0, 1, 3, 5, 2, 4]);
  const count = elementCount(output);
  const taps = kernel[0]! * kernel[1]!;
  const first = firstLargest(graph, reshape(graph, apart, [count, taps]));
  const matrix = { shape: [count, taps], dtype: 'bool' } as const;
  const isFirst = graph.node('Equal', [graph.broadcast(numbersUpTo(graph, taps)), first], matrix);
  const spread = graph.node('Where', [isFirst, reshape(graph, dy, [count, 1]), scalar(graph, 0, dy.dtype)], {
    shape: [count, taps],
    dtype: dy.dtype,
  });
  const back = transpose(graph, reshape(graph, spread, apart.shape), [0, 1, 4, 2, 5, 3]);
  const gradient = reshape(graph, back, covered);
  if (seen === input) return gradient;
  const unseen = graph.integers([0, 0, 0, 0, 0, height - covered[1]!, width - covered[2]!, 0]);
  return graph.node('Pad', [gradient, unseen], { shape: input.shape, dtype: dy.dtype });
};

/** The recorder of each kernel of tfjs for a GPU. */
export const deviceRecorders: Recorders = {
  ...recorders,
  ArgMax: place(1),
  ArgMin: place(-1),
  UnsortedSegmentSum: unsortedSegmentSum,
  Step: step,
  Sign: sign,
  LogicalOr: logicalOr,
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
};
