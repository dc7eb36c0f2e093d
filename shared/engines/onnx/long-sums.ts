/** Sums of many numbers, such as the squared lengths of all gradients, as one node. */
import { type Graph, type Node, neededNodes, specsIn } from './graph.ts';
import { placesOf } from './overwriting.ts';

const leastTerms = 3;

/** The same graph in which a number that is the sum of others, one added after the other, is one sum of them all, which ONNX Runtime takes in that order, too. */
export function withLongSums(graph: Graph): Graph {
  const specs = specsIn(graph);
  const { makers, readersOf } = placesOf(graph);
  const results = new Set(graph.outputs.map(({ name }) => name));
  const isNumber = (name: string) => specs.get(name)!.dtype === 'float32' && specs.get(name)!.shape.length === 0;
  const isSum = (node: Node | undefined): node is Node => node?.operator === 'Add' && node.inputs.every(isNumber);
  const isPart = (name: string) => !results.has(name) && readersOf(name).length === 1;
  const termsOf = ({ inputs: [first, last] }: Node): string[] => {
    const before = graph.nodes[makers.get(first!) ?? -1];
    return [...(isSum(before) && isPart(first!) ? termsOf(before) : [first!]), last!];
  };
  const nodes = graph.nodes.map((node): Node => {
    const terms = isSum(node) ? termsOf(node) : [];
    return terms.length < leastTerms ? node : { ...node, operator: 'Sum', inputs: terms };
  });
  return { ...graph, nodes: neededNodes(nodes, [...results]) };
}
