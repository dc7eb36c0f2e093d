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

/**
 * The same graph, in which large parameters are updated after a result for which all of them were read, such as the norm of the gradient: a
 * step of theirs is reshaped, without a copy, to a shape that depends on that result.
 * @param inputOf the input that an output replaces; undefined where it is a new one
 */
export function withLateUpdates(graph: Graph, inputOf: (output: string) => string | undefined): Graph {
  const places = placesOf(graph);
  const results = graph.outputs.filter(
    ({ name, shape, dtype }) => inputOf(name) === undefined && dtype === 'float32' && elementCount(shape) === 1,
  );
  const needs = results.map(({ name }) =>
    reached([places.makers.get(name)!], (place) => places.before(graph.nodes[place]!)),
  );
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
  for (const { name, shape } of graph.outputs) {
    const input = inputOf(name);
    const maker = places.makers.get(name);
    if (input === undefined || maker === undefined || elementCount(shape) < leastElements) continue;
    const { operator, inputs, ...rest } = graph.nodes[maker]!;
    const [kept, step] = inputs as [string, string];
    const isStep = operator === 'Sub' && sameShape(graph.specs.get(step)?.shape ?? [], shape);
    if (!isStep || isLast(graph, places, name, input)) continue;
    const own = reached([maker], (place) => places.before(graph.nodes[place]!));
    const readers = readersThrough(graph, places, input, maker);
    const at = needs.findIndex(
      (needed) => !needed.has(maker) && [...readers].every((place) => needed.has(place) || own.has(place)),
    );
    if (at < 0) continue;
    const late = `late/${name}`;
    nodes.push(
      {
        operator: 'Add',
        inputs: [integers(shape), gateOf(results[at]!.name)],
        outputs: [`${late}/shape`],
        attributes: {},
      },
      { operator: 'Reshape', inputs: [step, `${late}/shape`], outputs: [late], attributes: {} },
    );
    nodes[maker] = { ...rest, operator, inputs: [kept, late] };
  }
  if (initializers.size === 0) return graph;
  return { ...graph, nodes: inOrder(nodes), initializers: [...graph.initializers, ...initializers.values()] };
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
