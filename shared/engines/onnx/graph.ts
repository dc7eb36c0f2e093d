import { RunError, UserError } from '../../core/errors.ts';
import { elementCount, formatShape } from '../../tensors/tensor.ts';

/** Of a brain float, what a graph is given are its bits: ONNX Runtime's binding has no such type. */
export type DataType = 'float32' | 'int32' | 'bool' | 'int64' | 'float16' | 'bfloat16';
type Numbers = Float32Array | Int32Array | Uint8Array | BigInt64Array | Uint16Array;
export type Attribute = number | readonly number[] | { readonly float: number } | string;

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** What a node gives or takes. A `uniform` one is a constant of one number all over, written out only where it has to be. */
export interface Value extends TensorSpec {
  readonly name: string;
  readonly uniform?: number;
}

/** The domain of ONNX Runtime's operators for channels in blocks. */
export const blockedDomain = 'com.microsoft.nchwc';

export interface Node {
  readonly operator: string;
  /** Absent: ONNX's own. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Initializer extends TensorSpec {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A finished graph, nodes in order of execution. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** The type and shape of each node's results, by name. */
  readonly specs: ReadonlyMap<string, TensorSpec>;
  /** Filters `[in, out, ...taps]` with their taps backwards, and what they were made of, `[out, in, ...taps]`. */
  readonly backwards: ReadonlyMap<string, string>;
}

/** The type and shape of everything that has a name in a graph. */
export function specsIn(graph: Graph): Map<string, TensorSpec> {
  const specs = new Map(graph.specs);
  for (const value of [...graph.inputs, ...graph.initializers]) specs.set(value.name, value);
  return specs;
}

/** A list of sizes, axes or positions, as operators take them. */
export const integerList = (name: string, values: readonly number[]): Initializer => ({
  name,
  shape: [values.length],
  dtype: 'int64',
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

/** The nodes that these results depend on. */
export function neededNodes(nodes: readonly Node[], results: readonly string[]): Node[] {
  const needed = new Set(results);
  return nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((name) => needed.has(name))) return false;
      for (const name of node.inputs) needed.add(name);
      return true;
    })
    .toReversed();
}

/** A graph with other nodes, of which those are kept that its results need, and with more constants, of which those are kept that are read. */
export function withNodes(
  graph: Graph,
  nodes: readonly Node[],
  { specs, initializers }: { readonly specs: Graph['specs']; readonly initializers: Iterable<Initializer> },
): Graph {
  const needed = neededNodes(
    nodes,
    graph.outputs.map(({ name }) => name),
  );
  const read = new Set(needed.flatMap(({ inputs }) => inputs));
  const kept = [...graph.initializers, ...initializers].filter(({ name }) => read.has(name));
  return { ...graph, nodes: needed, specs, initializers: kept };
}

/** The typed array of each data type; a bool is a byte. */
export const arrays = {
  float32: Float32Array,
  int32: Int32Array,
  bool: Uint8Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
} as const;

function numbersOf(dtype: DataType, values: ArrayLike<number>): Numbers {
  return dtype === 'int64' ? BigInt64Array.from(Array.from(values, BigInt)) : arrays[dtype].from(values);
}

/** Whether all values are the same, bit for bit where it matters: -0 and NaN are left alone. */
function isUniform(values: ArrayLike<number>): boolean {
  const first = values[0]!;
  if (values.length === 0 || Object.is(first, -0)) return false;
  for (let index = 0; index < values.length; index++) if (values[index] !== first) return false;
  return true;
}

