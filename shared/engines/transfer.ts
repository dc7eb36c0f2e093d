import type { HostTensor, HostTensors } from '../tensors/tensor.ts';
import type { NamedTensors, TensorLibrary } from './engine.ts';

/** Copies tensors to the engine; the caller disposes of them. */
export function toEngine(tf: TensorLibrary, tensors: HostTensors): NamedTensors {
  return Object.fromEntries(
    [...tensors].map(([name, { shape, data }]) => [name, tf.tensor(Float32Array.from(data), [...shape])]),
  );
}

/** Copies tensors to host memory, in the order of `names`. */
export async function toHost(tensors: NamedTensors, names: Iterable<string>): Promise<HostTensors> {
  const host = new Map<string, HostTensor>();
  for (const name of names) {
    const tensor = tensors[name]!;
    host.set(name, { shape: [...tensor.shape], data: Float32Array.from(await tensor.data()) });
  }
  return host;
}
