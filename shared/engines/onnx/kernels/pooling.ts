import { elementCount } from '../../../tensors/tensor.ts';
import type { TensorLibrary } from '../../engine.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import {
  channelsFirst,
  channelsLast,
  expand,
  optimizationBarrier,
  permuted,
  type Recorder,
  type Recorders,
  reshape,
  sumsByNumber,
  transpose,
} from './kernel.ts';

interface Attributes {
  readonly filterSize: [number, number] | number;
  readonly strides: [number, number] | number;
  readonly pad: 'valid' | 'same' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Pooling as ONNX describes it, for `x` `[batch, height, width, channels]`. */
export function describePooling(
  tf: TensorLibrary,
  x: readonly number[],
  { filterSize, strides, pad, dimRoundingMode }: Attributes,
) {
  const shape = x as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { top, left, bottom, right } = info.padInfo;
  return {
    output: info.outShape,
    pads: [top, left, bottom, right],
    strides: [info.strideHeight, info.strideWidth],
    kernel_shape: [info.filterHeight, info.filterWidth],
  };
}

type Pooling = ReturnType<typeof describePooling>;

/** Whether every element is in one window. */
const isPartition = (x: readonly number[], { output, pads, strides, kernel_shape: kernel }: Pooling): boolean =>
  pads.every((count) => count === 0) &&
  [0, 1].every((axis) => strides[axis] === kernel[axis] && x[axis + 1] === kernel[axis]! * output[axis + 1]!);

/** Largest values, and where in the input, channels first, they are. */
function largest(graph: GraphBuilder, x: Value, { output, ...pooling }: Pooling): [Value, Value] {
  const shape = permuted(output, channelsFirst);
  const outputs = [
    { shape, dtype: x.dtype },
    { shape, dtype: 'int64' },
  ] as const;
  return graph.nodes('MaxPool', [transpose(graph, x, channelsFirst)], outputs, pooling) as [Value, Value];
}

const maxPool: Recorder = ({ tf, graph, inputs, attributes }) => {
  const x = inputs.x!;
  return transpose(graph, largest(graph, x, describePooling(tf, x.shape, attributes))[0], channelsLast);
};

/** What reaches each window goes to where its largest value, the first of equals, was. */
const maxPoolGrad: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, input } = inputs as { dy: Value; input: Value };
  const pooling = describePooling(tf, input.shape, attributes);
  const { strides, pads, kernel_shape: kernel } = pooling;
  const [, places] = largest(graph, input, pooling);
  const reaching = transpose(graph, dy, channelsFirst);
  const gradient = { shape: permuted(input.shape, channelsFirst), dtype: dy.dtype };
  // Windows that have no element in common add nothing up; MaxUnpool checks that they end within the input.
  const isApart = [0, 1].every((axis) => {
    const reach = strides[axis]! * (dy.shape[axis + 1]! - 1) + kernel[axis]! - pads[axis]! - pads[axis + 2]!;
    return strides[axis]! >= kernel[axis]! && reach > 0 && reach <= input.shape[axis + 1]!;
  });
  const spread = isApart
    ? graph.node('MaxUnpool', [reaching, places, graph.integers(gradient.shape)], gradient, {
        strides,
        pads,
        kernel_shape: kernel,
      })
    : sumsByNumber(graph, reshape(graph, reaching, [elementCount(dy.shape), 1]), places, elementCount(input.shape));
  return transpose(graph, optimizationBarrier(graph, reshape(graph, spread, gradient.shape)), channelsLast);
};

const avgPool: Recorder = ({ tf, graph, inputs, attributes }) => {
  const x = inputs.x!;
  const { output, ...pooling } = describePooling(tf, x.shape, attributes);
  const averages = { shape: permuted(output, channelsFirst), dtype: x.dtype };
  const pooled = graph.node('AveragePool', [transpose(graph, x, channelsFirst)], averages, pooling);
  return transpose(graph, pooled, channelsLast);
};

/** How many elements each window of an axis has, what was padded left out. */
function counts(
  size: number,
  windows: number,
  axis: 0 | 1,
  { pads, strides, kernel_shape: kernel }: Pooling,
): number[] {
  return Array.from({ length: windows }, (_, window) => {
    const first = window * strides[axis]! - pads[axis]!;
    return Math.min(first + kernel[axis]!, size) - Math.max(first, 0);
  });
}

const avgPoolGrad: Recorder = ({ tf, graph, inputs, attributes }) => {
  const { dy, input } = inputs as { dy: Value; input: Value };
  const [batch, height, width, channels] = input.shape as [number, number, number, number];
  const pooling = describePooling(tf, input.shape, attributes);
  const { output, kernel_shape: kernel, pads, strides } = pooling;
  const [rows, columns] = output.slice(1) as [number, number];
  const [inRow, inColumn] = [counts(height, rows, 0, pooling), counts(width, columns, 1, pooling)];
  const areas = graph.constant(
    inRow.flatMap((count) => inColumn.map((other) => 1 / (count * other))),
    [1, rows, columns, 1],
    dy.dtype,
  );
  const shares = graph.node('Mul', [dy, graph.broadcast(areas)], dy);
  if (isPartition(input.shape, pooling)) {
    const parted = reshape(graph, shares, [batch, rows, 1, columns, 1, channels]);
    const filled = expand(graph, parted, [batch, rows, kernel[0]!, columns, kernel[1]!, channels]);
    return reshape(graph, filled, input.shape);
  }
  const covered = [height, width].map(
    (size, axis) => strides[axis]! * (output[axis + 1]! - 1) + kernel[axis]! - pads[axis]! - pads[axis + 2]! - size,
  );
  const operands = [transpose(graph, shares, channelsFirst), graph.uniform(1, [channels, 1, ...kernel], dy.dtype)];
  const spread = graph.node(
    'ConvTranspose',
    operands,
    { shape: [batch, channels, height, width], dtype: dy.dtype },
    { pads, strides, kernel_shape: kernel, group: channels, output_padding: covered.map((count) => -count) },
  );
  return transpose(graph, spread, channelsLast);
};

/** Pooling in the plane, with gradients. */
export const pooling: Recorders = {
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  AvgPool: avgPool,
  AvgPoolGrad: avgPoolGrad,
};
