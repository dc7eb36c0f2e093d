/** A graph that reshapes less: what is computed by element is computed in a shape that its operands have anyway. */
import { elementCount, sameShape } from '../../tensors/tensor.ts';
import { type Graph, type Initializer, integerList, type Node, specsIn } from './graph.ts';

type Shape = readonly number[];

/** Operators that compute each element by itself, so that a shape is no matter to them. */
const byElement = new Set(
  [
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Neg', 'Abs', 'Sqrt', 'Reciprocal', 'Sign'],
    ['Exp', 'Log', 'Erf', 'Tanh', 'Sigmoid', 'Softplus', 'Relu', 'LeakyRelu', 'Elu', 'Sin', 'Cos'],
    ['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'And', 'Not', 'Where', 'Cast', 'IsNaN'],
  ].flat(),
);

/** With so many elements ONNX Runtime is slow where an operand is repeated along a last axis of one element. */
const slowSize = 4096;

const keyOf = (shape: Shape) => shape.join('x');

/**
 * The shape of an operand that is repeated along axes of `from`, where its elements are given the shape `to` instead; undefined where no
 * shape does it.
 */
export function repeatedIn(operand: Shape, from: Shape, to: Shape): number[] | undefined {
  /** Axes side by side along which it is repeated, or is not: how many elements lie up to their end, from the back. */
  const runs: { end: number; isRepeated: boolean }[] = [];
  let elements = 1;
  for (let back = 1; back <= from.length; back++) {
    const size = from.at(-back)!;
    if (size === 1) continue;
    elements *= size;
    const isRepeated = (operand.at(-back) ?? 1) === 1 || back > operand.length;
    if (runs.at(-1)?.isRepeated === isRepeated) runs.at(-1)!.end = elements;
    else runs.push({ end: elements, isRepeated });
  }
  const shape: number[] = [];
  let start = 1;
  for (const size of to.toReversed()) {
    const run = runs.find(({ end }) => end > start);
    const end = start * size;
    if (size > 1 && end > run!.end) return undefined;
    shape.unshift(size > 1 && !run!.isRepeated ? size : 1);
    start = end;
  }
  // Axes of one element in front are there without being written.
  return shape.slice(shape.findIndex((size) => size !== 1));
}

/**
 * The same graph with fewer nodes `Reshape`: values that differ by their shape alone are one, and are given another shape where an operator
 * asks for it. An operator by element takes the shape that most of its operands have, and its readers ask for. Numbers and their order
 * stay what they are.
 */
export function withFewerReshapes(graph: Graph): Graph {
  const declared = specsIn(graph);
  const shapeOf = (name: string): Shape => declared.get(name)!.shape;
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const results = new Set(graph.outputs.map(({ name }) => name));

  const isReshape = ({ operator, inputs, outputs }: Node) =>
    operator === 'Reshape' && constants.has(inputs[1]!) && !results.has(outputs[0]!);
  const isByElement = ({ operator, domain, outputs }: Node) =>
    domain === undefined &&
    byElement.has(operator) &&
    !results.has(outputs[0]!) &&
    elementCount(shapeOf(outputs[0]!)) > 1;
  const isWhole = (operand: string, result: string) => elementCount(shapeOf(operand)) === elementCount(shapeOf(result));

  /** The shapes in which each value is read, by name. */
  const wanted = new Map<string, ReadonlySet<string>>();
  const want = (name: string, shapes: ReadonlySet<string>): void => {
    const known = wanted.get(name);
    if (known === undefined) wanted.set(name, shapes);
    else if (![...shapes].every((shape) => known.has(shape))) wanted.set(name, new Set([...known, ...shapes]));
  };
  const wantedOf = (name: string): ReadonlySet<string> => wanted.get(name) ?? new Set();
  for (const node of graph.nodes.toReversed()) {
    const [made] = node.outputs as [string];
    if (isReshape(node)) want(node.inputs[0]!, wantedOf(made));
    else {
      for (const name of node.inputs) {
        if (!isByElement(node)) want(name, new Set([keyOf(shapeOf(name))]));
        else if (isWhole(name, made)) want(name, wantedOf(made));
      }
    }
  }

  const specs = new Map(graph.specs);
  const nodes: Node[] = [];
  const initializers = new Map<string, Initializer>();
  const sizes = (shape: Shape): string => {
    const name = `shape/${keyOf(shape)}`;
    initializers.set(name, integerList(name, shape));
    return name;
  };

  /** The value that a name has the elements of. */
  const roots = new Map<string, string>();
  const rootOf = (name: string) => roots.get(name) ?? name;
  /** By such a value, its names by shape; the one in which it was made is the first. */
  const forms = new Map<string, Map<string, string>>();
  const formsOf = (name: string): Map<string, string> =>
    forms.get(rootOf(name)) ?? new Map([[keyOf(shapeOf(rootOf(name))), rootOf(name)]]);
  /** A name of the value in this shape. */
  const shaped = (name: string, shape: Shape): string => {
    const known = formsOf(name);
    const found = known.get(keyOf(shape));
    if (found !== undefined) return found;
    const isOwn = rootOf(name) !== name && sameShape(shapeOf(name), shape);
    const made = isOwn ? name : `${rootOf(name)} as ${keyOf(shape)}`;
    specs.set(made, { shape, dtype: declared.get(name)!.dtype });
    const from = known.values().next().value!;
    nodes.push({ operator: 'Reshape', inputs: [from, sizes(shape)], outputs: [made], attributes: {} });
    forms.set(rootOf(name), known.set(keyOf(shape), made));
    return made;
  };

  /** The shapes of an operator's operands where its result has this shape; undefined where it can't. */
  const operandsFor = ({ inputs, outputs }: Node, shape: Shape): Shape[] | undefined => {
    const [made] = outputs as [string];
    const operands = inputs.map((name) => {
      const own = shapeOf(name);
      if (sameShape(shape, shapeOf(made))) return own;
      if (isWhole(name, made)) return shape;
      if (elementCount(own) === 1) return [];
      return repeatedIn(own, shapeOf(made), shape);
    });
    const isSlow =
      shape.at(-1) === 1 && elementCount(shape) >= slowSize && !inputs.every((name) => isWhole(name, made));
    return isSlow || operands.includes(undefined) ? undefined : (operands as Shape[]);
  };

  /** Whether an operator's operands have no other shapes than they are declared with, nor than its result. */
  const isPlain = ({ inputs, outputs: [made] }: Node): boolean =>
    inputs.every(
      (name) =>
        !roots.has(name) && !forms.has(name) && (!isWhole(name, made!) || sameShape(shapeOf(name), shapeOf(made!))),
    );

  const computed = (node: Node): void => {
    if (isPlain(node)) {
      nodes.push(node);
      return;
    }
    const [made] = node.outputs as [string];
    const asked = wantedOf(made);
    const candidates = new Map([[keyOf(shapeOf(made)), shapeOf(made)]]);
    for (const name of node.inputs.filter((each) => isWhole(each, made))) {
      for (const [key, form] of formsOf(name)) candidates.set(key, (specs.get(form) ?? declared.get(form)!).shape);
    }
    const costed = [...candidates].flatMap(([key, shape]) => {
      const operands = operandsFor(node, shape);
      if (!operands) return [];
      const missing = node.inputs.filter((name, index) => !formsOf(name).has(keyOf(operands[index]!)));
      const others = [...asked].filter((each) => each !== key);
      return [{ shape, operands, cost: new Set(missing.map(rootOf)).size + others.length }];
    });
    const best = costed.reduce((least, each) => (each.cost < least.cost ? each : least), costed[0] ?? undefined!);
    if (!best) {
      taken(node);
      return;
    }
    const inputs = node.inputs.map((name, index) => shaped(name, best.operands[index]!));
    nodes.push({ ...node, inputs });
    if (sameShape(best.shape, shapeOf(made))) return;
    specs.set(made, { ...declared.get(made)!, shape: best.shape });
    forms.set(made, new Map([[keyOf(best.shape), made]]));
  };
  const taken = (node: Node): void => {
    const inputs = node.inputs.map((name) => (roots.has(name) || forms.has(name) ? shaped(name, shapeOf(name)) : name));
    nodes.push({ ...node, inputs });
  };

  for (const node of graph.nodes) {
    if (isReshape(node)) roots.set(node.outputs[0]!, rootOf(node.inputs[0]!));
    else if (isByElement(node)) computed(node);
    else taken(node);
  }
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const nameOf = (name: string) => (made.has(name) ? name : (formsOf(name).get(keyOf(shapeOf(name))) ?? name));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    ...graph,
    nodes,
    specs,
    initializers: [...graph.initializers, ...initializers.values()].filter(({ name }) => read.has(name)),
    backwards: new Map([...graph.backwards].map(([name, of]) => [nameOf(name), nameOf(of)])),
  };
}
