import type { Value } from '../graph.ts';
import { cast, fromFront, type KernelCall, type Recorder, type Recorders } from './kernel.ts';

/** Over the axes in an attribute, one or several; over all where it has none. */
function reduce(operator: string, axesIn = 'axis'): Recorder {
  return ({ graph, inputs, attributes }) => {
    const x = inputs.x!;
    const rank = x.shape.length;
    const asked: readonly number[] = [attributes[axesIn] ?? [...x.shape.keys()]].flat();
    const axes = asked.map((axis) => fromFront(axis, rank));
    if (axes.length === 0) return x;
    const shape = attributes.keepDims
      ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
      : x.shape.filter((_, axis) => !axes.includes(axis));
    const output = { shape, dtype: x.dtype };
    return graph.node(operator, [x, graph.integers(axes)], output, { keepdims: attributes.keepDims ? 1 : 0 });
  };
}

/** Where along an axis the largest or smallest value is, the first of equals. */
function place(operator: string): Recorder {
  return ({ graph, inputs, attributes }) => {
    const x = inputs.x!;
    const axis = fromFront([attributes.axis].flat()[0], x.shape.length);
    const found = { shape: x.shape.toSpliced(axis, 1), dtype: 'int64' } as const;
    return cast(graph, graph.node(operator, [x], found, { axis, keepdims: 0 }), 'int32');
  };
}

/** Makes the recorder of a reduction of truth values, which ONNX reduces as numbers. */
function logical(operator: string): Recorder {
  return (call: KernelCall) => {
    const numbers = { x: cast(call.graph, call.inputs.x!, 'int32') };
    return cast(call.graph, reduce(operator)({ ...call, inputs: numbers }) as Value, 'bool');
  };
}

const cumulative: Recorder = ({ graph, inputs, attributes }) => {
  const x = inputs.x!;
  const axis = graph.integers([fromFront(attributes.axis, x.shape.length)]);
  const flags = { exclusive: attributes.exclusive ? 1 : 0, reverse: attributes.reverse ? 1 : 0 };
  return graph.node('CumSum', [x, axis], x, flags);
};

const softmax: Recorder = ({ graph, inputs }) => graph.node('Softmax', [inputs.logits!], inputs.logits!, { axis: -1 });

const sum: Recorder = (call) => {
  const square = call.graph.squared(call.inputs.x!);
  return square ? reduce('ReduceSumSquare')({ ...call, inputs: { x: square } }) : reduce('ReduceSum')(call);
};

/** Kernels that take axes together. */
export const reductions: Recorders = {
  Sum: sum,
  Mean: reduce('ReduceMean'),
  Max: reduce('ReduceMax', 'reductionIndices'),
  Min: reduce('ReduceMin'),
  Prod: reduce('ReduceProd'),
  ArgMax: place('ArgMax'),
  ArgMin: place('ArgMin'),
  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  Cumsum: cumulative,
  Softmax: softmax,
};
