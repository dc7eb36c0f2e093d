/** Updates that come after everything that reads what they replace, so that they can be written over it. */
import { elementCount, sameShape } from '../../tensors/tensor.ts';
import type { Graph, Initializer, Node } from './graph.ts';
import { overwriting, placesOf, reached } from './overwriting.ts';

/** Operators that compute by element: what they write over an operand they have read before. */
const byElement = new Set(['Add', 'Sub', 'Mul', 'Div']);

/** Operators that read an operand whole, and whose result has nothing of its memory: ONNX Runtime merges what is behind them into them, not the other way. */
const solid = new Set(['MatMul', 'Gemm', 'Gather']);

type Places = ReturnType<typeof placesOf>;

/** The nodes that may read a value, if ONNX Runtime leaves out or merges those that only move or scale it. */
function readersThrough(graph: Graph, { readersOf, behind }: Places, name: string, maker: number): Set<number> {
  return reached(readersOf(name), (place) => {
    const node = graph.nodes[place]!;
    return place === maker || solid.has(node.operator) ? [] : behind(node);
  });
}

/**
 * Whether an output can be written over the input that it replaces: its maker computes by element, and all that may read the input is
 * needed for the output.
 */
function isLast(graph: Graph, places: Places, output: string, input: string): boolean {
  const maker = places.makers.get(output);
  if (maker === undefined || !byElement.has(graph.nodes[maker]!.operator)) return false;
  const ancestors = reached([maker], (place) => places.before(graph.nodes[place]!));
  return [...readersThrough(graph, places, input, maker)].every((place) => ancestors.has(place));
}

/** All outputs that can be written over the input that they replace. */
export function writtenOver(graph: Graph, inputOf: (output: string) => string | undefined): string[] {
  const places = placesOf(graph);
  const others = new Set(overwriting(graph, inputOf));
  return graph.outputs
    .map(({ name }) => name)
    .filter((name) => others.has(name) || (inputOf(name) !== undefined && isLast(graph, places, name, inputOf(name)!)));
}

/** Fewer elements are not worth a node. */
const leastElements = 2 ** 16;

/** A number that a node computes, and all nodes before it. */
interface Signal {
  readonly name: string;
  readonly needed: ReadonlySet<number>;
}

/** Arrays of a parameter's size that an update takes while it is computed, its gradient among them. */
const arraysOfUpdate = 4;

/** Whether all gradients together take more memory than the update of the largest parameter, so that it is worth while not to keep them. */
function gradientsWeighMost(sizes: readonly number[]): boolean {
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  return arraysOfUpdate * largest < sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * Results of one number, and, if `soon`, numbers that these are made of, such as the squared length of each gradient; those that need the
 * fewest nodes first.
 */
function signalsOf(
  graph: Graph,
  places: Places,
  inputOf: (output: string) => string | undefined,
  soon: boolean,
): Signal[] {
  const upTo = (place: number) => reached([place], (each) => places.before(graph.nodes[each]!));
  const results = graph.outputs.filter(
    ({ name, shape, dtype }) => inputOf(name) === undefined && dtype === 'float32' && elementCount(shape) === 1,
  );
  const ends = results.map(({ name }) => places.makers.get(name)!);
  const before = reached(ends, (place) => places.before(graph.nodes[place]!));
  const sums = [...(soon ? before : [])].filter((place) => {
    const { operator, outputs } = graph.nodes[place]!;
    const spec = graph.specs.get(outputs[0]!);
    return operator.startsWith('Reduce') && spec?.dtype === 'float32' && elementCount(spec.shape) === 1;
  });
  const named = new Map([
    ...sums.map((place) => [graph.nodes[place]!.outputs[0]!, place] as const),
    ...results.map(({ name }, index) => [name, ends[index]!] as const),
  ]);
  return [...named]
    .map(([name, place]) => ({ name, needed: upTo(place) }))
    .sort((a, b) => a.needed.size - b.needed.size);
}

/** As many nodes lie between a gradient and its squared length at most. */
const mostBetween = 4;

/** Whether a number is computed from what an update needs too, and hardly anything else: the squared length of its gradient. */
function isBeside({ nodes }: Graph, { makers, before }: Places, { name }: Signal, own: ReadonlySet<number>): boolean {
  const between = new Set<number>();
  const waiting = [makers.get(name)!];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (own.has(place) || between.has(place)) continue;
    between.add(place);
    if (between.size > mostBetween) return false;
    waiting.push(...before(nodes[place]!));
  }
  return between.size > 0;
}

/** The node that updates a parameter by taking a step from it, and both of its operands; undefined where it is made otherwise. */
function stepOf(graph: Graph, { makers }: Places, output: string) {
  const maker = makers.get(output);
  if (maker === undefined) return undefined;
  const { operator, inputs } = graph.nodes[maker]!;
  const [kept, step] = inputs as [string, string];
  const shape = graph.specs.get(output)!.shape;
  const isStep = operator === 'Sub' && sameShape(graph.specs.get(step)?.shape ?? [], shape);
  return isStep ? { maker, kept, step } : undefined;
}

