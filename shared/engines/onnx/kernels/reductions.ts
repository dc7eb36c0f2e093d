import { fromFront, type Recorder, type Recorders } from './kernel.ts';

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

const softmax: Recorder = ({ graph, inputs }) => graph.node('Softmax', [inputs.logits!], inputs.logits!, { axis: -1 });

/** Kernels that take axes together. */
export const reductions: Recorders = {
  Sum: reduce('ReduceSum'),
  Mean: reduce('ReduceMean'),
  Max: reduce('ReduceMax', 'reductionIndices'),
  Min: reduce('ReduceMin'),
  Prod: reduce('ReduceProd'),
  Softmax: softmax,
};
