/** Dense convolutions of few places, and their gradients, as products with what each tap of the filter has met (im2col). */
import { elementCount } from '../../../tensors/tensor.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import { outputsFirst, reshape, type Shape4, transpose } from './kernel.ts';
import { inHalves, joined, movedAhead, movedBack, placesBehind, regionOf, sumOfRows, turned, upTo } from './places.ts';

/** The place of a filter over its input. */
interface Placed {
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  /** Shape of the result, `[batch, rows, columns, out]`. */
  readonly output: Shape4;
}

/** From so many places on a convolution costs less than copying what every tap has met. */
const manyPlaces = 256;

/**
 * Whether the gradient of a convolution's input is best made by what follows here.
 * @param steps strides and dilations
 */
export function isOfFewPlaces(output: readonly number[], filter: readonly number[], steps: readonly number[]): boolean {
  const [places, taps] = [elementCount(output.slice(0, 3)), elementCount(filter.slice(0, 2))];
  return taps > 1 && places < manyPlaces && steps.every((step) => step === 1);
}

/** With more taps a convolution and the gradient of its filter cost less than their products. */
const fewTaps = 9;

/** Whether the convolution itself and the gradient of its filter are, too. */
export const isOfFewTaps = (output: readonly number[], filter: readonly number[], steps: readonly number[]): boolean =>
  isOfFewPlaces(output, filter, steps) && elementCount(filter.slice(0, 2)) <= fewTaps;

/** `[height, width, in, out]` as `[taps, out, in]`. */
function weightsByTap(graph: GraphBuilder, filter: Value): Value {
  const [height, width, channels, outputs] = filter.shape as Shape4;
  const rows = reshape(graph, transpose(graph, filter, outputsFirst), [outputs * channels, height * width]);
  return reshape(graph, turned(graph, rows), [height * width, outputs, channels]);
}

/**
 * What each tap has met of `[batch, height, width, channels]`, each `[rows, columns, batch, channels]`: places ahead, so that rows that
 * are copied are long.
 * @param before rows and columns of zeros before the first one
 * @param towards 1 where further taps meet later places, -1 where they meet earlier ones
 */
function metByTaps(
  graph: GraphBuilder,
  x: Value,
  [height, width]: Shape4,
  {
    before,
    towards,
    counts,
  }: { before: readonly [number, number]; towards: 1 | -1; counts: readonly [number, number] },
): Value[] {
  const [batch, rows, columns, channels] = x.shape as Shape4;
  const ahead = reshape(graph, movedAhead(graph, x), [rows, columns, batch, channels]);
  return upTo(height).flatMap((row) =>
    upTo(width).map((column) => {
      const starts = [towards * row - before[0], towards * column - before[1]] as const;
      return regionOf(graph, ahead, [0, 1], { starts, counts });
    }),
  );
}

/** `[taps, places, channels]`: what each tap of a convolution has met of its input. */
function seenByTaps(graph: GraphBuilder, x: Value, filter: Shape4, { pads, output }: Placed): Value {
  const [batch, rows, columns] = output;
  const met = metByTaps(graph, x, filter, { before: [pads[0]!, pads[1]!], towards: 1, counts: [rows, columns] });
  return reshape(graph, joined(graph, met, 0), [met.length, rows * columns * batch, filter[2]]);
}

/** The convolution: a product for each tap, and their sum. */
export function sumOverTaps(graph: GraphBuilder, x: Value, filter: Value, placed: Placed): Value {
  const [batch, rows, columns, outputs] = placed.output;
  const seen = seenByTaps(graph, x, filter.shape as Shape4, placed);
  const [taps, places, channels] = seen.shape as [number, number, number];
  const halves = inHalves(places);
  const weights = reshape(graph, weightsByTap(graph, filter), [taps, 1, outputs, channels]);
  const operands = [reshape(graph, seen, [taps, ...halves, channels]), transpose(graph, weights, [0, 1, 3, 2])];
  const each = graph.node('MatMul', operands, { shape: [taps, ...halves, outputs], dtype: x.dtype });
  const sum = sumOfRows(graph, reshape(graph, each, [taps, places * outputs]));
  return movedBack(graph, reshape(graph, sum, [rows, columns, batch * outputs]), batch);
}

/** The gradient of the filter, `[taps, out, in]`: for each tap, the gradient times what it has met. */
export function gradientOfTaps(
  graph: GraphBuilder,
  x: Value,
  dy: Value,
  { filter, pads }: { filter: Shape4; pads: readonly number[] },
): Value {
  const seen = seenByTaps(graph, x, filter, { pads, output: dy.shape as Shape4 });
  const [taps, places, channels] = seen.shape as [number, number, number];
  const outputs = filter[3];
  const halves = inHalves(outputs);
  const operands = [
    reshape(graph, placesBehind(graph, dy), [1, ...halves, places]),
    reshape(graph, seen, [taps, 1, places, channels]),
  ];
  const each = graph.node('MatMul', operands, { shape: [taps, ...halves, channels], dtype: x.dtype });
  return reshape(graph, each, [taps, outputs, channels]);
}

/** The gradient of the input: one product of what every tap has met, side by side, with all taps' weights. */
export function inputGradient(
  graph: GraphBuilder,
  dy: Value,
  filter: Value,
  { input, pads }: { input: Shape4; pads: readonly number[] },
): Value {
  const [batch, rows, columns, channels] = input;
  const places = rows * columns * batch;
  const before = [-pads[0]!, -pads[1]!] as const;
  const met = metByTaps(graph, dy, filter.shape as Shape4, { before, towards: -1, counts: [rows, columns] });
  const beside = joined(graph, met, 3);
  const [taps, outputs] = [met.length, dy.shape[3]!];
  const operands = [
    reshape(graph, beside, [places, taps * outputs]),
    reshape(graph, weightsByTap(graph, filter), [taps * outputs, channels]),
  ];
  const product = graph.node('MatMul', operands, { shape: [places, channels], dtype: dy.dtype });
  return movedBack(graph, reshape(graph, product, [rows, columns, batch * channels]), batch);
}
