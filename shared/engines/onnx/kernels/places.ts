/** Moving places, samples and channels about. */
import type { GraphBuilder, Value } from '../graph.ts';
import { channelsFirst, channelsLast, reshape, sliceOf, transpose } from './kernel.ts';

export interface Region {
  readonly starts: readonly [number, number];
  readonly counts: readonly [number, number];
  readonly steps?: readonly number[];
}

/** Along two axes, places from a start on, every so many, as many as asked for; zeros where there are none. */
export function regionOf(
  graph: GraphBuilder,
  x: Value,
  axes: readonly [number, number],
  { starts, counts, steps = [1, 1] }: Region,
): Value {
  const along = (values: readonly number[], others: readonly number[]) =>
    others.with(axes[0], values[0]!).with(axes[1], values[1]!);
  const none = x.shape.map(() => 0);
  const reach = counts.map((count, index) => steps[index]! * (count - 1) + 1);
  const before = starts.map((start) => -start);
  const behind = reach.map((count, index) => starts[index]! + count - x.shape[axes[index]!]!);
  const pads = graph.integers([...along(before, none), ...along(behind, none)]);
  // Fewer zeros than none cut off: one copy does both.
  const window = [...before, ...behind].every((count) => count === 0)
    ? x
    : graph.node('Pad', [x, pads], { shape: along(reach, x.shape), dtype: x.dtype });
  if (steps.every((step) => step === 1)) return window;
  return sliceOf(graph, window, along(counts, x.shape), { axes, starts: [0, 0], ends: reach, steps });
}

/** One behind the other. */
export function joined(graph: GraphBuilder, parts: readonly Value[], axis: number): Value {
  const { shape, dtype } = parts[0]!;
  if (parts.length === 1) return parts[0]!;
  return graph.node('Concat', parts, { shape: shape.with(axis, parts.length * shape[axis]!), dtype }, { axis });
}

export const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** A matrix, turned: quick. Without a node that it can't look through, ONNX Runtime might turn it together with others, slowly. */
export function turned(graph: GraphBuilder, matrix: Value): Value {
  const result = transpose(graph, matrix, [1, 0]);
  return graph.node('Flatten', [result], result, { axis: 1 });
}

/** `[batch, height, width, channels]` as `[height, width, batch * channels]`. */
export function movedAhead(graph: GraphBuilder, x: Value): Value {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const matrix = reshape(graph, transpose(graph, x, channelsFirst), [batch * channels, height * width]);
  return reshape(graph, turned(graph, matrix), [height, width, batch * channels]);
}

/** What `movedAhead` was given. */
export function movedBack(graph: GraphBuilder, x: Value, batch: number): Value {
  const [height, width, rest] = x.shape as [number, number, number];
  const matrix = turned(graph, reshape(graph, x, [height * width, rest]));
  return transpose(graph, reshape(graph, matrix, [batch, rest / batch, height, width]), channelsLast);
}
