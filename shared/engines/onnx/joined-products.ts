/** Sums of many small products, such as a weight's gradient over the steps of a roll-out, as one product. */
import { elementCount, sameShape } from '../../tensors/tensor.ts';
import { type Graph, type Initializer, integerList, type Node, specsIn, type TensorSpec, withNodes } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** The fewest terms; with fewer, joining operands costs as much as it spares. */
const leastTerms = 4;

/** What an operand of a term may take at most: it is copied, and kept until all terms are there. */
const mostBytes = 2 ** 18;

/** The most bytes of all joined operands together. */
const mostJoined = 2 ** 26;

/** A product that sums over an axis of its operands. Those of a sum are joined along it. */
interface Product {
  /** The key of a product; products with the same key are alike but for the length of that axis. */
  readonly kind: string;
  readonly operands: readonly string[];
  /** Counted from the back. */
  readonly axis: number;
  /** The nodes of a product with such operands, whose summed axis is so long. */
  make(operands: readonly string[], length: number, named: (what: string, spec: TensorSpec) => string): Node[];
}

/** A term of a sum: a product, and what only moves its elements. */
interface Term {
  readonly moves: readonly Node[];
  readonly product: Product;
}

const withoutAxis = (shape: readonly number[], axis: number) => shape.toSpliced(shape.length - axis, 1, 0);

/** Whether a permutation exchanges the last two axes. */
function exchangesLast(perm: readonly number[]): boolean {
  const last = perm.length - 1;
  return perm.every((axis, place) => axis === (place === last ? last - 1 : place === last - 1 ? last : place));
}

/**
 * The same graph in which a sum of products over many steps is one product: operands are joined along the axis that is summed over. A sum
 * is taken in another order then.
 */
