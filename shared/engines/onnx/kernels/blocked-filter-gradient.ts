/** The gradient of a convolution's filter by the kernels that convolve channels in blocks. */
import { elementCount } from '../../../tensors/tensor.ts';
import { type Attribute, blockedDomain, type GraphBuilder, type Value } from '../graph.ts';
import { channelsFirst, reshape, type Shape4, transpose } from './kernel.ts';
import { joined, shiftedRows, sumOfRows, upTo } from './places.ts';

/** A convolution without dilations. */
export interface Convolved {
  readonly graph: GraphBuilder;
  /** `[batch, height, width, channels]` */
  readonly x: Value;
  /** The gradient of the result, `[batch, rows, columns, outputs]`. */
  readonly dy: Value;
  /** `[height, width, channels, outputs]` */
  readonly filter: Shape4;
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly strides: readonly number[];
}

/** With fewer places of a sample, adding up what each sample gives costs more than is gained. */
const leastPlaces = 256;

/**
 * Whether the gradient is made by what follows here: the result has the size of the input and places enough, and its rows and its channels are
 * whole blocks. With one tap there is nothing to gain.
 */
export function isInBlocks({ graph: { block }, x, dy, filter, strides }: Convolved): boolean {
  const [, rows, columns, outputs] = dy.shape as Shape4;
  return (
    block > 1 &&
    elementCount(filter.slice(0, 2)) > 1 &&
    rows * columns >= leastPlaces &&
    columns % block === 0 &&
    outputs % block === 0 &&
    strides.every((step) => step === 1) &&
    x.shape[1] === rows &&
    x.shape[2] === columns
  );
}

function reordered(
  graph: GraphBuilder,
  operator: 'ReorderInput' | 'ReorderOutput',
  x: Value,
  attributes: Readonly<Record<string, Attribute>> = {},
): Value {
  return graph.node(operator, [x], x, attributes, blockedDomain);
}

/**
 * The gradient `[taps, out, in]`. A sum over all places is a convolution whose channels are the places of a block, and whose kernel is as high as
 * there are blocks: its filter is the gradient of the result as the gradient of the input reads it, with channels in blocks, and its input has a
 * channel of `x` in each column. Rows of taps are places of its result, so many blocks apart as a row has; for columns of taps, the gradient
 * is shifted. Samples are groups of channels, and their results are added up.
 */
export function gradientInBlocks({ graph, x, dy, filter, pads }: Convolved): Value {
  const { block } = graph;
  const [height, width, channels, outputs] = filter;
  const [batch, rows, columns] = dy.shape as Shape4;
  const places = rows * columns;
  const blocks = places / block;
  const across = columns / block;

  const plane = reshape(graph, transpose(graph, x, channelsFirst), [batch, channels, 1, places]);
  const ordered = reordered(graph, 'ReorderInput', plane, { channels_last: 1 });
  const input = reshape(graph, ordered, [1, batch * block, blocks, channels]);

  const gradient = reordered(graph, 'ReorderInput', transpose(graph, dy, channelsFirst));
  const lines = reshape(graph, gradient, [(batch * outputs * rows) / block, columns * block]);
  const convolution = {
    group: batch,
    kernel_shape: [blocks, 1],
    strides: [across, 1],
    pads: [pads[0]! * across, 0, pads[2]! * across, 0],
    dilations: [1, 1],
  };
  const shape = [1, batch * outputs, height, channels];
  const byColumn = upTo(width).map((column) => {
    const met = shiftedRows(graph, lines, block * (column - pads[1]!));
    const weights = reshape(graph, met, [batch * outputs, block, blocks, 1]);
    const each = graph.node('Conv', [input, weights], { shape, dtype: x.dtype }, convolution, blockedDomain);
    return sumOfRows(graph, reshape(graph, each, [batch, outputs * height * channels]));
  });
  const columnsFirst = reshape(graph, joined(graph, byColumn, 0), [width, outputs, height, channels]);
  const apart = reordered(graph, 'ReorderOutput', columnsFirst, { channels: outputs });
  return reshape(graph, transpose(graph, apart, [2, 0, 1, 3]), [height * width, outputs, channels]);
}
