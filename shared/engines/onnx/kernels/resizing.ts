import type { GraphBuilder, Value } from '../graph.ts';
import { expand, type Recorder, type Recorders, reshape, transpose } from './kernel.ts';

interface Attributes {
  readonly alignCorners: boolean;
  readonly halfPixelCenters?: boolean;
}

/** How an axis is resized: for each new place the old ones that it is made of, with their weights. */
type Interpolation = (from: number, to: number, attributes: Attributes) => [place: number, weight: number][][];

const scaleOf = (from: number, to: number, { alignCorners }: Attributes): number =>
  alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;

const nearest: Interpolation = (from, to, attributes) =>
  Array.from({ length: to }, (_, place) => {
    const at = scaleOf(from, to, attributes) * (attributes.halfPixelCenters ? place + 0.5 : place);
    return [[Math.min(from - 1, attributes.alignCorners ? Math.round(at) : Math.floor(at)), 1]];
  });

const linear: Interpolation = (from, to, attributes) =>
  Array.from({ length: to }, (_, place) => {
    const scale = scaleOf(from, to, attributes);
    const at = attributes.halfPixelCenters ? scale * (place + 0.5) - 0.5 : scale * place;
    const below = Math.max(0, Math.floor(at));
    const above = Math.max(0, Math.min(from - 1, Math.ceil(at)));
    return [
      [below, 1 - (at - below)],
      [above, at - below],
    ];
  });

/** `[to, from]` */
function matrixOf(places: [number, number][][], from: number): Float32Array {
  const matrix = new Float32Array(places.length * from);
  for (const [row, parts] of places.entries())
    for (const [place, weight] of parts) matrix[row * from + place]! += weight;
  return matrix;
}

/** Rows and columns of `[batch, height, width, channels]` each by a matrix of their own. */
function resize(graph: GraphBuilder, x: Value, rows: Value, columns: Value): Value {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const [tall, wide] = [rows.shape[0]!, columns.shape[0]!];
  const byRows = graph.node('MatMul', [rows, reshape(graph, x, [batch, height, width * channels])], {
    shape: [batch, tall, width * channels],
    dtype: x.dtype,
  });
  return graph.node('MatMul', [columns, reshape(graph, byRows, [batch, tall, width, channels])], {
    shape: [batch, tall, wide, channels],
    dtype: x.dtype,
  });
}

function matrices(
  graph: GraphBuilder,
  interpolate: Interpolation,
  from: Value,
  to: readonly number[],
  settings: Attributes,
) {
  return [0, 1].map((axis) => {
    const [before, after] = [from.shape[axis + 1]!, to[axis]!];
    return graph.matrix(matrixOf(interpolate(before, after, settings), before), [after, before]);
  }) as [Value, Value];
}

const resizeBy =
  (interpolate: Interpolation): Recorder =>
  ({ graph, inputs, attributes }) => {
    const images = inputs.images!;
    return resize(graph, images, ...matrices(graph, interpolate, images, attributes.size, attributes as Attributes));
  };

/** The adjoint: the transposed matrices. */
const gradientBy =
  (interpolate: Interpolation): Recorder =>
  ({ graph, inputs, attributes }) => {
    const { images, dy } = inputs as { images: Value; dy: Value };
    const forward = matrices(graph, interpolate, images, dy.shape.slice(1, 3), attributes as Attributes);
    const [rows, columns] = forward.map((matrix) => transpose(graph, matrix, [1, 0])) as [Value, Value];
    return resize(graph, dy, rows, columns);
  };

/** How many times larger both axes become; undefined where that is no whole number. */
function wholeFactors(from: readonly number[], to: readonly number[]): [number, number] | undefined {
  const factors = [0, 1].map((axis) => to[axis]! / from[axis + 1]!);
  return factors.every(Number.isInteger) ? (factors as [number, number]) : undefined;
}

const resizeNearest: Recorder = (call) => {
  const { graph, inputs, attributes } = call;
  const images = inputs.images!;
  const factors = attributes.alignCorners ? undefined : wholeFactors(images.shape, attributes.size);
  if (!factors) return resizeBy(nearest)(call);
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const parted = reshape(graph, images, [batch, height, 1, width, 1, channels]);
  const repeated = expand(graph, parted, [batch, height, factors[0], width, factors[1], channels]);
  return reshape(graph, repeated, [batch, ...attributes.size, channels]);
};

const resizeNearestGrad: Recorder = (call) => {
  const { graph, inputs, attributes } = call;
  const { images, dy } = inputs as { images: Value; dy: Value };
  const factors = attributes.alignCorners ? undefined : wholeFactors(images.shape, dy.shape.slice(1, 3));
  if (!factors) return gradientBy(nearest)(call);
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  const parted = reshape(graph, dy, [batch, height, factors[0], width, factors[1], channels]);
  return graph.node('ReduceSum', [parted, graph.integers([2, 4])], images, { keepdims: 0 });
};

/** Resizing images `[batch, height, width, channels]`, with gradients: each axis by itself, as it is a linear map. */
export const resizing: Recorders = {
  ResizeBilinear: resizeBy(linear),
  ResizeBilinearGrad: gradientBy(linear),
  ResizeNearestNeighbor: resizeNearest,
  ResizeNearestNeighborGrad: resizeNearestGrad,
};
