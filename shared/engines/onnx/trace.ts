import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { UserError } from '../../core/errors.ts';
import type { NamedTensors, TensorLibrary } from '../engine.ts';
import { withBarriers } from './barriers.ts';
import { withBlockedConvolutions } from './blocked-convolutions.ts';
import { encodeGraph, encodeStep } from './encode.ts';
import { withFewerReshapes } from './fewer-reshapes.ts';
import { withFusedNorms } from './fused-norms.ts';
import { type Update, withFusedUpdates } from './fused-updates.ts';
import { type Graph, GraphBuilder, type TensorSpec, type Value } from './graph.ts';
import { withJoinedProducts } from './joined-products.ts';
import { withJoinedRows } from './joined-rows.ts';
import { type Recorders, widened } from './kernels/kernel.ts';
import { recorders, takingHalves } from './kernels/table.ts';
import { withLateUpdates } from './late-updates.ts';
import { withLongSums } from './long-sums.ts';
import { withScaledRows } from './scaled-rows.ts';
import { withSumsOfProducts } from './sums-of-products.ts';
import { type Device, forDevice } from './webgpu/for-device.ts';
import { deviceRecorders } from './webgpu/recorders.ts';

const backendName = 'onnx-trace';

/** Bytes of a constant that may be written into a compiled step: more than the Fourier matrices of long axes need. */
const defaultLargestConstant = 2 ** 24;

type DataId = TensorInfo['dataId'];

/** A step as an ONNX model: what it takes (of what was offered) and gives, by name. */
export interface TracedStep {
  readonly graph: Graph;
  readonly model: Uint8Array;
  readonly inputs: readonly string[];
  /** Of the model: what updates take as well as the step's own, but for what they give. */
  readonly outputs: Readonly<Record<string, TensorSpec>>;
  /** The updates that are computed behind the model. */
  readonly updates: readonly Update[];
}

export interface TraceSettings {
  /** Bytes of the largest constant that may be baked in. */
  readonly largestConstant?: number;
  /** Channels in a block of ONNX Runtime's kernels for convolutions; absent: they are not used. */
  readonly block?: number;
  /** What the GPU can do that computes; absent: the processor computes. */
  readonly device?: Device | undefined;
}

const refuseToRead = (): never => {
  throw new UserError("the step reads a tensor's numbers, which a compiled step doesn't have yet", {
    where: 'dataSync, arraySync or data() in a step',
    remedy: 'Express it by tensor operations, hand the numbers in as an input, or choose the engine wasm.',
  });
};

/** Records instead of computing: its data are values of a graph. */
class RecordingBackend {
  readonly #values = new Map<DataId, { value: Value; references: number }>();
  readonly #graph: GraphBuilder;

  constructor(graph: GraphBuilder) {
    this.#graph = graph;
  }

  hold(value: Value): TensorInfo {
    const dataId = {};
    this.#values.set(dataId, { value, references: 1 });
    const isHalf = value.dtype === 'float16' || value.dtype === 'bfloat16';
    return { dataId, shape: [...value.shape], dtype: isHalf ? 'float32' : (value.dtype as TensorInfo['dtype']) };
  }

  /** What is recorded of a tensor. @throws UserError when it was made elsewhere */
  valueOf({ dataId }: TensorInfo): Value {
    const held = this.#values.get(dataId);
    if (held) return held.value;
    throw new UserError('the step uses a tensor that was made outside of it', {
      remedy: 'Hand it to the step as an input or as a fixed tensor, or make it inside the step.',
    });
  }

