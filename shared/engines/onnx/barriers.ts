/** Where ONNX Runtime is kept from moving a transposition to where it costs more. */
import { elementCount } from '../../tensors/tensor.ts';
import type { Graph, Node } from './graph.ts';

/** Smaller matrices are turned in no time, wherever that is. */
const leastElements = 1024;

/** Operators that transpose an operand while they read it: before them, transpositions are joined with them. */
const products = new Set(['MatMul', 'Gemm']);

/**
 * The graph with a `Flatten`, which ONNX Runtime doesn't look through and which costs nothing, at transposed matrices:
 *
 * - Behind one that is only reshaped. The transposition would be moved behind the reshaping, where it exchanges many axes of few elements and takes
 *   several times as long.
 * - Before one of a product of few rows and columns from many places, a weight's gradient. The product would be turned around, and its wider
 *   operand be transposed instead of the narrower one.
 */
export function withBarriers(graph: Graph): Graph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  const results = new Set(graph.outputs.map(({ name }) => name));
  const specs = new Map(graph.specs);
  for (const value of [...graph.inputs, ...graph.initializers]) specs.set(value.name, value);
  const sizesOf = (name: string) => specs.get(name)!.shape;
  const isTurned = ({ operator, outputs }: Node) => {
    const shape = sizesOf(outputs[0]!);
    return operator === 'Transpose' && shape.length === 2 && elementCount(shape) >= leastElements;
  };
  const isOnlyReshaped = (name: string) => {
    const all = readers.get(name) ?? [];
    return !results.has(name) && all.length > 0 && all.every(({ operator }) => operator === 'Reshape');
  };
  const isFromMany = (name: string) => {
    const maker = makers.get(name);
    return (
      maker !== undefined &&
      products.has(maker.operator) &&
      elementCount(sizesOf(maker.inputs[0]!)) > 2 * elementCount(sizesOf(name))
    );
  };
  const flattened = (from: string, to: string): Node => ({
    operator: 'Flatten',
    inputs: [from],
    outputs: [to],
    attributes: { axis: 1 },
  });
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (!isTurned(node)) return [node];
    const [from, to] = [node.inputs[0]!, node.outputs[0]!];
    const before = isFromMany(from);
    const behind = isOnlyReshaped(to);
    const [given, made] = [before ? `${to} given` : from, behind ? `${to} made` : to];
    specs.set(given, specs.get(from)!);
    specs.set(made, specs.get(to)!);
    return [
      ...(before ? [flattened(from, given)] : []),
      { ...node, inputs: [given], outputs: [made] },
      ...(behind ? [flattened(made, to)] : []),
    ];
  });
  return { ...graph, nodes, specs };
}
