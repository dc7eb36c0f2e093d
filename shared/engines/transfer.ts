import { widened } from '../tensors/elements.ts';
import { type FixedTensors, type HostTensor, type HostTensors, isHalf } from '../tensors/tensor.ts';
import type { NamedTensors, TensorLibrary } from './engine.ts';

/** Copies tensors to the engine; the caller disposes of them. */
export function toEngine(tf: TensorLibrary, tensors: FixedTensors): NamedTensors {
  return Object.fromEntries(
    [...tensors].map(([name, tensor]) => {
      const { shape, data } = isHalf(tensor) ? widened(tensor) : { ...tensor, data: tensor.data.slice() };
      return [name, tf.tensor(data, [...shape], dataTypeOf(data))];
    }),
  );
}

export const dataTypeOf = (data: Float32Array | Int32Array) => (data instanceof Int32Array ? 'int32' : 'float32');

/** Copies tensors to host memory, as float32, in the order of `names`. */
export async function toHost(tensors: NamedTensors, names: Iterable<string>): Promise<HostTensors> {
  const host = new Map<string, HostTensor>();
  for (const name of names) {
    const tensor = tensors[name]!;
    host.set(name, { shape: [...tensor.shape], data: Float32Array.from(await tensor.data()) });
  }
  return host;
}
