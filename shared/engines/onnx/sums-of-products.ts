/** Products of matrices with what is added to them, and with the numbers that they are multiplied by. */
import { elementCount, sameShape } from '../../tensors/tensor.ts';
import { type Graph, type Initializer, type Node, neededNodes, specsIn } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** From so many columns on, where the result is large too, product and sum are quicker by themselves: what a product is computed on top of is copied by one thread. */
const leastColumns = 128;
const leastElements = 2 ** 16;

interface Matrices {
  /** `[rows, terms]` and `[terms, columns]`, each as it is or transposed. */
  readonly inputs: readonly string[];
  readonly attributes: Node['attributes'];
}

const floatIn = ({ bytes }: Initializer) => new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);

/**
 * The same graph in which products of matrices are multiplied by constants as they are computed. On a GPU, where each node is a dispatch, they are also computed on top of what is added to them. On the processor large ones are kept from
 * being: ONNX Runtime would do that with each `MatMul`, but leaves a `Gemm` as it is.
 */
export function withSumsOfProducts(graph: Graph, onDevice: boolean): Graph {
  const specs = specsIn(graph);
  const { readersOf } = placesOf(graph);
  const results = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers.map((each) => [each.name, each]));
  const shapeOf = (name: string) => specs.get(name)!.shape;
  const isMatrix = (name: string) => shapeOf(name).length === 2;
  /** The nodes so far, by the value that they make. */
  const nodes = new Map<string, Node>();

  /** The product that a name stands for, where nothing else reads it. */
  const productOf = (name: string): Matrices | undefined => {
    const node = nodes.get(name);
    if (node?.inputs.length !== 2 || results.has(name) || readersOf(name).length !== 1) return undefined;
    const { operator, inputs, attributes } = node;
    if (operator !== 'Gemm' && operator !== 'MatMul') return undefined;
    return inputs.every(isMatrix) ? { inputs, attributes: operator === 'MatMul' ? {} : attributes } : undefined;
  };
  const numberOf = (name: string): number | undefined => {
    const constant = constants.get(name);
    return constant?.dtype === 'float32' && constant.bytes.length === 4 ? floatIn(constant) : undefined;
  };
  /** A product that is multiplied or divided by a number, as one node. */
  const scaled = ({ operator, inputs: [left, right], outputs }: Node): Node | undefined => {
    const number = numberOf(right!);
    const product = number === undefined ? undefined : productOf(left!);
    // Of a `MatMul` ONNX Runtime does it on the processor by itself.
    if (number === undefined || !product || (!onDevice && nodes.get(left!)!.operator === 'MatMul')) return undefined;
    const { inputs, attributes } = product;
    if ('alpha' in attributes) return undefined;
    const alpha = { float: operator === 'Mul' ? number : 1 / number };
    return { operator: 'Gemm', inputs, outputs, attributes: { ...attributes, alpha } };
  };
  /** A product and what is added to it, as one node on a GPU, and as two on the processor. */
  const summed = (node: Node): Node => {
    const shape = shapeOf(node.outputs[0]!);
    const isAddend = (name: string) =>
      specs.get(name)!.dtype === 'float32' &&
      (sameShape(shapeOf(name), shape) || sameShape(shapeOf(name), shape.slice(-1)));
    const isLarge = shape.at(-1)! >= leastColumns && elementCount(shape) >= leastElements;
    for (const [index, name] of node.inputs.entries()) {
      const addend = node.inputs[1 - index]!;
      const product = sameShape(shapeOf(name), shape) && isAddend(addend) ? productOf(name) : undefined;
      if (!product) continue;
      const { inputs, attributes } = product;
      if (onDevice) return { operator: 'Gemm', inputs: [...inputs, addend], outputs: node.outputs, attributes };
      if (isLarge) nodes.set(name, { operator: 'Gemm', inputs, outputs: [name], attributes });
    }
    return node;
  };
  for (const node of graph.nodes) {
    const isScaled = node.operator === 'Mul' || node.operator === 'Div';
    const made = node.operator === 'Add' ? summed(node) : ((isScaled ? scaled(node) : undefined) ?? node);
    nodes.set(made.outputs[0]!, made);
  }
  return { ...graph, nodes: neededNodes([...nodes.values()], [...results]) };
}
