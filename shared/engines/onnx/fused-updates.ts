/** Updates of parameters and moments, taken out of a step's graph to be computed behind it in one pass over memory. */
import { elementCount } from '../../tensors/tensor.ts';
import { type Graph, type Node, neededNodes, type Value } from './graph.ts';
import { placesOf, reached } from './overwriting.ts';
import { roles } from './roles.ts';
import { isOnlyMeasured, type RowSums, sumsOfRows, withRowSums } from './row-sums.ts';

/** Operators by element that give the same bits wherever they are computed: IEEE 754 says which. */
const operators = ['Add', 'Sub', 'Mul', 'Div', 'Sqrt', 'Neg', 'Abs'] as const;
export type UpdateOperator = (typeof operators)[number];

/** What an instruction takes: by its number a tensor, a scalar or the result of an instruction before it; or a constant. */
export type Term =
  | { readonly tensor: number }
  | { readonly scalar: number }
  | { readonly result: number }
  | { readonly constant: number };

interface Instruction {
  readonly operator: UpdateOperator;
  readonly operands: readonly Term[];
}

/** A program that is computed for each element: its instructions, and the terms that it writes. */
export interface UpdateProgram {
  readonly tensors: number;
  readonly scalars: number;
  readonly instructions: readonly Instruction[];
  /** The terms that are written. */
  readonly results: readonly Term[];
}

/** A program and the tensors of so many elements that it is for, by their names in the graph. */
export interface Update {
  readonly elements: number;
  /** Inputs of the step, and outputs of the graph. */
  readonly tensors: readonly string[];
  readonly scalars: readonly string[];
  /** Outputs of the step. */
  readonly results: readonly string[];
  readonly program: UpdateProgram;
  /** Of its tensors those of which the graph gives few rows, the others being zeros; absent: none. */
  readonly rowSums?: readonly RowSums[];
}

/** A graph without its updates. What they need of it is among its outputs. */
export interface FusedUpdates {
  readonly graph: Graph;
  readonly updates: readonly Update[];
}

/** The origin of a name: a node, an input or an initializer. */
interface Source {
  readonly value: Pick<Value, 'shape' | 'dtype'>;
  readonly node?: Node;
  /** The value of an initializer of one number. */
  readonly constant?: number;
  readonly kind: 'node' | 'input' | 'initializer';
}

function sourcesOf(graph: Graph): ReadonlyMap<string, Source> {
  const numberIn = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
  return new Map<string, Source>([
    ...graph.inputs.map((value) => [value.name, { value, kind: 'input' }] as const),
    ...graph.initializers.map(({ name, bytes, ...value }) => {
      const isNumber = value.dtype === 'float32' && bytes.length === Float32Array.BYTES_PER_ELEMENT;
      return [name, { value, kind: 'initializer', ...(isNumber ? { constant: numberIn(bytes) } : {}) }] as const;
    }),
    ...graph.nodes.flatMap((node) =>
      node.outputs.map((name) => [name, { value: graph.specs.get(name)!, node, kind: 'node' }] as const),
    ),
  ]);
}

const sizeOf = ({ value }: Source) => elementCount(value.shape);

/** The number that a tensor is all over. */
function filling(node: Node | undefined, sources: ReadonlyMap<string, Source>): number | undefined {
  return node?.operator === 'Expand' ? sources.get(node.inputs[0]!)?.constant : undefined;
}

/** Whether a node can be an instruction: by element, of what can be had when the graph has been computed. */
function canBeFused(node: Node, sources: ReadonlyMap<string, Source>): boolean {
  if (filling(node, sources) !== undefined) return true;
  if (![...operators, 'Identity'].includes(node.operator)) return false;
  const size = sizeOf(sources.get(node.outputs[0]!)!);
  return [...node.outputs, ...node.inputs].every((name) => {
    const source = sources.get(name);
    if (source?.value.dtype !== 'float32') return false;
    const own = sizeOf(source);
    if (own !== size && own !== 1) return false;
    if (source.kind === 'initializer') return source.constant !== undefined;
    if (source.kind === 'node') return true;
    return name.startsWith(roles.inputs) || (name.startsWith(roles.carried) && own > 1);
  });
}

