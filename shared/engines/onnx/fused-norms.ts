/** Layer norms and root-mean-square norms as one operator each, which goes over the rows once. */
import { type Graph, type Initializer, type Node, specsIn, withNodes } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** What is found of a norm: rows, what they are divided by, and what comes of it. */
interface Norm {
  readonly operator: 'LayerNormalization' | 'SimplifiedLayerNormalization';
  readonly rows: string;
  readonly epsilon: number;
  readonly inverse: string;
}

const floatIn = ({ bytes }: Initializer) => new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);

/**
 * The same graph in which rows that are divided by their deviation, or by their root mean square, are the result of one operator, with what they are divided by as a second one, which gradients read. Where nothing
 * else reads the divided rows than the weight and the bias of the norm, the operator applies those, too. Sums over a row are taken in another order then.
 * @param onDevice whether it is for a GPU. There the operator takes the mean of squares less the square of the mean, which loses digits where the mean is large, so it is given rows whose mean was taken away; and the second result of the root mean square is wrong
 * (ONNX Runtime 1.30), so that norm stays as it is where gradients read it.
 */
export function withFusedNorms(graph: Graph, onDevice: boolean): Graph {
  const specs = specsIn(graph);
  const { makers, readersOf } = placesOf(graph);
  const results = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers.map((each) => [each.name, each]));
  const shapeOf = (name: string) => specs.get(name)!.shape;
  const made = (name: string, operator: string): Node | undefined => {
    const maker = graph.nodes[makers.get(name) ?? -1];
    return maker?.operator === operator ? maker : undefined;
  };
  const isList = (name: string, size: number) => shapeOf(name).length === 1 && shapeOf(name)[0] === size;

  /** The rows whose mean is so called. */
  const averaged = (name: string): string | undefined => {
    const mean = made(name, 'ReduceMean');
    const axes = mean && constants.get(mean.inputs[1]!);
    if (!mean || axes?.shape[0] !== 1 || mean.attributes.keepdims !== 1) return undefined;
    const rank = shapeOf(mean.inputs[0]!).length;
    const [axis] = new BigInt64Array(axes.bytes.slice().buffer);
    return Number(axis) === rank - 1 || Number(axis) === -1 ? mean.inputs[0]! : undefined;
  };
  /** Of a number that is added to all of a value: the value and the number. */
  const shifted = (name: string): { readonly value: string; readonly number: number } | undefined => {
    const sum = made(name, 'Add');
    const [value, number] = sum?.inputs ?? [];
    const constant = constants.get(number ?? '');
    if (value === undefined || constant?.dtype !== 'float32' || constant.bytes.length !== 4) return undefined;
    return { value, number: floatIn(constant) };
  };
  /** The norm by which a product divides one of its operands. */
  const normOf = ({ operator, inputs: [divided, inverse] }: Node): Norm | undefined => {
    if (operator !== 'Mul') return undefined;
    const root = made(inverse!, 'Reciprocal');
    const sum = root && made(root.inputs[0]!, 'Sqrt');
    const mean = sum && shifted(sum.inputs[0]!);
    const square = mean && averaged(mean.value);
    const product = square === undefined ? undefined : made(square, 'Mul');
    if (!mean || !product?.inputs.every((name) => name === divided)) return undefined;
    const found = { inverse: inverse!, epsilon: mean.number };
    const centred = made(divided!, 'Sub');
    const isCentred = centred && averaged(centred.inputs[1]!) === centred.inputs[0];
    if (isCentred && readersOf(divided!).length <= 3 && !results.has(divided!)) {
      return { ...found, operator: 'LayerNormalization', rows: onDevice ? divided! : centred.inputs[0]! };
    }
    return { ...found, operator: 'SimplifiedLayerNormalization', rows: divided! };
  };

  const initializers = new Map<string, Initializer>();
  const ones = (size: number): string => {
    const name = `norm/ones/${size}`;
    const bytes = new Uint8Array(new Float32Array(size).fill(1).buffer);
    initializers.set(name, { name, shape: [size], dtype: 'float32', bytes });
    return name;
  };
  /** The node that reads nothing but divided rows, and a list as its other operand. */
  const withList = (rows: string, operator: string): { readonly node: Node; readonly list: string } | undefined => {
    const [place, ...others] = readersOf(rows);
    const node = graph.nodes[place ?? -1];
    if (node?.operator !== operator || others.length > 0 || results.has(rows)) return undefined;
    const [value, list] = node.inputs as [string, string];
    return value === rows && isList(list, shapeOf(rows).at(-1)!) ? { node, list } : undefined;
  };
  /** Weight and bias that divided rows are given, where nothing else reads them. */
  const affineOf = (rows: string, operator: Norm['operator']) => {
    const scaled = withList(rows, 'Mul');
    if (!scaled) return undefined;
    const moved = operator === 'LayerNormalization' ? withList(scaled.node.outputs[0]!, 'Add') : undefined;
    const { outputs } = (moved ?? scaled).node;
    return { factors: [scaled.list, ...(moved ? [moved.list] : [])], outputs, place: makers.get(outputs[0]!)! };
  };

  /** The new node by the index of the node that it replaces. */
  const placed = new Map<number, Node>();
  const gone = new Set<number>();
  for (const [place, node] of graph.nodes.entries()) {
    const norm = normOf(node);
    if (!norm || specs.get(norm.rows)!.dtype !== 'float32') continue;
    const { operator, rows, epsilon, inverse } = norm;
    const attributes = { axis: -1, epsilon: { float: epsilon } };
    const isOwn = readersOf(inverse).length === 1 && !results.has(inverse);
    const affine = isOwn ? affineOf(node.outputs[0]!, operator) : undefined;
    if (affine) {
      placed.set(affine.place, { operator, inputs: [rows, ...affine.factors], outputs: affine.outputs, attributes });
      continue;
    }
    if (onDevice && operator === 'SimplifiedLayerNormalization') continue;
    const mean = `norm/${inverse}/mean`;
    specs.set(mean, specs.get(inverse)!);
    const outputs = [node.outputs[0]!, ...(operator === 'LayerNormalization' ? [mean] : []), inverse];
    placed.set(makers.get(inverse)!, { operator, inputs: [rows, ones(shapeOf(rows).at(-1)!)], outputs, attributes });
    gone.add(place);
  }
  if (placed.size === 0) return graph;
  const nodes = graph.nodes.flatMap((node, place) => placed.get(place) ?? (gone.has(place) ? [] : [node]));
  return withNodes(graph, nodes, { specs, initializers: initializers.values() });
}
