import { elementCount } from '../../../tensors/tensor.ts';
import type { Value } from '../graph.ts';
import { fromFront, type KernelCall, type Recorder, type Recorders, reshape, sliceOf, transpose } from './kernel.ts';

/** A list of tensors, in its order. */
const listed = (inputs: KernelCall['inputs']): Value[] =>
  Object.keys(inputs)
    .sort((a, b) => Number(a) - Number(b))
    .map((key) => inputs[key]!);

const inferred = (size: number, shape: readonly number[]): number[] => {
  const known = elementCount(shape.filter((each) => each !== -1));
  return shape.map((each) => (each === -1 ? size / known : each));
};

const reshapeTo: Recorder = ({ graph, inputs, attributes }) =>
  reshape(graph, inputs.x!, inferred(elementCount(inputs.x!.shape), attributes.shape));

const expandDims: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.input!;
  return reshape(graph, x, x.shape.toSpliced(fromFront(attributes.dim, x.shape.length + 1), 0, 1));
};

const slice: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.x!;
  const begin: number[] = x.shape.map((_, axis) => [attributes.begin].flat()[axis] ?? 0);
  const asked: number[] = x.shape.map((_, axis) => [attributes.size].flat()[axis] ?? -1);
  const shape = asked.map((size, axis) => (size < 0 ? x.shape[axis]! - begin[axis]! : size));
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  const axes = [...x.shape.keys()].filter((axis) => shape[axis] !== x.shape[axis]);
  if (axes.length === 0) return x;
  const starts = axes.map((axis) => begin[axis]!);
  const ends = axes.map((axis) => begin[axis]! + shape[axis]!);
  return sliceOf(graph, x, shape, { axes, starts, ends, steps: axes.map(() => 1) });
};

const stridedSlice: Recorder = ({ tf, graph, inputs, attributes }) => {
  const x = inputs.x!;
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const found = tf.slice_util.sliceInfo(
    [...x.shape],
    begin,
    end,
    strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  const sizes = tf.slice_util.computeOutShape(found.begin, found.end, found.strides);
  // A place before the first would count from the end: what is below every place ends a step backwards.
  const ends = found.end.map((each, axis) => (found.strides[axis]! < 0 && each < 0 ? -(2 ** 31) : each));
  const bounds = { axes: [...x.shape.keys()], starts: found.begin, ends, steps: found.strides };
  const picked = found.isIdentity ? x : sliceOf(graph, x, sizes, bounds);
  return reshape(graph, picked, found.finalShape);
};

const reverse: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.x!;
  const axes: number[] = attributes.dims.map((axis: number) => fromFront(axis, x.shape.length));
  if (axes.length === 0 || x.uniform !== undefined) return x;
  return sliceOf(graph, x, x.shape, {
    axes,
    starts: axes.map(() => -1),
    ends: axes.map(() => -(2 ** 31)),
    steps: axes.map(() => -1),
  });
};

const range: Recorder = ({ graph, attributes: { start, stop, step, dtype } }) => {
  const length = Math.max(0, Math.ceil((stop - start) / step));
  const values = Array.from({ length }, (_, index) => start + index * step);
  return graph.constant(values, [length], dtype);
};

const concat: Recorder = ({ graph, inputs, attributes }) => {
  const parts = listed(inputs).filter(({ shape }) => elementCount(shape) > 0);
  const first = parts[0] ?? listed(inputs)[0]!;
  if (parts.length <= 1) return first;
  const axis = fromFront(attributes.axis, first.shape.length);
  const size = parts.reduce((sum, { shape }) => sum + shape[axis]!, 0);
  return graph.node('Concat', parts, { shape: first.shape.with(axis, size), dtype: first.dtype }, { axis });
};

const pack: Recorder = ({ graph, inputs, attributes }) => {
  const parts = listed(inputs);
  const { shape, dtype } = parts[0]!;
  const axis = fromFront(attributes.axis, shape.length + 1);
  const lined = parts.map((part) => reshape(graph, part, shape.toSpliced(axis, 0, 1)));
  if (lined.length === 1) return lined[0]!;
  return graph.node('Concat', lined, { shape: shape.toSpliced(axis, 0, parts.length), dtype }, { axis });
};

/** Along an axis, in pieces of these sizes. */
function split({ graph }: KernelCall, x: Value, axis: number, sizes: readonly number[]): Value[] {
  if (sizes.length === 1) return [x];
  const outputs = sizes.map((size) => ({ shape: x.shape.with(axis, size), dtype: x.dtype }));
  return graph.nodes('Split', [x, graph.integers(sizes)], outputs, { axis });
}

const splitV: Recorder = (call) => {
  const x = call.inputs.x!;
  const { axis, numOrSizeSplits } = call.attributes as { axis: number; numOrSizeSplits: number | number[] };
  const along = fromFront(axis, x.shape.length);
  const size = x.shape[along]!;
  if (typeof numOrSizeSplits === 'number') {
    const pieces = Array.from({ length: numOrSizeSplits }, () => size / numOrSizeSplits);
    return split(call, x, along, pieces);
  }
  const known = numOrSizeSplits.reduce((sum, each) => sum + Math.max(each, 0), 0);
  const pieces = numOrSizeSplits.map((each) => (each === -1 ? size - known : each));
  return split(call, x, along, pieces);
};

const unpack: Recorder = (call) => {
  const value = call.inputs.value!;
  const axis = fromFront(call.attributes.axis as number, value.shape.length);
  const pieces = split(
    call,
    value,
    axis,
    Array.from({ length: value.shape[axis]! }, () => 1),
  );
  return pieces.map((piece) => reshape(call.graph, piece, value.shape.toSpliced(axis, 1)));
};

const pad: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.x!;
  const paddings: [number, number][] = attributes.paddings;
  const shape = x.shape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]);
  const pads = [...paddings.map(([before]) => before), ...paddings.map(([, behind]) => behind)];
  if (pads.every((count) => count === 0)) return x;
  const filling = graph.broadcast(graph.uniform(attributes.constantValue, [], x.dtype));
  return graph.node('Pad', [x, graph.integers(pads), filling], { shape, dtype: x.dtype }, { mode: 'constant' });
};

const tile: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.x!;
  const reps: number[] = attributes.reps;
  const shape = x.shape.map((size, axis) => size * reps[axis]!);
  if (x.uniform !== undefined) return graph.uniform(x.uniform, shape, x.dtype);
  return graph.node('Tile', [x, graph.integers(reps)], { shape, dtype: x.dtype });
};

/** Constants, aliases and everything that moves elements without changing them. */
export const arrange: Recorders = {
  Identity: ({ inputs }) => inputs.x!,
  Reshape: reshapeTo,
  ExpandDims: expandDims,
  Transpose: ({ graph, inputs, attributes }) => transpose(graph, inputs.x!, attributes.perm),
  Slice: slice,
  StridedSlice: stridedSlice,
  Reverse: reverse,
  Concat: concat,
  Pack: pack,
  SplitV: splitV,
  Unpack: unpack,
  PadV2: pad,
  Tile: tile,
  Range: range,
  Fill: ({ graph, attributes }) => graph.uniform(attributes.value, attributes.shape, attributes.dtype ?? 'float32'),
  ZerosLike: ({ graph, inputs }) => graph.uniform(0, inputs.x!.shape, inputs.x!.dtype),
  OnesLike: ({ graph, inputs }) => graph.uniform(1, inputs.x!.shape, inputs.x!.dtype),
};