export function withJoinedProducts(graph: Graph): Graph {
  const specs = specsIn(graph);
  const { makers, readersOf } = placesOf(graph);
  const results = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers.map((each) => [each.name, each]));
  const shapeOf = (name: string) => specs.get(name)!.shape;
  const makerOf = (name: string): Node | undefined => graph.nodes[makers.get(name) ?? -1];
  const isReadOnce = (name: string) => !results.has(name) && readersOf(name).length === 1;
  const initializers = new Map<string, Initializer>();
  const sizes = (shape: readonly number[]): string => {
    const name = `joined/${shape.join('x')}`;
    initializers.set(name, integerList(name, shape));
    return name;
  };

  const isSum = ({ operator, inputs, outputs }: Node) =>
    operator === 'Add' &&
    specs.get(outputs[0]!)!.dtype === 'float32' &&
    inputs.every((name) => sameShape(shapeOf(name), shapeOf(outputs[0]!)));
  const termsOf = ({ inputs }: Node): string[] =>
    inputs.flatMap((name) => {
      const maker = makerOf(name);
      return maker && isSum(maker) && isReadOnce(name) ? termsOf(maker) : [name];
    });

  const productOf = ({ operator, inputs, outputs, attributes }: Node): Product | undefined => {
    const [left, right] = inputs as [string, string];
    if (operator === 'Gemm' && attributes.transA === 1 && attributes.transB === 0 && inputs.length === 2) {
      return {
        kind: JSON.stringify(['Gemm', ...[left, right].map((name) => withoutAxis(shapeOf(name), 2))]),
        operands: [left, right],
        axis: 2,
        make: (operands, _, named) => [
          { operator, inputs: operands, outputs: [named('product', specs.get(outputs[0]!)!)], attributes },
        ],
      };
    }
    if (operator === 'ReduceSum') {
      const axes = constants.get(right);
      if (axes?.shape[0] !== 1) return undefined;
      const [summed] = new BigInt64Array(axes.bytes.slice().buffer);
      const axis = shapeOf(left).length - Number(summed);
      return {
        kind: JSON.stringify([operator, axis, attributes, withoutAxis(shapeOf(left), axis)]),
        operands: [left],
        axis,
        make: ([joined], _, named) => [
          { operator, inputs: [joined!, right], outputs: [named('sum', specs.get(outputs[0]!)!)], attributes },
        ],
      };
    }
    if (operator !== 'MatMul') return undefined;
    const turned = makerOf(left);
    if (turned?.operator === 'Transpose' && exchangesLast(turned.attributes.perm as readonly number[])) {
      const [from] = turned.inputs as [string];
      const shapes = [from, right].map((name) => withoutAxis(shapeOf(name), 2));
      return {
        kind: JSON.stringify(['turned', ...shapes]),
        operands: [from, right],
        axis: 2,
        make([joined, other], length, named) {
          const shape = shapeOf(left).with(-1, length);
          const across = named('turned', { shape, dtype: 'float32' });
          return [
            { ...turned, inputs: [joined!], outputs: [across] },
            { operator, inputs: [across, other!], outputs: [named('product', specs.get(outputs[0]!)!)], attributes },
          ];
        },
      };
    }
    const filling = turned?.operator === 'Expand' ? turned.inputs[0]! : undefined;
    if (filling === undefined || !constants.has(filling) || elementCount(shapeOf(filling)) !== 1) return undefined;
    if (shapeOf(left).length !== 2 || shapeOf(right).length !== 2) return undefined;
    return {
      kind: JSON.stringify(['filled', filling, shapeOf(left)[0], shapeOf(right)[1]]),
      operands: [right],
      axis: 2,
      make([joined], length, named) {
        const shape = [shapeOf(left)[0]!, length];
        const filled = named('filled', { shape, dtype: 'float32' });
        return [
          { operator: 'Expand', inputs: [filling, sizes(shape)], outputs: [filled], attributes: {} },
          { operator, inputs: [filled, joined!], outputs: [named('product', specs.get(outputs[0]!)!)], attributes },
        ];
      },
    };
  };
  const bytesOf = (name: string) => elementCount(shapeOf(name)) * Float32Array.BYTES_PER_ELEMENT;
  const termOf = (name: string): Term | undefined => {
    const maker = makerOf(name);
    if (!maker || !isReadOnce(name)) return undefined;
    const isMove = maker.operator === 'Transpose' || (maker.operator === 'Reshape' && constants.has(maker.inputs[1]!));
    if (isMove) {
      const inner = termOf(maker.inputs[0]!);
      return inner && { ...inner, moves: [maker, ...inner.moves] };
    }
    const product = productOf(maker);
    return product?.operands.every((each) => bytesOf(each) <= mostBytes) ? { moves: [], product } : undefined;
  };
  const kindOf = ({ moves, product: { kind } }: Term) =>
    JSON.stringify([kind, moves.map(({ operator, inputs, attributes }) => [operator, inputs.slice(1), attributes])]);

  const joins = new Map<string, string>();
  let bytesJoined = 0;
  /** The nodes in the place of a sum; undefined where it stays. */
  const inOne = (sum: Node): Node[] | undefined => {
    const [made] = sum.outputs as [string];
    // In the order in which they come, so that what several sums have in common is joined once.
    const names = termsOf(sum).sort((a, b) => (makers.get(a) ?? 0) - (makers.get(b) ?? 0));
    if (names.length < leastTerms) return undefined;
    const groups = Map.groupBy(names, (name) => {
      const term = termOf(name);
      return term ? kindOf(term) : '';
    });
    const joined = [...groups].filter(([kind, terms]) => kind !== '' && terms.length >= leastTerms);
    const bytes = joined.flatMap(([, terms]) => terms.flatMap((name) => termOf(name)!.product.operands.map(bytesOf)));
    const total = bytes.reduce((sum, each) => sum + each, bytesJoined);
    if (joined.length === 0 || total > mostJoined) return undefined;
    bytesJoined = total;
    const nodes: Node[] = [];
    const named = (what: string, spec: TensorSpec): string => {
      const name = `${made} ${nodes.length} ${what}`;
      specs.set(name, spec);
      return name;
    };
    const add = (node: Node): string => {
      nodes.push(node);
      return node.outputs[0]!;
    };
    const sideBySide = (operands: readonly string[], axis: number): string => {
      const key = JSON.stringify([axis, operands]);
      const known = joins.get(key);
      if (known !== undefined) return known;
      const shape = shapeOf(operands[0]!);
      const place = shape.length - axis;
      const length = operands.reduce((total, name) => total + shapeOf(name)[place]!, 0);
      const output = named('operands', { shape: shape.with(place, length), dtype: 'float32' });
      joins.set(key, add({ operator: 'Concat', inputs: operands, outputs: [output], attributes: { axis: place } }));
      return output;
    };
    const productOfAll = (terms: readonly Term[]): string => {
      const { moves, product } = terms[0]!;
      const operands = product.operands.map((_, index) =>
        sideBySide(
          terms.map((term) => term.product.operands[index]!),
          product.axis,
        ),
      );
      const length = shapeOf(operands[0]!).at(-product.axis)!;
      let latest = '';
      for (const node of product.make(operands, length, named)) latest = add(node);
      for (const move of moves.toReversed()) {
        const output = named('moved', specs.get(move.outputs[0]!)!);
        latest = add({ ...move, inputs: [latest, ...move.inputs.slice(1)], outputs: [output] });
      }
      return latest;
    };
    const taken = new Set(joined.flatMap(([, terms]) => terms));
    const parts = [
      ...joined.map(([, terms]) => productOfAll(terms.map((name) => termOf(name)!))),
      ...names.filter((name) => !taken.has(name)),
    ];
    parts.reduce((before, part) => add({ ...sum, inputs: [before, part], outputs: [named('sum', specs.get(made)!)] }));
    nodes.push({ ...nodes.pop()!, outputs: [made] });
    return nodes;
  };

  const isPart = (node: Node) =>
    isReadOnce(node.outputs[0]!) && readersOf(node.outputs[0]!).every((place) => isSum(graph.nodes[place]!));
  const nodes = graph.nodes.flatMap((node) => (isSum(node) && !isPart(node) ? (inOne(node) ?? [node]) : [node]));
  if (joins.size === 0) return graph;
  return withNodes(graph, nodes, { specs, initializers: initializers.values() });
}
