import type { Trajectories } from './trajectories.ts';

/** The samples at `indices` (positions along the first axis), in that order. */
export function selectSamples<Data extends Trajectories>(data: Data, indices: readonly number[]): Data {
  return {
    ...data,
    shape: [indices.length, ...data.shape.slice(1)],
    ...(data.summaries ? { summaries: indices.map((index) => data.summaries![index]!) } : {}),
    rows: indices.map((index) => data.rows[index]!),
    read: (samples) => data.read(samples.map((sample) => indices[sample]!)),
  };
}
