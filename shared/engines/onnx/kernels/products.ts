import { UserError } from '../../../core/errors.ts';
import type { GraphBuilder, Value } from '../graph.ts';
import { type Recorder, type Recorders, transpose, widened } from './kernel.ts';

function transposeLast(graph: GraphBuilder, x: Value): Value {
  const rank = x.shape.length;
  return transpose(graph, x, [...[...x.shape.keys()].slice(0, -2), rank - 1, rank - 2]);
}

/** The leading axes of a product of stacks of matrices. */
function leading(a: readonly number[], b: readonly number[]): number[] {
  const [left, right] = [a.slice(0, -2), b.slice(0, -2)];
  const rank = Math.max(left.length, right.length);
  const size = (sizes: readonly number[], index: number) => sizes[index - rank + sizes.length] ?? 1;
  return Array.from({ length: rank }, (_, index) => Math.max(size(left, index), size(right, index)));
}

function product(graph: GraphBuilder, x: Value, y: Value, transposeA: boolean, transposeB: boolean): Value {
  const [a, b] = [widened(graph, x, y), widened(graph, y, x)];
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const output = { shape: [...leading(a.shape, b.shape), rows, columns], dtype: a.dtype };
  if (output.shape.length === 2 && a.shape.length === 2 && b.shape.length === 2 && (transposeA || transposeB)) {
    return graph.node('Gemm', [a, b], output, { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 });
  }
  const left = transposeA ? transposeLast(graph, a) : a;
  const right = transposeB ? transposeLast(graph, b) : b;
  return graph.node('MatMul', [left, right], output);
}

const matMul: Recorder = ({ graph, inputs, attributes }) =>
  product(graph, inputs.a!, inputs.b!, attributes.transposeA, attributes.transposeB);

const activations: Readonly<Record<string, string>> = { relu: 'Relu', sigmoid: 'Sigmoid', elu: 'Elu' };

const fusedMatMul: Recorder = (call) => {
  const { graph, inputs, attributes } = call;
  const plain = matMul(call) as Value;
  const moved = inputs.bias ? graph.node('Add', [plain, inputs.bias], plain) : plain;
  if (attributes.activation === undefined || attributes.activation === 'linear') return moved;
  const operator = activations[attributes.activation];
  if (operator) return graph.node(operator, [moved], moved);
  throw new UserError(`the activation ${attributes.activation} of a fused product can't be compiled`, {
    remedy: 'Apply it after the product.',
  });
};

/** Products of matrices. */
export const products: Recorders = {
  BatchMatMul: matMul,
  _FusedMatMul: fusedMatMul,
};
