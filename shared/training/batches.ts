import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import type { Trajectories } from '../datasets/trajectories.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';

/** The samples of every batch of an epoch: a permutation that depends on seed and epoch alone; the last may be smaller. */
export function shuffledBatches(samples: number, batchSize: number, seed: number, epoch: number): number[][] {
  return inBatches(randomFor(seed, 'shuffle', epoch).permutation(samples), batchSize);
}

/** Optimizer steps in an epoch. */
export function stepsPerEpoch(samples: number, batchSize: number): number {
  return Math.ceil(samples / batchSize);
}

/** Cuts a list of samples in batches; the last may be smaller. */
export function inBatches(samples: readonly number[], batchSize: number): number[][] {
  return Array.from({ length: Math.ceil(samples.length / batchSize) }, (_, index) =>
    samples.slice(index * batchSize, (index + 1) * batchSize),
  );
}

/** Samples that are computed at a time where a batch is computed in `parts`. */
export function microBatchSize(batchSize: number, parts: number): number {
  return Math.ceil(batchSize / parts);
}

/** @throws UserError when the trajectories are too short for a window and its roll-out. */
export function checkTimeSteps(data: Trajectories, window: number, rolloutSteps: number): void {
  const time = data.shape.at(-2)!;
  if (time >= window + rolloutSteps) return;
  throw new UserError(
    `${window} input steps and a roll-out of ${rolloutSteps} need ${window + rolloutSteps} time steps, but the data has ${time}`,
    { where: 'dataset', remedy: 'Shorten the roll-out or the input window, or take more time steps of the data.' },
  );
}

/** Some samples: `values` `[samples, ...space, steps, channels]`, and `statics` `[samples, ...space, statics]` where there are any. */
export interface SampleBatch {
  readonly values: HostTensor;
  readonly statics?: HostTensor;
}

/**
 * Reads some samples.
 * @throws UserError when they can't be read.
 */
export async function batchOf(data: Trajectories, samples: readonly number[]): Promise<SampleBatch> {
  const { values, statics } = await data.read(samples);
  const space = data.shape.slice(1, -2);
  const count = data.statics?.length ?? 0;
  return {
    values: { shape: [samples.length, ...data.shape.slice(1)], data: values },
    ...(count > 0 ? { statics: { shape: [samples.length, ...space, count], data: statics } } : {}),
  };
}

/** `count` time steps from `first` on of fields `[..., time, channels]`. */
export function timeSteps({ shape, data }: HostTensor, first: number, count: number): HostTensor {
  const [time, channels] = shape.slice(-2) as [number, number];
  if (count === time) return { shape, data };
  const points = elementCount(shape.slice(0, -2));
  const taken = count * channels;
  const values = new Float32Array(points * taken);
  for (let point = 0; point < points; point++) {
    const from = (point * time + first) * channels;
    values.set(data.subarray(from, from + taken), point * taken);
  }
  return { shape: [...shape.slice(0, -2), count, channels], data: values };
}

/** Samples as inputs of a step, by name. */
export function batchInputs({ statics }: SampleBatch, values: HostTensor): Map<string, HostTensor> {
  return new Map([['values', values], ...(statics ? [['statics', statics] as const] : [])]);
}

/** Coordinates `[...space, dimensions]`. */
export function gridOf({ grid }: Trajectories): HostTensor {
  return { shape: grid.shape, data: Float32Array.from(grid.values) };
}
