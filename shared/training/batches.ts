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

/** The first `steps` time steps of some samples, `[samples, ...space, steps, channels]`. */
export function batchOf(data: Trajectories, samples: readonly number[], steps: number): HostTensor {
  const [time, channels] = data.shape.slice(-2) as [number, number];
  const space = data.shape.slice(1, -2);
  const points = elementCount(space);
  const [stored, taken] = [time * channels, steps * channels];
  const values = new Float32Array(samples.length * points * taken);
  // Where nothing is left out, a sample is one span.
  const [spans, length] = stored === taken ? [1, points * taken] : [points, taken];
  for (const [row, sample] of samples.entries()) {
    for (let span = 0; span < spans; span++) {
      const from = (sample * points + span) * stored;
      values.set(data.values.subarray(from, from + length), (row * points + span) * taken);
    }
  }
  return { shape: [samples.length, ...space, steps, channels], data: values };
}

/** Coordinates `[...space, dimensions]`. */
export function gridOf({ grid }: Trajectories): HostTensor {
  return { shape: grid.shape, data: Float32Array.from(grid.values) };
}