/** The nodes that only updates need, all of which can be fused. */
function fusedNodes(
  graph: Graph,
  sources: ReadonlyMap<string, Source>,
  isUpdate: (name: string) => boolean,
): Set<Node> {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const elsewhere = new Set<string>();
  const fused = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    const [made] = node.outputs as [string];
    const isOwn = outputs.has(made) ? isUpdate(made) : true;
    if (isOwn && !elsewhere.has(made) && canBeFused(node, sources)) fused.add(node);
    else for (const name of node.inputs) elsewhere.add(name);
  }
  return fused;
}

/** The value itself where it was only given another shape, which needs no copy of it. */
function unshaped(name: string, sources: ReadonlyMap<string, Source>): string {
  const node = sources.get(name)!.node;
  return node?.operator === 'Reshape' && sources.get(node.inputs[0]!)?.node ? unshaped(node.inputs[0]!, sources) : name;
}

/** Nodes that have a tensor in common, in the order of the graph. */
function groupsOf(nodes: readonly Node[], sources: ReadonlyMap<string, Source>): Node[][] {
  const touching = new Map<string, number[]>();
  const namesOf = ({ inputs, outputs }: Node) =>
    [...inputs, ...outputs]
      .map((name) => unshaped(name, sources))
      .filter((name) => sizeOf(sources.get(name)!) > 1 && filling(sources.get(name)!.node, sources) === undefined);
  for (const [place, node] of nodes.entries()) {
    for (const name of namesOf(node)) touching.set(name, [...(touching.get(name) ?? []), place]);
  }
  const groups: Node[][] = [];
  const grouped = new Set<number>();
  for (const place of nodes.keys()) {
    if (grouped.has(place)) continue;
    const group = reached([place], (each) => namesOf(nodes[each]!).flatMap((name) => touching.get(name)!));
    for (const each of group) grouped.add(each);
    groups.push([...group].sort((a, b) => a - b).map((each) => nodes[each]!));
  }
  return groups;
}

/** The update that a group of nodes is. */
function updateOf(
  group: readonly Node[],
  sources: ReadonlyMap<string, Source>,
  fused: ReadonlySet<Node>,
  outputs: ReadonlySet<string>,
): Update {
  const [tensors, scalars]: [string[], string[]] = [[], []];
  const instructions: Instruction[] = [];
  const known = new Map<string, Term>();
  const numberIn = (names: string[], name: string) =>
    names.includes(name) ? names.indexOf(name) : names.push(name) - 1;
  const termOf = (name: string): Term => {
    const source = sources.get(name)!;
    if (source.constant !== undefined) return { constant: source.constant };
    if (source.node && fused.has(source.node)) return known.get(name) ?? resultOf(source.node);
    if (sizeOf(source) === 1) return { scalar: numberIn(scalars, name) };
    return { tensor: numberIn(tensors, unshaped(name, sources)) };
  };
  const compute = (node: Node): Term => {
    const constant = filling(node, sources);
    if (constant !== undefined) return { constant };
    const operands = node.inputs.map(termOf);
    if (node.operator === 'Identity') return operands[0]!;
    return { result: instructions.push({ operator: node.operator as UpdateOperator, operands }) - 1 };
  };
  const resultOf = (node: Node): Term => {
    const term = compute(node);
    known.set(node.outputs[0]!, term);
    return term;
  };
  const written: [string, Term][] = [];
  for (const node of group) {
    const made = node.outputs[0]!;
    const term = known.get(made) ?? resultOf(node);
    if (outputs.has(made)) written.push([made, term]);
  }
  return {
    elements: sizeOf(sources.get(group[0]!.outputs[0]!)!),
    tensors,
    scalars,
    results: written.map(([name]) => name),
    program: {
      tensors: tensors.length,
      scalars: scalars.length,
      instructions,
      results: written.map(([, term]) => term),
    },
  };
}

/** The names of an update's tensors, each once; a result is written over what it replaces. */
export function placesOfUpdate(
  { tensors, results }: Update,
  inputOf: (output: string) => string | undefined,
): string[] {
  return [...new Set([...tensors, ...results.map((name) => inputOf(name)!)])];
}

/**
 * What the graph computes for updates behind it, and would otherwise drop sooner, takes at most so many bytes of those that come first: with a large model,
 * gradients that are all kept to the end are what its step takes at its peak.
 */
const mostKept = 2 ** 26;

/**
 * The updates whose gradients come last, as many as may be kept; and those whose gradients wait in any case, as all do where they are clipped by their norm.
 * @param isBrief whether what is kept of a gradient is not worth counting
 */