  write(values: ArrayLike<number>, shape: number[], dtype: Value['dtype']): DataId {
    return this.hold(this.#graph.constant(values, shape, dtype)).dataId;
  }

  incRef(dataId: DataId): void {
    this.#values.get(dataId)!.references += 1;
  }

  refCount(dataId: DataId): number {
    return this.#values.get(dataId)?.references ?? 0;
  }

  disposeData(dataId: DataId, force = false): boolean {
    const held = this.#values.get(dataId);
    if (!held) return true;
    held.references -= 1;
    if (held.references > 0 && !force) return false;
    this.#values.delete(dataId);
    return true;
  }

  read(): never {
    return refuseToRead();
  }

  readSync(): never {
    return refuseToRead();
  }

  move(): never {
    return refuseToRead();
  }

  numDataIds(): number {
    return this.#values.size;
  }

  timerAvailable(): boolean {
    return false;
  }

  floatPrecision(): 32 {
    return 32;
  }

  epsilon(): number {
    return 1e-7;
  }

  memory() {
    return { unreliable: true };
  }

  dispose(): void {
    this.#values.clear();
  }
}

function kernelsFor(
  tf: TensorLibrary,
  graph: GraphBuilder,
  backend: RecordingBackend,
  table: Recorders,
): KernelConfig[] {
  const recorded = Object.entries(table).map(([kernelName, record]): KernelConfig => {
    const given = (value: Value) => (takingHalves.has(kernelName) ? value : widened(graph, value));
    const kernelFunc: KernelFunc = ({ inputs, attrs }) => {
      const values = Object.fromEntries(
        Object.entries(inputs).flatMap(([key, tensor]) => (tensor ? [[key, given(backend.valueOf(tensor))]] : [])),
      );
      const result = record({ tf, graph, inputs: values, attributes: attrs ?? {} });
      return Array.isArray(result) ? result.map((each) => backend.hold(each)) : backend.hold(result);
    };
    return { kernelName, backendName, kernelFunc };
  });
  const others = tf
    .getKernelsForBackend('cpu')
    .filter(({ kernelName }) => !(kernelName in table))
    .map(({ kernelName }): KernelConfig => {
      const kernelFunc = (): never => {
        throw new UserError(`the kernel ${kernelName} can't be compiled`, {
          where: 'engine onnx',
          remedy:
            'Write the step without it, add a recorder in shared/engines/onnx/kernels, or choose the engine wasm.',
        });
      };
      return { kernelName, backendName, kernelFunc };
    });
  return [...recorded, ...others];
}

/** Runs `record` with the recording backend active, and leaves the library as it was. */
function recording<Result>(
  tf: TensorLibrary,
  graph: GraphBuilder,
  table: Recorders,
  record: (backend: RecordingBackend) => Result,
): Result {
  const before = tf.getBackend();
  const backend = new RecordingBackend(graph);
  const kernels = kernelsFor(tf, graph, backend, table);
  for (const kernel of kernels) tf.registerKernel(kernel);
  tf.registerBackend(backendName, () => backend as never);
  try {
    // Synchronous where the backend is: the promise only says so later.
    void tf.setBackend(backendName);
    return record(backend);
  } finally {
    void tf.setBackend(before);
    tf.removeBackend(backendName);
    for (const { kernelName } of kernels) tf.unregisterKernel(kernelName, backendName);
  }
}

/**
 * Writes a function of tensors down as one graph by running it once on a backend that records: automatic differentiation included, since
 * its gradients are kernels like others. Shapes are fixed; what is drawn at random inside it would be too.
 * @param step pure and synchronous
 * @returns the graph, which takes what it needs of the tensors that `specs` offers
 * @throws UserError when it reads tensors, uses a kernel without a recorder, or would bake in too large a constant
 */
export function traceGraph(
  tf: TensorLibrary,
  step: (inputs: NamedTensors) => NamedTensors,
  specs: Readonly<Record<string, TensorSpec>>,
  { largestConstant = defaultLargestConstant, block = 1, device }: TraceSettings = {},
): Graph {
  const graph = new GraphBuilder(largestConstant, block);
  return recording(tf, graph, device ? deviceRecorders : recorders, (backend) => {
    const outputs: Record<string, Value> = {};
    tf.tidy(() => {
      const inputs = Object.entries(specs).map(([name, spec]) => {
        const info = backend.hold(graph.input(name, spec));
        return [name, tf.engine().makeTensorFromTensorInfo(info, backend as never)] as const;
      });
      const given = step(Object.fromEntries(inputs));
      for (const [name, tensor] of Object.entries(given)) outputs[name] = widened(graph, backend.valueOf(tensor));
      // What the step has kept (tf.keep) is not tidied up.
      tf.dispose(given as never);
    });
    return graph.finish(outputs);
  });
}

/**
 * A step as `traceGraph` writes it down, made ready and encoded for ONNX Runtime.
 * @param settings.inputOf the input that an output replaces, and may be written over
 * @param settings.mostUpdateBytes what an update may take to be computed behind the model; absent: all are in it
 */
export function trace(
  tf: TensorLibrary,
  step: (inputs: NamedTensors) => NamedTensors,
  specs: Readonly<Record<string, TensorSpec>>,
  {
    inputOf = () => undefined,
    mostUpdateBytes = 0,
    ...settings
  }: TraceSettings & {
    readonly inputOf?: (output: string) => string | undefined;
    readonly mostUpdateBytes?: number;
  } = {},
): TracedStep {
  const { device, block = 1 } = settings;
  const onDevice = device !== undefined;
  const joined = withJoinedRows(withJoinedProducts(withFewerReshapes(traceGraph(tf, step, specs, settings))));
  const traced = withScaledRows(withFusedNorms(joined, onDevice));
  const { graph: rest, updates } = device
    ? { graph: forDevice(traced, device), updates: [] }
    : withFusedUpdates(withLongSums(traced), inputOf, mostUpdateBytes);
  const summed = withSumsOfProducts(rest, onDevice);
  const graph = device ? summed : withLateUpdates(withBlockedConvolutions(withBarriers(summed), block), inputOf);
  const specsOf = graph.outputs.map(({ name, shape, dtype }) => [name, { shape, dtype }] as const);
  return {
    graph,
    model: device ? encodeGraph(graph, 'step') : encodeStep(graph),
    inputs: graph.inputs.map(({ name }) => name),
    outputs: Object.fromEntries(specsOf),
    updates,
  };
}
