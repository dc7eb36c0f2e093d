import { UserError } from '../../../core/errors.ts';
import { elementCount } from '../../../tensors/tensor.ts';
import type { TensorLibrary } from '../../engine.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import {
  channelsFirst,
  channelsLast,
  permuted,
  type Recorder,
  type Recorders,
  reshape,
  sliceOf,
  transpose,
} from './kernel.ts';

interface Attributes {
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number;
  readonly dilations?: [number, number] | number;
  readonly dataFormat?: string;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

type Shape4 = readonly [number, number, number, number];

/** The convolution as ONNX describes it, for `x` `[batch, height, width, in]` and a filter `[height, width, in, out]`. */
export function describeConvolution(
  tf: TensorLibrary,
  x: readonly number[],
  filter: readonly number[],
  attributes: Attributes,
) {
  if (attributes.dataFormat === 'NCHW') {
    throw new UserError("convolutions with channels first can't be compiled", {
      where: 'engine onnx',
      remedy: 'Put the channels last (NHWC).',
    });
  }
  const { strides, pad, dilations = 1, dimRoundingMode } = attributes;
  const info = tf.backend_util.computeConv2DInfo(
    x as [...Shape4],
    filter as [...Shape4],
    strides,
    dilations,
    pad,
    dimRoundingMode,
  );
  const { top, left, bottom, right } = info.padInfo;
  return {
    output: info.outShape,
    pads: [top, left, bottom, right],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    kernel_shape: [info.filterHeight, info.filterWidth],
  };
}

const outputsFirst = [3, 2, 0, 1];

/** Rows and columns at the end of the input that no tap has seen. */
export function unseenBy(
  input: readonly number[],
  output: readonly number[],
  {
    strides,
    pads,
    kernel_shape: kernel,
  }: Pick<ReturnType<typeof describeConvolution>, 'strides' | 'pads' | 'kernel_shape'>,
): number[] {
  return [0, 1].map(
    (axis) =>
      input[axis + 1]! - (strides[axis]! * (output[axis + 1]! - 1) + kernel[axis]! - pads[axis]! - pads[axis + 2]!),
  );
}

const conv2d: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, filter } = inputs as { x: Value; filter: Value };
  const { output, ...convolution } = describeConvolution(tf, x.shape, filter.shape, attributes);
  const operands = [transpose(graph, x, channelsFirst), transpose(graph, filter, outputsFirst)];
  const shape = permuted(output, channelsFirst);
  return transpose(graph, graph.node('Conv', operands, { shape, dtype: x.dtype }, convolution), channelsLast);
};

/** From so many places on, turning the filter around costs less than what it saves. */
const enoughPlaces = 1024;

/** Without strides, a convolution with the filter turned around; a transposed one takes half as long again. */
const backpropInput: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, filter } = inputs as { dy: Value; filter: Value };
  const { output: _, ...settings } = describeConvolution(tf, attributes.inputShape, filter.shape, attributes);
  const { kernel_shape: kernel, pads, strides, dilations } = settings;
  const output = { shape: permuted(attributes.inputShape, channelsFirst), dtype: dy.dtype };
  const gradient = transpose(graph, dy, channelsFirst);
  const single = kernel.every((size) => size === 1);
  const dense = [...strides, ...dilations].every((step) => step === 1);
  if (dense && (single || elementCount(dy.shape.slice(0, 3)) >= enoughPlaces)) {
    const turned = transpose(graph, single ? filter : turnedAround(graph, filter), [2, 3, 0, 1]);
    const around = pads.map((count, index) => kernel[index % 2]! - 1 - count);
    const convolved = graph.node('Conv', [gradient, turned], output, { ...settings, pads: around });
    return transpose(graph, convolved, channelsLast);
  }
  const transposed = { ...settings, output_padding: unseenBy(attributes.inputShape, dy.shape, settings) };
  const operands = [gradient, transpose(graph, filter, outputsFirst)];
  return transpose(graph, graph.node('ConvTranspose', operands, output, transposed), channelsLast);
};

function turnedAround(graph: GraphBuilder, filter: Value): Value {
  const backwards = { axes: [0, 1], starts: [-1, -1], ends: [-(2 ** 31), -(2 ** 31)], steps: [-1, -1] };
  return sliceOf(graph, filter, filter.shape, backwards);
}

/** Zeros around rows and columns of `[batch, channels, height, width]`; fewer than none cut off. */
function framed(
  graph: GraphBuilder,
  x: Value,
  rows: readonly [number, number],
  columns: readonly [number, number],
): Value {
  if ([...rows, ...columns].every((count) => count === 0)) return x;
  const [batch, channels, height, width] = x.shape as Shape4;
  const shape = [batch, channels, height + rows[0] + rows[1], width + columns[0] + columns[1]];
  const pads = graph.integers([0, 0, rows[0], columns[0], 0, 0, rows[1], columns[1]]);
  return graph.node('Pad', [x, pads], { shape, dtype: x.dtype });
}

