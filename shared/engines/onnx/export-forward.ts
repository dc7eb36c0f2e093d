/** A model's forward pass as an ONNX model that others run: weights inside, any number of samples. */
import { RunError } from '../../core/errors.ts';
import { elementCount, type HostTensors } from '../../tensors/tensor.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engine.ts';
import { anyBatch, encodeGraph } from './encode.ts';
import type { Graph, Initializer, Node } from './graph.ts';
import { traceGraph } from './trace.ts';

/** Names of what the model takes and gives. */
const forwardNames = { given: 'input', result: 'output' } as const;

/** Primes beyond the sizes of models, so that no other size of a graph is taken for the batch's. */
const batches = [100_003, 100_019] as const;

const batchName = 'batch-size';

/**
 * Writes a forward pass down as an ONNX model with an input `input` `[batch, ...]`, an output `output` `[batch, ...]`, and any batch.
 * @param forward pure and synchronous, of constants and what is given `[batch, ...]`; gives `[batch, ...]`
 * @param options.constants weights, and whatever else does not change, such as coordinates; they are written into the model
 * @param options.shape of what is given, without the batch
 * @throws RunError when the function does something else where the batch is another
 */
export function exportForward(
  tf: TensorLibrary,
  forward: (constants: NamedTensors, given: Tensor) => Tensor,
  { constants, shape }: { readonly constants: HostTensors; readonly shape: readonly number[] },
): Uint8Array {
  const [a, b] = batches.map((batch) => traced(tf, forward, constants, [batch, ...shape])) as [Graph, Graph];
  return encodeGraph(withConstants(forAnyBatch(a, b), constants), 'forward');
}

const constantPrefix = 'constant/';

function traced(
  tf: TensorLibrary,
  forward: (constants: NamedTensors, given: Tensor) => Tensor,
  constants: HostTensors,
  shape: readonly number[],
): Graph {
  const step = ({ [forwardNames.given]: given, ...others }: NamedTensors): NamedTensors => {
    const named = Object.entries(others).map(([name, tensor]) => [name.slice(constantPrefix.length), tensor] as const);
    return { [forwardNames.result]: forward(Object.fromEntries(named), given!) };
  };
  return traceGraph(tf, step, {
    ...Object.fromEntries(
      [...constants].map(([name, tensor]) => [
        constantPrefix + name,
        { shape: tensor.shape, dtype: 'float32' as const },
      ]),
    ),
    [forwardNames.given]: { shape, dtype: 'float32' },
  });
}

/** The values of constants in the place of inputs. */
function withConstants(graph: Graph, constants: HostTensors): Graph {
  const written = graph.inputs.flatMap((input): Initializer[] => {
    const constant = constants.get(input.name.slice(constantPrefix.length));
    if (input.name === forwardNames.given || !constant) return [];
    const { buffer, byteOffset, byteLength } = constant.data;
    return [{ ...input, bytes: new Uint8Array(buffer, byteOffset, byteLength) }];
  });
  return {
    ...graph,
    initializers: [...graph.initializers, ...written],
    inputs: graph.inputs.filter(({ name }) => name === forwardNames.given),
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
    inputs: [forwardNames.given],
    outputs: [batchName],
    attributes: { start: 0, end: 1 },
  };
  return {
    nodes: nodes.length > 0 ? [batch, ...nodes, ...a.nodes] : a.nodes,
    initializers: kept,
    inputs: a.inputs.map((input) =>
      input.name === forwardNames.given ? { ...input, shape: withBatch(input.shape) } : input,
    ),
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
  const integers = (name: string, values: readonly number[]): Initializer => ({
    name,
    shape: [values.length],
    dtype: 'int64',
    bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  });
  const [slopeName, startName, product] = [`${a.name}/slope`, `${a.name}/start`, `${a.name}/product`];
  return {
    nodes: [
      { operator: 'Mul', inputs: [batchName, slopeName], outputs: [product], attributes: {} },
      { operator: 'Add', inputs: [product, startName], outputs: [a.name], attributes: {} },
    ],
    initializers: [integers(slopeName, slope), integers(startName, start)],
  };
}
