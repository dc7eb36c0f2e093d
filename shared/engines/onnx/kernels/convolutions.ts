import { UserError } from '../../../core/errors.ts';
import type { TensorLibrary } from '../../engine.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import { filterGradient } from './filter-gradient.ts';
import {
  channelsFirst,
  channelsLast,
  outputsFirst,
  permuted,
  type Recorder,
  type Recorders,
  reshape,
  type Shape4,
  transpose,
} from './kernel.ts';
import { inputGradient, isOfFewPlaces, isOfFewTaps, sumOverTaps } from './tap-products.ts';

interface Attributes {
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number;
  readonly dilations?: [number, number] | number;
  readonly dataFormat?: string;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

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
  const { pads, strides, dilations } = convolution;
  if (isOfFewTaps(output, filter.shape, [...strides, ...dilations])) {
    return sumOverTaps(graph, x, filter, { pads, output });
  }
  const operands = [transpose(graph, x, channelsFirst), transpose(graph, filter, outputsFirst)];
  const shape = permuted(output, channelsFirst);
  return transpose(graph, graph.node('Conv', operands, { shape, dtype: x.dtype }, convolution), channelsLast);
};

const backpropInput: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, filter } = inputs as { dy: Value; filter: Value };
  const { output: _, ...settings } = describeConvolution(tf, attributes.inputShape, filter.shape, attributes);
  const { kernel_shape: kernel, pads, strides, dilations } = settings;
  const steps = [...strides, ...dilations];
  if (isOfFewPlaces(dy.shape, filter.shape, steps)) {
    return inputGradient(graph, dy, filter, { input: attributes.inputShape, pads });
  }
  const output = { shape: permuted(attributes.inputShape, channelsFirst), dtype: dy.dtype };
  const gradient = transpose(graph, dy, channelsFirst);
  if (steps.every((step) => step === 1)) {
    // A transposed convolution takes half as long again as one with the filter turned around.
    const around = pads.map((count, index) => kernel[index % 2]! - 1 - count);
    const operands = [gradient, turnedAround(graph, filter)];
    return transpose(graph, graph.node('Conv', operands, output, { ...settings, pads: around }), channelsLast);
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
  const result = reshape(
    graph,
    graph.node('MatMul', [rows, graph.matrix(exchange, [taps, taps])], rows),
    tapsLast.shape,
  );
  graph.noteBackwards(result, transpose(graph, filter, outputsFirst));
  return result;
}

const backpropFilter: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { x, dy } = inputs as { x: Value; dy: Value };
  const filter = attributes.filterShape as Shape4;
  return filterGradient({ graph, x, dy, filter, ...describeConvolution(tf, x.shape, filter, attributes) });
};

/** Convolutions in the plane, with both gradients. */
export const convolutions: Recorders = {
  Conv2D: conv2d,
  Conv2DBackpropInput: backpropInput,
  Conv2DBackpropFilter: backpropFilter,
};
