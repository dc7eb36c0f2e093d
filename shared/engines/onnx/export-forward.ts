/** A model's forward pass as an ONNX model that others run: weights inside, any number of samples. */
import { RunError } from '../../core/errors.ts';
import { elementCount, type HostTensors } from '../../tensors/tensor.ts';
import type { NamedTensors, TensorLibrary } from '../engine.ts';
import { anyBatch, encodeGraph } from './encode.ts';
import { type Graph, type Initializer, integerList, type Node, type Value } from './graph.ts';
import { traceGraph } from './trace.ts';

/** Primes beyond the sizes of models, so that no other size of a graph is taken for the batch's. */
const batches = [100_003, 100_019] as const;

const batchName = 'batch-size';

/** A pure, synchronous function of constants and of what is given, `[batch, ...]` each; gives `[batch, ...]` by name. */
export type ForwardPass = (constants: NamedTensors, given: NamedTensors) => NamedTensors;

interface ForwardTensors {
  /** Weights, and whatever else does not change, such as coordinates; they are written into the model. */
  readonly constants: HostTensors;
  /** Shapes of what is given, without the batch, by name. */
  readonly given: Readonly<Record<string, readonly number[]>>;
}

/** Bytes of the largest constant that is made in the forward pass, such as a matrix of a Fourier transform. */
const largestConstant = 2 ** 28;

/**
 * Writes a forward pass down as an ONNX model whose inputs and outputs are those of the function, for any batch.
 * @throws RunError when the function does something else where the batch is another
 * @throws UserError when it has an operation that can't be written down
 */
export function exportForward(tf: TensorLibrary, forward: ForwardPass, tensors: ForwardTensors): Uint8Array {
  const [a, b] = batches.map((batch) => traced(tf, forward, tensors, batch)) as [Graph, Graph];
  return encodeGraph(withConstants(forAnyBatch(a, b), tensors.constants), 'forward');
}

const constantPrefix = 'constant/';

const isConstant = ({ name }: Pick<Value, 'name'>) => name.startsWith(constantPrefix);

function traced(tf: TensorLibrary, forward: ForwardPass, { constants, given }: ForwardTensors, batch: number): Graph {
  const step = (tensors: NamedTensors): NamedTensors => {
    const entries = Object.entries(tensors);
    const fixed = entries.flatMap(([name, tensor]) =>
      isConstant({ name }) ? [[name.slice(constantPrefix.length), tensor] as const] : [],
    );
    return forward(Object.fromEntries(fixed), Object.fromEntries(entries.filter(([name]) => !isConstant({ name }))));
  };
  const spec = (shape: readonly number[]) => ({ shape, dtype: 'float32' as const });
  const specs = Object.fromEntries([
    ...[...constants].map(([name, { shape }]) => [constantPrefix + name, spec(shape)] as const),
    ...Object.entries(given).map(([name, shape]) => [name, spec([batch, ...shape])] as const),
  ]);
  return traceGraph(tf, step, specs, { largestConstant });
}

/** The values of constants in the place of inputs. */
function withConstants(graph: Graph, constants: HostTensors): Graph {
  const written = graph.inputs.filter(isConstant).map((input): Initializer => {
    const { buffer, byteOffset, byteLength } = constants.get(input.name.slice(constantPrefix.length))!.data;
    return { ...input, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
  });
  return {
    ...graph,
    initializers: [...graph.initializers, ...written],
    inputs: graph.inputs.filter((input) => !isConstant(input)),
  };
}

/**
 * Joins recordings of one function at two batch sizes: a list of sizes that differs follows the batch along a straight line, which
 * nodes compute from the batch that comes in.
 */
function forAnyBatch(a: Graph, b: Graph): Graph {
  if (JSON.stringify(a.nodes) !== JSON.stringify(b.nodes) || a.initializers.length !== b.initializers.length) {
    throw new RunError('the forward pass depends on how many samples it is given');
  }
  const nodes: Node[] = [];
  const kept: Initializer[] = [];
  for (const [index, initializer] of a.initializers.entries()) {
    const other = b.initializers[index]!;
    if (Buffer.compare(initializer.bytes, other.bytes) === 0) kept.push(initializer);
    else {
      const line = lineThrough(initializer, other);
      kept.push(...line.initializers);
      nodes.push(...line.nodes);
    }
  }
  const withBatch = (shape: readonly number[]) => [anyBatch, ...shape.slice(1)];
  const batch: Node = {
    operator: 'Shape',
    inputs: [a.inputs.find((input) => !isConstant(input))!.name],
    outputs: [batchName],
    attributes: { start: 0, end: 1 },
  };
  return {
    nodes: nodes.length > 0 ? [batch, ...nodes, ...a.nodes] : a.nodes,
    initializers: kept,
    inputs: a.inputs.map((input) => (isConstant(input) ? input : { ...input, shape: withBatch(input.shape) })),
    outputs: a.outputs.map((output) => ({ ...output, shape: withBatch(output.shape) })),
    specs: a.specs,
    backwards: a.backwards,
  };
}

/** A list of sizes as `start + slope * batch`. @throws RunError when it is something else */
function lineThrough(a: Initializer, b: Initializer): { nodes: Node[]; initializers: Initializer[] } {
  const sizesOf = ({ dtype, shape, bytes }: Initializer) => {
    if (dtype !== 'int64') throw new RunError('a constant of the forward pass depends on how many samples it is given');
    return Array.from(new BigInt64Array(bytes.slice().buffer, 0, elementCount(shape)), Number);
  };
  const [atA, atB] = [sizesOf(a), sizesOf(b)];
  const slope = atA.map((size, index) => (atB[index]! - size) / (batches[1] - batches[0]));
  const start = atA.map((size, index) => size - slope[index]! * batches[0]);
  if (![...slope, ...start].every(Number.isInteger)) {
    throw new RunError('a size of the forward pass does not grow with the number of samples');
  }
  const [slopeName, startName, product] = [`${a.name}/slope`, `${a.name}/start`, `${a.name}/product`];
  return {
    nodes: [
      { operator: 'Mul', inputs: [batchName, slopeName], outputs: [product], attributes: {} },
      { operator: 'Add', inputs: [product, startName], outputs: [a.name], attributes: {} },
    ],
    initializers: [integerList(slopeName, slope), integerList(startName, start)],
  };
}