/** Every so many rows and columns from a place on, as many as asked for. */
function picked(
  graph: GraphBuilder,
  x: Value,
  starts: readonly number[],
  counts: readonly number[],
  steps: readonly number[],
): Value {
  const ends = starts.map((start, axis) => start + steps[axis]! * (counts[axis]! - 1) + 1);
  const shape = [...x.shape.slice(0, 2), ...counts];
  if (starts.every((start) => start === 0) && counts.every((count, axis) => count === x.shape[axis + 2])) return x;
  return sliceOf(graph, x, shape, { axes: [2, 3], starts, ends, steps });
}

/** One behind the other, `[batch, parts * channels, height * width]`. */
function stacked(graph: GraphBuilder, parts: readonly Value[]): Value {
  const [batch, channels, height, width] = parts[0]!.shape as Shape4;
  const all = { shape: [batch, parts.length * channels, height, width], dtype: parts[0]!.dtype };
  const joined = parts.length === 1 ? parts[0]! : graph.node('Concat', parts, all, { axis: 1 });
  return reshape(graph, joined, [batch, parts.length * channels, height * width]);
}

/** From so many places on, one product for each sample, whose sum is taken, costs less than moving channels to the end. */
const enoughForEach = 256;

/** `a` times `b` transposed, `[batch, rows, places]` and `[batch, columns, places]`, summed over batch and places. */
function summedProduct(graph: GraphBuilder, a: Value, b: Value): Value {
  const [batch, rows, places] = a.shape as [number, number, number];
  const columns = b.shape[1]!;
  const output = { shape: [rows, columns], dtype: a.dtype };
  if (places >= enoughForEach) {
    const each = { shape: [batch, rows, columns], dtype: a.dtype };
    const products = graph.node('MatMul', [a, transpose(graph, b, [0, 2, 1])], each);
    return graph.node('ReduceSum', [products, graph.integers([0])], output, { keepdims: 0 });
  }
  const placesFirst = (x: Value, size: number) =>
    reshape(graph, transpose(graph, x, [0, 2, 1]), [batch * places, size]);
  return graph.node('Gemm', [placesFirst(a, rows), placesFirst(b, columns)], output, { transA: 1 });
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/**
 * One product of matrices: what the taps of a filter's row have seen, one behind the other, with the gradient that its rows have met,
 * one behind the other. That is `width + height` copies where one for each tap would be `width * height`. With a stride between rows
 * each tap has its own copy, of fewer elements.
 */
const backpropFilter: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, dy } = inputs as { x: Value; dy: Value };
  const [height, width, channels, outputs] = attributes.filterShape as Shape4;
  const { pads, strides } = describeConvolution(tf, x.shape, attributes.filterShape, attributes);
  const [top, left, bottom, right] = pads as [number, number, number, number];
  const [rows, columns] = dy.shape.slice(1, 3) as [number, number];
  const byRows = strides[0] === 1;
  const around = framed(graph, transpose(graph, x, channelsFirst), byRows ? [0, 0] : [top, bottom], [left, right]);
  const seenRows = byRows ? [0] : upTo(height);
  const seen = seenRows.flatMap((row) =>
    upTo(width).map((column) =>
      picked(graph, around, [row, column], [byRows ? x.shape[1]! : rows, columns], [strides[0]!, strides[1]!]),
    ),
  );
  const reached = transpose(graph, dy, channelsFirst);
  const met = byRows ? framed(graph, reached, [height - 1 - top, height - 1 - bottom], [0, 0]) : reached;
  const gradients = byRows
    ? upTo(height).map((row) => picked(graph, met, [height - 1 - row, 0], [x.shape[1]!, columns], [1, 1]))
    : [met];
  const product = summedProduct(graph, stacked(graph, gradients), stacked(graph, seen));
  if (!byRows) {
    const parted = reshape(graph, product, [outputs, height, width, channels]);
    return transpose(graph, parted, [1, 2, 3, 0]);
  }
  // Two exchanges of two axes: moving all four at once takes several times as long.
  const rowsLast = transpose(graph, reshape(graph, product, [height, outputs * width * channels]), [1, 0]);
  const tapsLast = transpose(graph, reshape(graph, rowsLast, [outputs, width, channels * height]), [0, 2, 1]);
  return transpose(graph, reshape(graph, tapsLast, [outputs, channels, height, width]), [2, 3, 1, 0]);
};

/** Convolutions in the plane, with both gradients. */
export const convolutions: Recorders = {
  Conv2D: conv2d,
  Conv2DBackpropInput: backpropInput,
  Conv2DBackpropFilter: backpropFilter,
};
