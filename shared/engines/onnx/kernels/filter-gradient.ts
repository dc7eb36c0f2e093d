/** The gradient of a convolution's filter as products of large matrices. */
import { elementCount } from '../../../tensors/tensor.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import { type Convolved, gradientInBlocks, isInBlocks } from './blocked-filter-gradient.ts';
import { channelsFirst, reshape, type Shape4, transpose } from './kernel.ts';
import { inHalves, joined, movedAhead, placesBehind, regionOf, sumOfRows, turned, upTo } from './places.ts';
import { gradientOfTaps, isOfFewTaps } from './tap-products.ts';

/** `[taps, outputs, channels]` as a filter, through the order of axes that PyTorch has. */
function filterOf(graph: GraphBuilder, taps: Value, [height, width, channels, outputs]: Shape4): Value {
  const rows = reshape(graph, taps, [height * width, outputs * channels]);
  return transpose(graph, reshape(graph, turned(graph, rows), [outputs, channels, height, width]), [2, 3, 1, 0]);
}

/** Whether each place of the input is seen by one tap alone: the strides are the filter's size. */
const seenOnce = ({ x, dy, filter, pads, strides }: Convolved): boolean =>
  [0, 1].every(
    (axis) =>
      strides[axis] === filter[axis] && pads[axis] === 0 && x.shape[axis + 1] === filter[axis]! * dy.shape[axis + 1]!,
  );

/**
 * For few places, which move ahead of samples and channels: a shift copies long rows then. What each row of taps has seen, one behind the
 * other, times the gradient that each column of taps has met; with a stride between columns, what each tap has seen, times the gradient.
 */
function placesAhead(convolved: Convolved): Value {
  const { graph, x, dy, filter, pads, strides: steps } = convolved;
  const [height, width, channels, outputs] = filter;
  const [batch, rows, columns] = dy.shape as Shape4;
  const once = seenOnce(convolved);
  const byRow = !once && steps[1] === 1;
  const counts = [rows, byRow ? x.shape[2]! : columns] as const;
  const places = counts[0] * counts[1] * batch;

  const ahead = movedAhead(graph, x);
  const taps = upTo(height).flatMap((row) =>
    (byRow ? [pads[1]!] : upTo(width)).map((column) => [row, column] as const),
  );
  const seen = once
    ? transpose(graph, reshape(graph, ahead, [rows, height, columns, width, batch * channels]), [1, 3, 0, 2, 4])
    : joined(
        graph,
        taps.map(([row, column]) =>
          regionOf(graph, ahead, [0, 1], { starts: [row - pads[0]!, column - pads[1]!], counts, steps }),
        ),
        0,
      );

  // The samples of a place are moved together: a shift of one column is one of as many elements.
  const gradient = reshape(graph, placesBehind(graph, dy), [outputs, rows, columns * batch]);
  const met = byRow
    ? upTo(width).map((column) =>
        regionOf(graph, gradient, [1, 2], {
          starts: [0, batch * (pads[1]! - column)],
          counts: [rows, batch * counts[1]],
        }),
      )
    : [gradient];
  const halves = inHalves(met.length * outputs);
  const left = reshape(graph, joined(graph, met, 0), [1, ...halves, places]);
  const right = reshape(graph, seen, [taps.length, 1, places, channels]);
  const shape = [taps.length, ...halves, channels];
  return filterOf(graph, graph.node('MatMul', [left, right], { shape, dtype: x.dtype }), filter);
}

/**
 * For many places: what each column of taps has seen, one behind the other, times the gradient that each row of taps has met; with a
 * stride between rows, what each tap has seen, times the gradient. A product for each sample, and their sum.
 */
function samplesApart(convolved: Convolved): Value {
  const { graph, x, dy, filter, pads, strides: steps } = convolved;
  const [height, width, channels, outputs] = filter;
  const [batch, rows, columns] = dy.shape as Shape4;
  const once = seenOnce(convolved) && height === width;
  const byColumn = !once && steps[0] === 1;
  const counts = [byColumn ? x.shape[1]! : rows, columns] as const;

  const ahead = transpose(graph, x, channelsFirst);
  const taps = (byColumn ? [pads[0]!] : upTo(height)).flatMap((row) =>
    upTo(width).map((column) => [row, column] as const),
  );
  const all = { shape: [batch, taps.length * channels, ...counts], dtype: x.dtype };
  const seen = once
    ? [graph.node('SpaceToDepth', [ahead], all, { blocksize: height })]
    : taps.map(([row, column]) =>
        regionOf(graph, ahead, [2, 3], { starts: [row - pads[0]!, column - pads[1]!], counts, steps }),
      );

  const gradient = transpose(graph, dy, channelsFirst);
  const met = byColumn
    ? upTo(height).map((row) => regionOf(graph, gradient, [2, 3], { starts: [pads[0]! - row, 0], counts }))
    : [gradient];
  // The side of more channels is not joined: its copy would take longer than several products do.
  const [lefts, rights] = channels < outputs ? [met, [joined(graph, seen, 1)]] : [[joined(graph, met, 1)], seen];
  const products = lefts.flatMap((left) => rights.map((right) => productOfPlaces(graph, left, right)));
  const each = joined(graph, products, channels < outputs ? 1 : 2);
  const sum = sumOfRows(graph, reshape(graph, each, [batch, elementCount(each.shape.slice(1))]));
  const parted = reshape(graph, sum, [met.length, outputs, taps.length, channels]);
  return filterOf(graph, transpose(graph, parted, [0, 2, 1, 3]), filter);
}

/** For each sample, `[batch, rows, ...places]` times `[batch, columns, ...places]`: `[batch, rows, columns]`. */
function productOfPlaces(graph: GraphBuilder, left: Value, right: Value): Value {
  const [batch, rows, ...places] = left.shape as [number, number, number, number];
  const columns = right.shape[1]!;
  const flat = (value: Value) => reshape(graph, value, [batch, value.shape[1]!, elementCount(places)]);
  const operands = [flat(left), transpose(graph, flat(right), [0, 2, 1])];
  return graph.node('MatMul', operands, { shape: [batch, rows, columns], dtype: left.dtype });
}

/** Up to so many places of a sample, moving them ahead costs less than copying short rows. */
const fewPlaces = 512;

/**
 * Large products from few copies. What each tap has seen would be `width * height` copies; where a convolution of few places has made them,
 * they serve again, else `width + height` copies do, in one of two ways.
 */
export function filterGradient(convolved: Convolved): Value {
  const { graph, x, dy, filter, pads, strides } = convolved;
  if (isOfFewTaps(dy.shape, filter, strides)) {
    return filterOf(graph, gradientOfTaps(graph, x, dy, { filter, pads }), filter);
  }
  if (isInBlocks(convolved)) return filterOf(graph, gradientInBlocks(convolved), filter);
  return elementCount(dy.shape.slice(1, 3)) <= fewPlaces ? placesAhead(convolved) : samplesApart(convolved);
}
