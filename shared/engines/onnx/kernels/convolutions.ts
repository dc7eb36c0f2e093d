import { UserError } from '../../../core/errors.ts';
import type { TensorLibrary } from '../../engine.ts';
import type { Value } from '../graph.ts';
import { channelsFirst, channelsLast, permuted, type Recorder, type Recorders, sliceOf, transpose } from './kernel.ts';

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

const backpropInput: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, filter } = inputs as { dy: Value; filter: Value };
  const shape = permuted(attributes.inputShape, channelsFirst);
  const { output: _, ...convolution } = describeConvolution(tf, attributes.inputShape, filter.shape, attributes);
  const operands = [transpose(graph, dy, channelsFirst), transpose(graph, filter, outputsFirst)];
  const settings = { ...convolution, output_padding: unseenBy(attributes.inputShape, dy.shape, convolution) };
  return transpose(graph, graph.node('ConvTranspose', operands, { shape, dtype: dy.dtype }, settings), channelsLast);
};

/** A convolution of the inputs with the output's gradient, batch and channels exchanged, strides and dilations as well. */
const backpropFilter: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, dy } = inputs as { x: Value; dy: Value };
  const filterShape: Shape4 = attributes.filterShape;
  const { pads, strides } = describeConvolution(tf, x.shape, filterShape, attributes);
  const [height, width, channels, outputs] = filterShape;
  const exchanged = [3, 0, 1, 2];
  const taps = [0, 1].map(
    (axis) => x.shape[axis + 1]! + pads[axis]! + pads[axis + 2]! - strides[axis]! * (dy.shape[axis + 1]! - 1),
  );
  const all = graph.node(
    'Conv',
    [transpose(graph, x, exchanged), transpose(graph, dy, exchanged)],
    { shape: [channels, outputs, ...taps], dtype: x.dtype },
    { pads, strides: [1, 1], dilations: strides, kernel_shape: dy.shape.slice(1, 3) },
  );
  const bounds = { axes: [2, 3], starts: [0, 0], ends: [height, width], steps: [1, 1] };
  const seen = sliceOf(graph, all, [channels, outputs, height, width], bounds);
  return transpose(graph, seen, [2, 3, 0, 1]);
};

/** Convolutions in the plane, with both gradients. */
export const convolutions: Recorders = {
  Conv2D: conv2d,
  Conv2DBackpropInput: backpropInput,
  Conv2DBackpropFilter: backpropFilter,
};
