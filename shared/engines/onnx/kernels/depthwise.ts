import type { GraphBuilder, Value } from '../graph.ts';
import { describeConvolution as describe, unseenBy } from './convolutions.ts';
import {
  channelsFirst,
  channelsLast,
  permuted,
  type Recorder,
  type Recorders,
  reshape,
  type Shape4,
  sliceOf,
  transpose,
} from './kernel.ts';

/** The filter of a full convolution with as many outputs, for its sizes. */
const asFull = ([height, width, channels, multiplier]: Shape4): Shape4 => [
  height,
  width,
  channels,
  channels * multiplier,
];

/** `[height, width, channels, multiplier]` to ONNX's `[channels * multiplier, 1, height, width]` of as many groups as channels. */
function inGroups(graph: GraphBuilder, filter: Value): Value {
  const [height, width, channels, multiplier] = filter.shape as Shape4;
  return reshape(graph, transpose(graph, filter, [2, 3, 0, 1]), [channels * multiplier, 1, height, width]);
}

const depthwiseConv: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, filter } = inputs as { x: Value; filter: Value };
  const { output, ...settings } = describe(tf, x.shape, asFull(filter.shape as Shape4), attributes);
  const operands = [transpose(graph, x, channelsFirst), inGroups(graph, filter)];
  const convolved = { shape: permuted(output, channelsFirst), dtype: x.dtype };
  return transpose(graph, graph.node('Conv', operands, convolved, { ...settings, group: x.shape[3]! }), channelsLast);
};

const backpropInput: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, filter } = inputs as { dy: Value; filter: Value };
  const shape = attributes.inputShape as Shape4;
  const { output: _, ...settings } = describe(tf, shape, asFull(filter.shape as Shape4), attributes);
  const operands = [transpose(graph, dy, channelsFirst), inGroups(graph, filter)];
  const output = { shape: permuted(shape, channelsFirst), dtype: dy.dtype };
  const grouped = { ...settings, group: shape[3], output_padding: unseenBy(shape, dy.shape, settings) };
  return transpose(graph, graph.node('ConvTranspose', operands, output, grouped), channelsLast);
};

/** For each tap of the filter, what it has seen times the output's gradient, summed. */
const backpropFilter: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, dy } = inputs as { x: Value; dy: Value };
  const [height, width, channels, multiplier] = attributes.filterShape as Shape4;
  const { pads, strides } = describe(tf, x.shape, asFull(attributes.filterShape), attributes);
  const [batch, rows, columns] = dy.shape as Shape4;
  const ends = [0, 1].map((axis) => x.shape[axis + 1]! + pads[axis]! + pads[axis + 2]!);
  const around = graph.integers([0, pads[0]!, pads[1]!, 0, 0, pads[2]!, pads[3]!, 0]);
  const padded = graph.node('Pad', [x, around], { shape: [batch, ...ends, channels], dtype: x.dtype });
  const gradient = reshape(graph, dy, [batch, rows, columns, channels, multiplier]);
  const taps = Array.from({ length: height * width }, (_, tap) => {
    const starts = [Math.floor(tap / width), tap % width];
    const last = starts.map((start, axis) => start + strides[axis]! * (dy.shape[axis + 1]! - 1) + 1);
    const bounds = { axes: [1, 2], starts, ends: last, steps: strides };
    const seen = reshape(graph, sliceOf(graph, padded, [batch, rows, columns, channels], bounds), [
      batch,
      rows,
      columns,
      channels,
      1,
    ]);
    const products = graph.node('Mul', [seen, gradient], gradient);
    const summed = { shape: [1, channels, multiplier], dtype: x.dtype };
    const sum = graph.node(
      'ReduceSum',
      [products, graph.integers([0, 1, 2])],
      { ...summed, shape: summed.shape.slice(1) },
      { keepdims: 0 },
    );
    return reshape(graph, sum, summed.shape);
  });
  const all = { shape: [height * width, channels, multiplier], dtype: x.dtype };
  return reshape(graph, graph.node('Concat', taps, all, { axis: 0 }), attributes.filterShape);
};

/** Convolutions of each channel by itself, with both gradients. */
export const depthwise: Recorders = {
  DepthwiseConv2dNative: depthwiseConv,
  DepthwiseConv2dNativeBackpropInput: backpropInput,
  DepthwiseConv2dNativeBackpropFilter: backpropFilter,
};
