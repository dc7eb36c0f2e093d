/** Sums of a product and something else: as one node on a GPU, as two on the processor. */
import { elementCount, sameShape } from '../../tensors/tensor.ts';
import { type Graph, type Node, neededNodes, specsIn } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** From so many columns on, where the result is large too, product and sum are quicker by themselves: what a product is computed on top of is copied by one thread. */
const leastColumns = 128;
const leastElements = 2 ** 16;

/** A product of two matrices. */
interface Product {
  readonly node: Node;
  readonly attributes: { readonly transA: number; readonly transB: number };
}

/**
 * The same graph in which products are computed on top of what is added to them, or large ones are kept from being: ONNX Runtime would do that with each `MatMul`, but leaves a `Gemm` as it is.
 * @param inOne whether they are, as on a GPU, where each node is a dispatch
 */
export function withSumsOfProducts(graph: Graph, inOne: boolean): Graph {
  const specs = specsIn(graph);
  const { makers, readersOf } = placesOf(graph);
  const results = new Set(graph.outputs.map(({ name }) => name));
  const shapeOf = (name: string) => specs.get(name)!.shape;
  const isAddend = (name: string, shape: readonly number[]) =>
    specs.get(name)!.dtype === 'float32' &&
    (sameShape(shapeOf(name), shape) || sameShape(shapeOf(name), shape.slice(-1)));
  const productOf = (name: string): Product | undefined => {
    const node = graph.nodes[makers.get(name) ?? -1];
    if (node?.inputs.length !== 2 || results.has(name) || readersOf(name).length !== 1) return undefined;
    const [left, right] = node.inputs.map(shapeOf) as [readonly number[], readonly number[]];
    if (left.length !== 2 || right.length !== 2) return undefined;
    if (node.operator === 'MatMul') return { node, attributes: { transA: 0, transB: 0 } };
    if (node.operator !== 'Gemm') return undefined;
    const { transA = 0, transB = 0, ...others } = node.attributes as Record<string, number>;
    if (Object.keys(others).length > 0) return undefined;
    return { node, attributes: { transA, transB } };
  };
  const kept = new Map<Node, Node>();
  const nodes = graph.nodes.map((node): Node => {
    const [made] = node.outputs as [string];
    if (node.operator !== 'Add') return node;
    const shape = shapeOf(made);
    const found = node.inputs.flatMap((name, index) => {
      const addend = node.inputs[1 - index]!;
      const product = sameShape(shapeOf(name), shape) && isAddend(addend, shape) ? productOf(name) : undefined;
      return product ? [{ ...product, addend }] : [];
    });
    if (inOne && found[0]) {
      const { node: product, attributes, addend } = found[0];
      return { operator: 'Gemm', inputs: [...product.inputs, addend], outputs: [made], attributes };
    }
    if (shape.at(-1)! < leastColumns || elementCount(shape) < leastElements) return node;
    for (const { node: product, attributes } of found) kept.set(product, { ...product, operator: 'Gemm', attributes });
    return node;
  });
  const needed = neededNodes(
    nodes.map((node) => kept.get(node) ?? node),
    [...results],
  );
  return { ...graph, nodes: needed };
}
