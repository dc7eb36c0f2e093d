/** A step's graph as ONNX Runtime's WebGPU provider takes it whole, with no node left to the processor. */
import { arrays, type DataType, type Graph, type Initializer, type Node, type TensorSpec } from '../graph.ts';
import { elementTypes } from '../kernels/kernel.ts';

/** The limits of a GPU. */
export interface Device {
  /** Buffers that a kernel may read and write. */
  readonly storageBuffers: number;
}

/** The limits that WebGPU grants everywhere. */
export const leastDevice: Device = { storageBuffers: 8 };

/** Places along an axis of so many elements that a slice takes. */
function placesOf(start: number, end: number, step: number, size: number): number[] {
  const [least, most] = step > 0 ? [0, size] : [-1, size - 1];
  const bounded = (value: number) => Math.max(least, Math.min(most, value < 0 ? value + size : value));
  const first = bounded(start);
  const count = Math.max(0, Math.ceil((bounded(end) - first) / step));
  return Array.from({ length: count }, (_, index) => first + index * step);
}

/** Makes the nodes for a graph in which some are replaced. */
class Rewriter {
  readonly initializers = new Map<string, Initializer>();
  readonly #specs: ReadonlyMap<string, TensorSpec>;
  readonly #constants: ReadonlyMap<string, Initializer>;
  readonly #device: Device;

  constructor(graph: Graph, device: Device) {
    const given = [...graph.inputs, ...graph.initializers].map((value) => [value.name, value] as const);
    this.#specs = new Map([...graph.specs, ...given]);
    this.#constants = new Map(graph.initializers.map((each) => [each.name, each]));
    this.#device = device;
  }

  rewrite(node: Node): Node[] {
    const { operator, inputs, outputs } = node;
    const dtype = this.#specs.get(inputs[0] ?? '')?.dtype;
    if (operator === 'Split' && outputs.length >= this.#device.storageBuffers) return this.#splits(node);
    if (operator === 'SpaceToDepth') return this.#blocksAhead(node, this.#specs.get(inputs[0]!)!.shape);
    if (operator === 'Slice' && dtype === 'int32') return this.#gathers(node, this.#specs.get(inputs[0]!)!.shape);
    if ((operator === 'Slice' || operator === 'Transpose') && dtype === 'bool') return this.#throughIntegers(node);
    return [node];
  }

  /** Whole numbers as an initializer. */
  #numbers(dtype: 'int32' | 'int64', values: readonly number[]): string {
    const name = `${dtype} ${values.join(' ')}`;
    const numbers = dtype === 'int32' ? arrays.int32.from(values) : arrays.int64.from(values.map(BigInt));
    this.initializers.set(name, { name, shape: [values.length], dtype, bytes: new Uint8Array(numbers.buffer) });
    return name;
  }

  #valuesOf(name: string): number[] {
    const { bytes } = this.#constants.get(name)!;
    return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
  }

  /** Pieces by kernels that have no more buffers than a GPU gives them: some pieces together first, then each of these into its own. */
  #splits({ inputs: [from], outputs, attributes }: Node): Node[] {
    const axis = attributes.axis as number;
    const most = this.#device.storageBuffers - 1;
    const sizeOf = (names: readonly string[]) =>
      names.reduce((sum, name) => sum + this.#specs.get(name)!.shape[axis]!, 0);
    const split = (whole: string, names: readonly string[]): Node[] => {
      let together = 1;
      while (together * most < names.length) together *= most;
      const groups = Array.from({ length: Math.ceil(names.length / together) }, (_, group) =>
        names.slice(group * together, (group + 1) * together),
      );
      const parts = groups.map((group) => (group.length === 1 ? group[0]! : `${group[0]} to ${group.at(-1)}`));
      const sizes = this.#numbers('int64', groups.map(sizeOf));
      return [
        { operator: 'Split', inputs: [whole, sizes], outputs: parts, attributes },
        ...groups.flatMap((group, index) => (group.length === 1 ? [] : split(parts[index]!, group))),
      ];
    };
    return split(from!, outputs);
  }

  /** A slice of whole numbers, for which there is no kernel, axis by axis. */
  #gathers({ inputs, outputs }: Node, shape: readonly number[]): Node[] {
    const [x, ...bounds] = inputs as [string, ...string[]];
    const [starts, ends, axes, steps] = bounds.map((name) => this.#valuesOf(name));
    const last = axes!.length - 1;
    let from = x;
    return axes!.map((axis, index): Node => {
      const places = placesOf(starts![index]!, ends![index]!, steps?.[index] ?? 1, shape[axis]!);
      const to = index === last ? outputs[0]! : `${outputs[0]} ${axis}`;
      const node = { operator: 'Gather', inputs: [from, this.#numbers('int32', places)], outputs: [to] };
      from = to;
      return { ...node, attributes: { axis } };
    });
  }

  /** Blocks of places as channels, for which there is no kernel, by a transposition. */
  #blocksAhead({ inputs, outputs, attributes }: Node, shape: readonly number[]): Node[] {
    const [batch, channels, height, width] = shape as [number, number, number, number];
    const block = attributes.blocksize as number;
    const [rows, columns] = [height / block, width / block];
    const [parted, moved] = [`${outputs[0]} parted`, `${outputs[0]} moved`];
    const reshaped = (from: string, to: string, sizes: readonly number[]): Node => ({
      operator: 'Reshape',
      inputs: [from, this.#numbers('int64', sizes)],
      outputs: [to],
      attributes: {},
    });
    return [
      reshaped(inputs[0]!, parted, [batch, channels, rows, block, columns, block]),
      { operator: 'Transpose', inputs: [parted], outputs: [moved], attributes: { perm: [0, 3, 5, 1, 2, 4] } },
      reshaped(moved, outputs[0]!, [batch, block * block * channels, rows, columns]),
    ];
  }

  /** Moves truth values by way of whole numbers. */
  #throughIntegers(node: Node): Node[] {
    const [x, result] = [node.inputs[0]!, node.outputs[0]!];
    const [given, moved] = [`${result} given`, `${result} moved`];
    const inner = { ...node, inputs: [given, ...node.inputs.slice(1)], outputs: [moved] };
    const castTo = (from: string, to: string, dtype: DataType): Node => ({
      operator: 'Cast',
      inputs: [from],
      outputs: [to],
      attributes: { to: elementTypes[dtype] },
    });
    const before = castTo(x, given, 'int32');
    const moves = node.operator === 'Slice' ? this.#gathers(inner, this.#specs.get(x)!.shape) : [inner];
    return [before, ...moves, castTo(moved, result, 'bool')];
  }
}

/** The graph with others in the place of nodes that the processor would have to compute. */
export function forDevice(graph: Graph, device: Device): Graph {
  const rewriter = new Rewriter(graph, device);
  const nodes = graph.nodes.flatMap((node) => rewriter.rewrite(node));
  return { ...graph, nodes, initializers: [...graph.initializers, ...rewriter.initializers.values()] };
}
