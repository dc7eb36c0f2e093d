/** Gradients of tables, of which a batch reaches few rows, given by those rows instead of as a table that is mostly zeros. */
import { type Graph, type Initializer, type Node, neededNodes, type TensorSpec } from './graph.ts';
import { placesOf } from './overwriting.ts';

/** A tensor `[all, size]` of zeros but for some rows, which a graph gives instead of it. */
export interface RowSums {
  /** The name of the tensor. */
  readonly name: string;
  readonly size: number;
  /** The output with the rows, `[count, size]`. */
  readonly rows: string;
  /** The output with their numbers `[count]`, int32; -1 behind the last one. */
  readonly numbers: string;
}

/** A table with more rows than this many times those that are summed up is not written out. */
const leastRatio = 4;

/** What a table of sums is made of: rows, and the number of each as a column. */
interface Sums {
  readonly rows: string;
  readonly column: string;
  readonly count: number;
  readonly size: number;
}

type Specs = ReadonlyMap<string, Pick<TensorSpec, 'shape'>>;

const specsOf = (graph: Graph): Specs =>
  new Map([...graph.specs, ...[...graph.inputs, ...graph.initializers].map((value) => [value.name, value] as const)]);

/**
 * Tells which tensors of a graph are tables of few rows' sums, of which nothing but the squared length is computed there.
 * @param isZero whether a name stands for zeros
 */
export function sumsOfRows(graph: Graph, isZero: (name: string) => boolean): (name: string) => Sums | undefined {
  const { makers } = placesOf(graph);
  const specs = specsOf(graph);
  const makerOf = (name: string): Node | undefined => graph.nodes[makers.get(name) ?? -1];
  return (name) => {
    const maker = makerOf(name);
    if (maker?.operator !== 'ScatterElements' || maker.attributes.reduction !== 'add') return undefined;
    const [target, places, rows] = maker.inputs as [string, string, string];
    const spread = makerOf(places);
    const [count, size] = specs.get(rows)!.shape as [number, number];
    if (spread?.operator !== 'Expand' || !isZero(target)) return undefined;
    if (specs.get(name)!.shape[0]! < leastRatio * count) return undefined;
    return { rows, column: spread.inputs[0]!, count, size };
  };
}

/** Whether nothing but the squared length of a tensor is computed of it. */
export const isOnlyMeasured = (readers: readonly Node[], specs: Graph['specs']): boolean =>
  readers.every(
    ({ operator, outputs }) => operator === 'ReduceSumSquare' && specs.get(outputs[0]!)!.shape.length === 0,
  );

/** The graph with the rows of tables among its outputs in the place of the tables. */
export function withRowSums(
  graph: Graph,
  tables: ReadonlyMap<string, Sums>,
): { readonly graph: Graph; readonly sums: readonly RowSums[] } {
  if (tables.size === 0) return { graph, sums: [] };
  const specs = new Map(graph.specs);
  const initializers = new Map<string, Initializer>();
  const constant = (numbers: BigInt64Array | Float32Array, shape: readonly number[]): string => {
    const dtype = numbers instanceof Float32Array ? 'float32' : 'int64';
    const name = `rows/${dtype}/${shape.length}/${numbers.join('x')}`;
    initializers.set(name, { name, shape, dtype, bytes: new Uint8Array(numbers.buffer) });
    return name;
  };
  const integers = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), [values.length]);
  const made = new Map<string, { nodes: readonly Node[]; sums: RowSums; outputs: Graph['outputs'] }>();
  for (const [name, { rows, column, count, size }] of tables) {
    const nodes: Node[] = [];
    const named = (what: string) => `rows/${name}/${what}`;
    const node = (
      operator: string,
      inputs: readonly string[],
      what: string,
      spec: TensorSpec,
      attributes: Node['attributes'] = {},
    ): string => {
      const output = named(what);
      specs.set(output, spec);
      nodes.push({ operator, inputs, outputs: [output], attributes });
      return output;
    };
    const [list, long] = [
      { shape: [count], dtype: 'int64' } as const,
      { shape: [count, size], dtype: 'float32' } as const,
    ];
    const numbers = node('Reshape', [column, integers(count)], 'list', list);
    // The place of each number among those that differ, in the order in which they come; of the others at most as many are told.
    const ranked = ['different', 'first', 'place'].map(named);
    for (const output of ranked) specs.set(output, list);
    nodes.push({ operator: 'Unique', inputs: [numbers], outputs: ranked, attributes: { sorted: 0 } });
    const place = ranked[2]!;
    const across = node('Reshape', [place, integers(count, 1)], 'across', { shape: [count, 1], dtype: 'int64' });
    const places = node('Expand', [across, integers(count, size)], 'places', { shape: [count, size], dtype: 'int64' });
    const zeros = node('Expand', [constant(Float32Array.of(0), []), integers(count, size)], 'zeros', long);
    const add = { axis: 0, reduction: 'add' };
    const sums = node('ScatterElements', [zeros, places, rows], 'sums', long, add);
    const none = node('Expand', [integers(-1), integers(count)], 'none', list);
    const found = node('ScatterElements', [none, place, numbers], 'found', list, { axis: 0 });
    const whole = { shape: [count], dtype: 'int32' } as const;
    const ends = node('Cast', [found], 'numbers', whole, { to: 6 });
    made.set(name, {
      nodes,
      sums: { name, size, rows: sums, numbers: ends },
      outputs: [
        { name: sums, ...long },
        { name: ends, ...whole },
      ],
    });
  }
  const outputs = graph.outputs.flatMap((output) => made.get(output.name)?.outputs ?? [output]);
  const nodes = graph.nodes.flatMap((node) => [
    { ...node, inputs: node.inputs.map((name) => made.get(name)?.sums.rows ?? name) },
    ...node.outputs.flatMap((name) => made.get(name)?.nodes ?? []),
  ]);
  const needed = neededNodes(
    nodes,
    outputs.map(({ name }) => name),
  );
  const read = new Set(needed.flatMap(({ inputs }) => inputs));
  return {
    graph: {
      ...graph,
      specs,
      outputs,
      nodes: needed,
      initializers: [...graph.initializers, ...initializers.values()].filter(({ name }) => read.has(name)),
    },
    sums: [...made.values()].map(({ sums }) => sums),
  };
}

/** The rows of a place in memory that may be other than 0; absent: all. */
export interface WrittenRows {
  written?: readonly number[] | undefined;
}

/** Writes a table of few rows in the place of another one. */
export function writeRows(
  table: Float32Array,
  size: number,
  rows: Float32Array,
  numbers: Int32Array,
  place: WrittenRows,
): void {
  if (place.written) for (const row of place.written) table.fill(0, row * size, (row + 1) * size);
  else table.fill(0);
  const written: number[] = [];
  for (const [at, row] of numbers.entries()) {
    if (row < 0) break;
    table.set(rows.subarray(at * size, (at + 1) * size), row * size);
    written.push(row);
  }
  place.written = written;
}
