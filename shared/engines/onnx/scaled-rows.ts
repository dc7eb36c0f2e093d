/** Rows that are multiplied by a number each before a product, such as the gradients of scores for many words: multiplied behind it, where there is less to multiply. */
import { elementCount, sameShape } from '../../tensors/tensor.ts';
import { type Graph, type Node, neededNodes, specsIn } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** Fewer elements are multiplied in no time. */
const leastElements = 2 ** 16;

/** The same graph in which a matrix `[rows, columns]` goes into products as it is, and their results `[rows, others]`, or their other operands, are multiplied by the numbers `[rows, 1]` of its rows. */
export function withScaledRows(graph: Graph): Graph {
  const specs = specsIn(graph);
  const { readersOf } = placesOf(graph);
  const results = new Set(graph.outputs.map(({ name }) => name));
  const shapeOf = (name: string) => specs.get(name)!.shape;
  const replaced = new Map<Node, readonly Node[]>();

  /** A product of multiplied rows with the multiplication moved; undefined where it can't be. */
  const moved = (product: Node, rows: string, plain: string, scale: string): Node[] | undefined => {
    const { operator, inputs, outputs, attributes } = product;
    const [left, right] = inputs as [string, string];
    const isProduct = operator === 'MatMul' || operator === 'Gemm';
    if (!isProduct || inputs.length > 2 || left !== rows || right === rows || 'alpha' in attributes) return undefined;
    const name = `${outputs[0]} of plain rows`;
    if (attributes.transA === 1) {
      if (attributes.transB === 1) return undefined;
      specs.set(name, { shape: shapeOf(right), dtype: 'float32' });
      const other: Node = { operator: 'Mul', inputs: [right, scale], outputs: [name], attributes: {} };
      return [other, { ...product, inputs: [plain, name] }];
    }
    if (shapeOf(outputs[0]!).length !== 2) return undefined;
    specs.set(name, { shape: shapeOf(outputs[0]!), dtype: 'float32' });
    const result: Node = { operator: 'Mul', inputs: [name, scale], outputs, attributes: {} };
    return [{ ...product, inputs: [plain, right], outputs: [name] }, result];
  };
  for (const { operator, inputs, outputs } of graph.nodes) {
    const [made] = outputs as [string];
    const [plain, scale] = inputs as [string, string];
    const shape = operator === 'Mul' ? shapeOf(made) : [];
    const isOfRows =
      shape.length === 2 && sameShape(shapeOf(plain), shape) && sameShape(shapeOf(scale), [shape[0]!, 1]);
    if (!isOfRows || shape[1] === 1 || results.has(made) || elementCount(shape) < leastElements) continue;
    const products = readersOf(made).map((place) => graph.nodes[place]!);
    const others = products.map((product) => moved(product, made, plain, scale));
    const nodes = others.flatMap((each) => each ?? []);
    const multiplied = nodes.flatMap((node) =>
      node.operator === 'Mul' ? [elementCount(shapeOf(node.outputs[0]!))] : [],
    );
    const isLess = 2 * multiplied.reduce((sum, each) => sum + each, 0) < elementCount(shape);
    const isTaken = products.some((product) => replaced.has(product));
    if (others.includes(undefined) || !isLess || isTaken) continue;
    for (const [index, product] of products.entries()) replaced.set(product, others[index]!);
  }
  if (replaced.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node) => replaced.get(node) ?? [node]);
  return { ...graph, specs, nodes: neededNodes(nodes, [...results]) };
}
