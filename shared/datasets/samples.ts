import { elementCount } from '../tensors/tensor.ts';
import type { Trajectories } from './trajectories.ts';

/** The samples at `indices` (positions along the first axis), in that order. */
export function selectSamples(data: Trajectories, indices: readonly number[]): Trajectories {
  const size = elementCount(data.shape.slice(1));
  const values = new Float32Array(indices.length * size);
  for (const [position, index] of indices.entries()) {
    values.set(data.values.subarray(index * size, (index + 1) * size), position * size);
  }
  return {
    ...data,
    shape: [indices.length, ...data.shape.slice(1)],
    values,
    rows: indices.map((index) => data.rows[index]!),
  };
}
