import { UserError } from '../../../core/errors.ts';
import { elementCount } from '../../../tensors/tensor.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import { cast, fromFront, type Recorder, type Recorders, reshape, sumsByNumber, widened } from './kernel.ts';

/** For each of the leading axes its own choice, along the axis behind them. */
function gatherInBatch(graph: GraphBuilder, x: Value, indices: Value, axis: number, batchAxes: number): Value {
  if (axis !== batchAxes) {
    throw new UserError("gather along an axis that does not follow the batch axes can't be compiled", {
      where: 'engine onnx',
      remedy: 'Transpose so that the axis comes right after them.',
    });
  }
  const places = cast(graph, reshape(graph, indices, [...indices.shape, 1]), 'int64');
  const shape = [...indices.shape, ...x.shape.slice(axis + 1)];
  return widened(graph, graph.node('GatherND', [x, places], { shape, dtype: x.dtype }, { batch_dims: batchAxes }));
}

const gather: Recorder = ({ graph, inputs, attributes }) => {
  const { x, indices } = inputs as { x: Value; indices: Value };
  const axis = fromFront(attributes.axis, x.shape.length);
  const batchAxes = attributes.batchDims ?? 0;
  if (batchAxes > 0) return gatherInBatch(graph, x, indices, axis, fromFront(batchAxes, indices.shape.length));
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return widened(graph, graph.node('Gather', [x, indices], { shape, dtype: x.dtype }, { axis }));
};

/** Rows outside `[0, numSegments)` are made 0, and go to the first segment: those that are summed are few beside the segments. */
const unsortedSegmentSum: Recorder = ({ graph, inputs, attributes }) => {
  const { x, segmentIds } = inputs as { x: Value; segmentIds: Value };
  const segments: number = attributes.numSegments;
  const row = x.shape.slice(segmentIds.shape.length);
  const bound = (value: number) => graph.broadcast(graph.uniform(value, [], segmentIds.dtype));
  const bool = { shape: segmentIds.shape, dtype: 'bool' } as const;
  const inside = graph.node(
    'And',
    [
      graph.node('GreaterOrEqual', [segmentIds, bound(0)], bool),
      graph.node('Less', [segmentIds, bound(segments)], bool),
    ],
    bool,
  );
  const counted = graph.node(
    'Where',
    [
      reshape(graph, inside, [...segmentIds.shape, ...row.map(() => 1)]),
      x,
      graph.broadcast(graph.uniform(0, [], x.dtype)),
    ],
    x,
  );
  const ids = graph.node('Where', [inside, segmentIds, bound(0)], segmentIds);
  const rows = reshape(graph, counted, [elementCount(segmentIds.shape), elementCount(row)]);
  return reshape(graph, sumsByNumber(graph, rows, ids, segments), [segments, ...row]);
};

/** By comparison with all numbers, so that those outside of the depth are in no place. */
const oneHot: Recorder = ({ graph, inputs, attributes: { depth, onValue, offValue, dtype = 'int32' } }) => {
  const indices = inputs.indices!;
  const shape = [...indices.shape, depth];
  const numbers = graph.constant(
    Array.from({ length: depth }, (_, index) => index),
    [depth],
    indices.dtype,
  );
  const hits = { shape, dtype: 'bool' } as const;
  const hit = graph.node('Equal', [reshape(graph, indices, [...indices.shape, 1]), graph.broadcast(numbers)], hits);
  const [on, off] = [onValue, offValue].map((value) => graph.broadcast(graph.uniform(value, [], dtype)));
  return graph.node('Where', [hit, on!, off!], { shape, dtype });
};

/**
 * A list with some of its elements written anew, at places that are all different.
 * @throws UserError where something else than a list is given
 */
const scatterUpdate: Recorder = ({ graph, inputs }) => {
  const { tensor, indices, updates } = inputs as Record<'tensor' | 'indices' | 'updates', Value>;
  if (tensor.shape.length !== 1) {
    throw new UserError("elements that are written anew by several axes can't be compiled", {
      where: 'engine onnx',
      remedy: 'Reshape the tensor to a list, and count the places in it.',
    });
  }
  const places = reshape(graph, indices, [elementCount(indices.shape)]);
  return graph.node('ScatterElements', [tensor, places, updates], tensor, { axis: 0 });
};

/** Choices by number, and sums of what was chosen. */
export const choices: Recorders = {
  GatherV2: gather,
  UnsortedSegmentSum: unsortedSegmentSum,
  OneHot: oneHot,
  TensorScatterUpdate: scatterUpdate,
};