function withinKept(
  updates: readonly Update[],
  graph: Graph,
  isBrief: (name: string) => boolean,
  mostBytes: number,
): Update[] {
  const places = placesOf(graph);
  const madeAt = ({ tensors }: Update) =>
    tensors.flatMap((name) => (isBrief(name) ? [] : (places.makers.get(name) ?? [])));
  const lastOf = (update: Update) => madeAt(update).reduce((last, place) => Math.max(last, place), 0);
  const waits = (update: Update): boolean => {
    const from = update.scalars.flatMap((name) => places.makers.get(name) ?? []);
    const needed = reached(from, (place) => places.before(graph.nodes[place]!));
    return madeAt(update).every((place) => needed.has(place));
  };
  let kept = 0;
  const taken = new Set<Update>();
  for (const update of updates.toSorted((a, b) => lastOf(b) - lastOf(a))) {
    const bytes = waits(update) ? 0 : madeAt(update).length * update.elements * Float32Array.BYTES_PER_ELEMENT;
    if (kept + bytes > mostBytes) continue;
    kept += bytes;
    taken.add(update);
  }
  return updates.filter((update) => taken.has(update));
}

/**
 * Takes out of a graph what only updates need and is computed by element: of an optimizer all behind the gradients and their norm.
 * @param inputOf the input that an output replaces; undefined where it is a new one
 * @param mostBytes that the tensors of an update may have together; larger ones stay in the graph
 * @param mostKeptBytes that gradients may have together which are kept for updates behind the graph
 */
export function withFusedUpdates(
  graph: Graph,
  inputOf: (output: string) => string | undefined,
  mostBytes: number,
  mostKeptBytes = mostKept,
): FusedUpdates {
  const sources = sourcesOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const isUpdate = (name: string) => inputOf(name) !== undefined && sizeOf(sources.get(name)!) > 1;
  const fused = fusedNodes(graph, sources, isUpdate);
  const ofTensors = [...fused].toReversed().filter(({ outputs: [made] }) => sizeOf(sources.get(made!)!) > 1);
  const replaced = new Set([...outputs].flatMap((name) => inputOf(name) ?? []));
  const all = groupsOf(ofTensors, sources)
    .map((group) => updateOf(group, sources, fused, outputs))
    .filter(({ results }) => results.length > 0)
    .filter((update) => {
      const own = new Set(update.results.map((name) => inputOf(name)));
      const bytes = placesOfUpdate(update, inputOf).length * update.elements * Float32Array.BYTES_PER_ELEMENT;
      // What the graph gives already has another place; what it writes over an input would be read instead of it.
      const canRead = (name: string) => !outputs.has(name) && (!replaced.has(name) || own.has(name));
      return bytes <= mostBytes && update.tensors.every(canRead);
    });
  const sumsIn = sumsOfRows(graph, (name) => filling(sources.get(name)?.node, sources) === 0);
  const { readersOf } = placesOf(graph);
  const briefSums = (name: string) => {
    const readers = readersOf(name).map((place) => graph.nodes[place]!);
    const others = readers.filter((node) => !fused.has(node));
    return isOnlyMeasured(others, graph.specs) ? sumsIn(name) : undefined;
  };
  const updates = withinKept(all, graph, (name) => briefSums(name) !== undefined, mostKeptBytes);
  const taken = new Set(updates.flatMap(({ results }) => results));
  const needed = new Set(updates.flatMap(({ tensors, scalars }) => [...tensors, ...scalars]));
  const results = [
    ...graph.outputs.filter(({ name }) => !taken.has(name)),
    ...[...needed].flatMap((name) => {
      const { kind, value } = sources.get(name)!;
      return kind === 'node' && !outputs.has(name) ? [{ name, shape: value.shape, dtype: value.dtype }] : [];
    }),
  ];
  const nodes = neededNodes(
    graph.nodes,
    results.map(({ name }) => name),
  );
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const rest: Graph = {
    ...graph,
    nodes,
    outputs: results,
    initializers: graph.initializers.filter(({ name }) => read.has(name)),
    inputs: graph.inputs.filter(({ name }) => read.has(name)),
  };
  const tables = updates.flatMap(({ tensors }) =>
    tensors.flatMap((name) => {
      const sums = briefSums(name);
      return sums ? [[name, sums] as const] : [];
    }),
  );
  const { graph: brief, sums } = withRowSums(rest, new Map(tables));
  return {
    graph: brief,
    updates: updates.map((update) => {
      const rowSums = sums.filter(({ name }) => update.tensors.includes(name));
      return rowSums.length === 0 ? update : { ...update, rowSums };
    }),
  };
}
