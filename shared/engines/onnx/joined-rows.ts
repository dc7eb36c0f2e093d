/** Lists that are put one behind the other, as the gradients of small parameters are, without a node `Reshape` for each that was a matrix of one row. */
import { type Graph, type Initializer, integerList, type Node, specsIn, withNodes } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** The same graph in which rows are put side by side and then made a list, instead of each being made one first. */
export function withJoinedRows(graph: Graph): Graph {
  const specs = specsIn(graph);
  const { makers } = placesOf(graph);
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const initializers = new Map<string, Initializer>();
  const sizes = (shape: readonly number[]): string => {
    const name = `rows/${shape.join('x')}`;
    initializers.set(name, integerList(name, shape));
    return name;
  };
  /** The value of a list before it was given its shape. */
  const before = (list: string): string | undefined => {
    const maker = graph.nodes[makers.get(list) ?? -1];
    return maker?.operator === 'Reshape' && constants.has(maker.inputs[1]!) ? maker.inputs[0]! : undefined;
  };
  const isRow = (name: string | undefined) =>
    name !== undefined && specs.get(name)!.shape[0] === 1 && specs.get(name)!.shape.length === 2;

  const joined = ({ inputs, outputs: [made], attributes }: Node): Node[] => {
    const nodes: Node[] = [];
    const reshaped = (from: string, to: string, shape: readonly number[]): string => {
      specs.set(to, { shape, dtype: specs.get(from)!.dtype });
      nodes.push({ operator: 'Reshape', inputs: [from, sizes(shape)], outputs: [to], attributes: {} });
      return to;
    };
    const rows = inputs.map((list) => {
      const source = before(list);
      return isRow(source) ? source! : reshaped(source ?? list, `${list} as a row`, [1, ...specs.get(list)!.shape]);
    });
    const { shape, dtype } = specs.get(made!)!;
    const row = `${made} as a row`;
    specs.set(row, { shape: [1, ...shape], dtype });
    nodes.push({ operator: 'Concat', inputs: rows, outputs: [row], attributes: { ...attributes, axis: 1 } });
    reshaped(row, made!, shape);
    return nodes;
  };
  const nodes = graph.nodes.flatMap((node) => {
    const isOfLists = node.operator === 'Concat' && specs.get(node.outputs[0]!)!.shape.length === 1;
    const spared = isOfLists ? node.inputs.filter((list) => isRow(before(list))).length : 0;
    const taken = isOfLists ? node.inputs.filter((list) => before(list) === undefined).length + 1 : 0;
    return spared > taken ? joined(node) : [node];
  });
  if (initializers.size === 0) return graph;
  return withNodes(graph, nodes, { specs, initializers: initializers.values() });
}
