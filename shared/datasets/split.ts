import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import { selectSamples } from './samples.ts';
import type { Trajectories } from './trajectories.ts';

/** Size of the validation side: a share of the samples below 1, or a number of samples. */
export const validationSizeSchema = z
  .union([z.number().gt(0).lt(1), z.int().min(1)])
  .describe('Samples held out for validation: a share between 0 and 1, or a number of them.');

/** A split into training and validation samples; no sample is in both. */
interface Split {
  readonly training: Trajectories;
  readonly validation: Trajectories;
}

/**
 * How many of `total` samples are held out; a share is rounded so that neither side is empty.
 * @throws UserError when no sample would be left to train on.
 */
export function heldOut(total: number, validation: number): number {
  const held = validation < 1 ? Math.max(1, Math.min(total - 1, Math.round(validation * total))) : validation;
  if (held >= total) {
    throw new UserError(`holding out ${held} of ${total} samples for validation leaves none to train on`, {
      where: 'training.validation',
      remedy: total > 1 ? `At most ${total - 1} can be held out.` : 'Use at least 2 samples.',
    });
  }
  return held;
}

/**
 * Divides samples at random, as a function of the seed alone; each side keeps the order of the file.
 * @throws UserError when no sample would be left to train on.
 */
export function splitTrajectories(data: Trajectories, options: { validation: number; seed: number }): Split {
  const { validation, seed } = options;
  const total = data.shape[0]!;
  const held = heldOut(total, validation);
  const order = randomFor(seed, 'split').permutation(total);
  const inFileOrder = (indices: readonly number[]) => indices.toSorted((a, b) => a - b);
  return {
    training: selectSamples(data, inFileOrder(order.slice(held))),
    validation: selectSamples(data, inFileOrder(order.slice(0, held))),
  };
}