/**
 * The same graph, in which a large parameter is updated after a number for which it was read for the last time, such as the squared length of a gradient
 * that is computed later, and after that of its own gradient: its step is reshaped, without a copy, to a shape that depends on these numbers. Updates come in the order in
 * which ONNX Runtime computes them as soon as it can, so that a gradient need not stay in memory until all are there. Where one parameter weighs more than the others,
 * such as a table of many words, all large ones are updated after a result for which all of them were read, such as the norm of the gradient.
 * @param inputOf the input that an output replaces; undefined where it is a new one
 */
export function withLateUpdates(graph: Graph, inputOf: (output: string) => string | undefined): Graph {
  const places = placesOf(graph);
  const large = graph.outputs.filter(
    ({ name, shape }) => inputOf(name) !== undefined && elementCount(shape) >= leastElements,
  );
  const updated = large.flatMap(({ name, shape }) => (stepOf(graph, places, name) ? [elementCount(shape)] : []));
  const soon = gradientsWeighMost(updated);
  const signals = signalsOf(graph, places, inputOf, soon);
  const nodes = [...graph.nodes];
  const initializers = new Map<string, Initializer>();
  const integers = (values: readonly number[]): string => {
    const name = `late/${values.join('x')}`;
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    initializers.set(name, { name, shape: [values.length], dtype: 'int64', bytes });
    return name;
  };
  const gates = new Map<string, string>();
  const gateOf = (result: string): string => {
    const known = gates.get(result);
    if (known !== undefined) return known;
    const named = (what: string) => `late/${result}/${what}`;
    nodes.push(
      { operator: 'Reshape', inputs: [result, integers([1])], outputs: [named('one')], attributes: {} },
      { operator: 'Cast', inputs: [named('one')], outputs: [named('whole')], attributes: { to: 7 } },
      { operator: 'Mul', inputs: [named('whole'), integers([0])], outputs: [named('zero')], attributes: {} },
    );
    gates.set(result, named('zero'));
    return named('zero');
  };
  /** The updates, and how many nodes each needs. */
  const updates = new Map<Node, number>();
  for (const { name, shape } of large) {
    const input = inputOf(name)!;
    const found = stepOf(graph, places, name);
    if (!found) continue;
    const { maker, kept, step } = found;
    const own = reached([maker], (place) => places.before(graph.nodes[place]!));
    const readers = readersThrough(graph, places, input, maker);
    const free = signals.filter(({ needed }) => !needed.has(maker));
    const isReadBefore = isLast(graph, places, name, input);
    const last = isReadBefore
      ? []
      : free.filter(({ needed }) => [...readers].every((place) => needed.has(place) || own.has(place))).slice(0, 1);
    if (last.length === 0 && !isReadBefore) continue;
    const beside = soon ? free.filter((signal) => isBeside(graph, places, signal, own)) : [];
    const waitsFor = new Set([...last, ...beside]);
    if (waitsFor.size === 0) continue;
    const late = `late/${name}`;
    const shaped = [...waitsFor].reduce((before, signal, index) => {
      const after = `${late}/shape${index}`;
      nodes.push({ operator: 'Add', inputs: [before, gateOf(signal.name)], outputs: [after], attributes: {} });
      return after;
    }, integers(shape));
    nodes.push({ operator: 'Reshape', inputs: [step, shaped], outputs: [late], attributes: {} });
    nodes[maker] = { ...graph.nodes[maker]!, inputs: [kept, late] };
    updates.set(nodes[maker], Math.max(own.size, ...last.map(({ needed }) => needed.size)));
  }
  if (initializers.size === 0) return graph;
  // ONNX Runtime computes what the last of the nodes needs that nothing else takes first.
  const inTime = soon ? [...updates].sort(([, a], [, b]) => b - a).map(([node]) => node) : [];
  const isInTime = new Set(inTime);
  const others = nodes.filter((node) => !isInTime.has(node));
  return {
    ...graph,
    nodes: inOrder([...others, ...inTime]),
    initializers: [...graph.initializers, ...initializers.values()],
  };
}

/** Nodes behind those whose results they take, otherwise in the order in which they come. */
function inOrder(nodes: readonly Node[]): Node[] {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const ordered = new Set<Node>();
  for (const first of nodes) {
    const waiting = [first];
    for (let node = waiting.at(-1); node !== undefined; node = waiting.at(-1)) {
      const missing = node.inputs.flatMap((name) => makers.get(name) ?? []).filter((each) => !ordered.has(each));
      if (missing.length > 0) waiting.push(...missing);
      else ordered.add(waiting.pop()!);
    }
  }
  return [...ordered];
}