/** Collects the nodes of a graph. */
export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Initializer>();
  readonly #known = new Map<string, Value[]>();
  readonly #squares = new Map<string, Value>();
  readonly #reshaped = new Map<string, Value>();
  readonly #inputs: Value[] = [];
  readonly #specs = new Map<string, TensorSpec>();
  readonly #backwards = new Map<string, string>();
  readonly #largestConstant: number;
  /** Channels in a block of ONNX Runtime's kernels for convolutions; 1 where they are not used. */
  readonly block: number;
  #names = 0;

  /** @param largestConstant bytes of the largest constant that may be baked in */
  constructor(largestConstant: number, block = 1) {
    this.#largestConstant = largestConstant;
    this.block = block;
  }

  input(name: string, { shape, dtype }: TensorSpec): Value {
    const value = { name, shape, dtype };
    this.#inputs.push(value);
    return value;
  }

  /** A constant. @throws UserError when it is too large to be baked in. */
  constant(values: ArrayLike<number>, shape: readonly number[], dtype: DataType): Value {
    if (dtype !== 'int64' && isUniform(values)) return this.uniform(values[0]!, shape, dtype);
    return this.#initializer(values, shape, dtype);
  }

  uniform(value: number, shape: readonly number[], dtype: DataType): Value {
    return { name: '', shape, dtype, uniform: value };
  }

  /** A matrix, written out even where it is uniform, for operators that don't broadcast. */
  matrix(values: Float32Array, shape: readonly [number, number]): Value {
    return this.#initializer(values, shape, 'float32');
  }

  /** A list of sizes, axes or positions, as operators take them. */
  integers(values: readonly number[]): Value {
    return this.#initializer(values, [values.length], 'int64');
  }

  /** The value as a scalar where it is uniform, for operators that broadcast. */
  broadcast(value: Value): Value {
    return value.uniform === undefined ? value : this.#initializer([value.uniform], [], value.dtype);
  }

  node(
    operator: string,
    inputs: readonly Value[],
    output: TensorSpec,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain?: string,
  ): Value {
    return this.nodes(operator, inputs, [output], attributes, domain)[0]!;
  }

  /** A node with several outputs. The same node asked for again is not made again. */
  nodes(
    operator: string,
    inputs: readonly Value[],
    outputs: readonly TensorSpec[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain?: string,
  ): Value[] {
    const names = inputs.map((input) => this.#written(input).name);
    const key = JSON.stringify([
      operator,
      domain,
      names,
      attributes,
      outputs.map(({ shape, dtype }) => [shape, dtype]),
    ]);
    const known = this.#known.get(key);
    if (known) return known;
    const values = outputs.map(({ shape, dtype }) => ({ name: this.#newName(), shape, dtype }));
    for (const value of values) this.#specs.set(value.name, value);
    this.#nodes.push({
      operator,
      ...(domain === undefined ? {} : { domain }),
      inputs: names,
      outputs: values.map(({ name }) => name),
      attributes,
    });
    this.#known.set(key, values);
    if (operator === 'Mul' && inputs[0] === inputs[1]) this.#squares.set(values[0]!.name, inputs[0]!);
    // To a shape that is computed: what it waits for counts.
    if (operator === 'Reshape' && !this.#specs.has(names[1]!)) this.#reshaped.set(values[0]!.name, inputs[0]!);
    return values;
  }

  /** The factor of a product of a value with itself; undefined for other values. */
  squared(value: Value): Value | undefined {
    return this.#squares.get(value.name);
  }

  /** The value before it was given another shape; undefined for other values. */
  reshaped(value: Value): Value | undefined {
    return this.#reshaped.get(value.name);
  }

  /** Notes that a filter is another one with its taps backwards, and inputs and outputs exchanged. */
  noteBackwards(filter: Value, of: Value): void {
    this.#backwards.set(filter.name, of.name);
  }

  /** The graph of these outputs, by name; what they don't depend on is dropped. */
  finish(outputs: Readonly<Record<string, Value>>): Graph {
    const made = new Set(this.#nodes.flatMap((node) => node.outputs));
    const renamed = new Map<string, string>();
    const results = Object.entries(outputs).map(([name, value]) => {
      const source = this.#written(value).name;
      if (made.has(source) && !renamed.has(source)) renamed.set(source, name);
      else this.#nodes.push({ operator: 'Identity', inputs: [source], outputs: [name], attributes: {} });
      return { name, shape: value.shape, dtype: value.dtype };
    });
    const nameOf = (name: string) => renamed.get(name) ?? name;
    const nodes = neededNodes(
      this.#nodes.map((node) => ({ ...node, inputs: node.inputs.map(nameOf), outputs: node.outputs.map(nameOf) })),
      results.map(({ name }) => name),
    );
    const needed = new Set([...nodes.flatMap(({ inputs }) => inputs), ...results.map(({ name }) => name)]);
    return {
      nodes,
      initializers: [...this.#initializers.values()].filter(({ name }) => needed.has(name)),
      inputs: this.#inputs.filter(({ name }) => needed.has(name)),
      outputs: results,
      specs: new Map([
        ...[...this.#specs].map(([name, spec]) => [nameOf(name), spec] as const),
        ...results.map((result) => [result.name, result] as const),
      ]),
      backwards: new Map([...this.#backwards].map(([name, of]) => [nameOf(name), nameOf(of)])),
    };
  }

  #newName(): string {
    this.#names += 1;
    return `v${this.#names}`;
  }

  /** The value with a name: a uniform one is written out by a node. */
  #written(value: Value): Value {
    if (value.uniform === undefined) return value;
    if (value.shape.length === 0) return this.broadcast(value);
    return this.node('Expand', [this.broadcast(value), this.integers(value.shape)], value);
  }

  #initializer(values: ArrayLike<number>, shape: readonly number[], dtype: DataType): Value {
    if (values.length !== elementCount(shape)) {
      throw new RunError(`a constant of shape ${formatShape(shape)} has ${values.length} values`);
    }
    const numbers = numbersOf(dtype, values);
    if (numbers.byteLength > this.#largestConstant) {
      throw new UserError(`a constant of shape ${formatShape(shape)} would be baked into the compiled step`, {
        remedy: 'Hand it to the step as a fixed tensor, or allow larger constants.',
      });
    }
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    const key = `${dtype} ${shape.join('x')} ${Buffer.from(bytes).toString('latin1')}`;
    const known = this.#known.get(key)?.[0];
    if (known) return known;
    const value = { name: this.#newName(), shape, dtype };
    this.#initializers.set(value.name, { ...value, bytes });
    this.#known.set(key, [value]);
    return value;
  }
}
