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

type Window = Pick<ReturnType<typeof describeConvolution>, 'strides' | 'pads'>;

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
    const around = pads.map((count, index) => kernel[index % 2]! - 1 - count);
    const convolved = graph.node('Conv', [gradient, turnedAround(graph, filter)], output, {
      ...settings,
      pads: around,
    });
    return transpose(graph, convolved, channelsLast);
  }
  const transposed = { ...settings, output_padding: unseenBy(attributes.inputShape, dy.shape, settings) };
  const operands = [gradient, transpose(graph, filter, outputsFirst)];
  return transpose(graph, graph.node('ConvTranspose', operands, output, transposed), channelsLast);
};

/** `[in, out, height, width]`, backwards: by an exact product with an exchange matrix, for a slice takes several times as long. */
function turnedAround(graph: GraphBuilder, filter: Value): Value {
  const tapsLast = transpose(graph, filter, [2, 3, 0, 1]);
  const [channels, outputs, height, width] = tapsLast.shape as Shape4;
  const taps = height * width;
  if (taps === 1) return tapsLast;
  const exchange = new Float32Array(taps * taps);
  for (let tap = 0; tap < taps; tap++) exchange[tap * taps + taps - 1 - tap] = 1;
  const rows = reshape(graph, tapsLast, [channels * outputs, taps]);
  return reshape(graph, graph.node('MatMul', [rows, graph.matrix(exchange, [taps, taps])], rows), tapsLast.shape);
}

/**
 * What a tap has seen of `[batch, channels, height, width]`: rows and columns from a place on, every so many, as many as asked for;
 * zeros where there are none.
 */
function seenFrom(
  graph: GraphBuilder,
  x: Value,
  starts: readonly [number, number],
  counts: readonly [number, number],
  steps: readonly number[] = [1, 1],
): Value {
  const sizes = x.shape.slice(2);
  const reach = counts.map((count, axis) => steps[axis]! * (count - 1) + 1);
  const before = starts.map((start) => -start);
  const behind = reach.map((count, axis) => starts[axis]! + count - sizes[axis]!);
  const shape = [...x.shape.slice(0, 2), ...reach];
  const pads = graph.integers([0, 0, ...before, 0, 0, ...behind]);
  // Fewer zeros than none cut off: one copy does both.
  const window = [...before, ...behind].every((count) => count === 0)
    ? x
    : graph.node('Pad', [x, pads], { shape, dtype: x.dtype });
  if (steps.every((step) => step === 1)) return window;
  const bounds = { axes: [2, 3], starts: [0, 0], ends: reach, steps };
  return sliceOf(graph, window, [...x.shape.slice(0, 2), ...counts], bounds);
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

/** A filter as large as this part of its outputs' places, or larger, costs more to turn than its taps' copies do. */
const turningCosts = 1 / 4;

/** One product of what every tap has seen with the gradient: the filter comes out in the order of axes that PyTorch has. */
function tapByTap(graph: GraphBuilder, x: Value, dy: Value, filter: Shape4, { pads, strides }: Window): Value {
  const [height, width, channels, outputs] = filter;
  const [top, left] = pads as [number, number, number, number];
  const [batch, rows, columns] = dy.shape as Shape4;
  const places = batch * rows * columns;
  const channelsAhead = transpose(graph, x, [3, 0, 1, 2]);
  const seen = upTo(height).flatMap((row) =>
    upTo(width).map((column) => seenFrom(graph, channelsAhead, [row - top, column - left], [rows, columns], strides)),
  );
  const columnsOf = reshape(graph, stacked(graph, seen), [channels * height * width, places]);
  const gradient = reshape(graph, transpose(graph, dy, [3, 0, 1, 2]), [outputs, places]);
  const output = { shape: [outputs, channels * height * width], dtype: x.dtype };
  const product = graph.node('Gemm', [gradient, columnsOf], output, { transB: 1 });
  return transpose(graph, reshape(graph, product, [outputs, channels, height, width]), [2, 3, 1, 0]);
}

/**
 * One product of matrices: what the taps of a filter's row have seen, one behind the other, with the gradient that its rows have met,
 * one behind the other. That is `width + height` copies where one for each tap would be `width * height`. With a stride between rows
 * each tap has its own copy, of fewer elements.
 */
const backpropFilter: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, dy } = inputs as { x: Value; dy: Value };
  const [height, width, channels, outputs] = attributes.filterShape as Shape4;
  const { pads, strides } = describeConvolution(tf, x.shape, attributes.filterShape, attributes);
  const [top, left] = pads as [number, number, number, number];
  const [rows, columns] = dy.shape.slice(1, 3) as [number, number];
  if (outputs >= turningCosts * dy.shape[0]! * rows * columns) {
    return tapByTap(graph, x, dy, attributes.filterShape, { pads, strides });
  }
  const byRows = strides[0] === 1;
  const first = transpose(graph, x, channelsFirst);
  const seenRows = byRows ? [0] : upTo(height).map((row) => row - top);
  const seen = seenRows.flatMap((row) =>
    upTo(width).map((column) =>
      seenFrom(graph, first, [row, column - left], [byRows ? x.shape[1]! : rows, columns], strides),
    ),
  );
  const met = transpose(graph, dy, channelsFirst);
  const gradients = byRows
    ? upTo(height).map((row) => seenFrom(graph, met, [top - row, 0], [x.shape[1]!, columns]))
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
