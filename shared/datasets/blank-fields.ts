import { elementCount } from '../tensors/tensor.ts';
import { eachSample, type Trajectories } from './trajectories.ts';

/** A channel of a sample that is zero all over space at some time steps. */
interface ZeroSteps {
  /** Position of the sample along the first axis. */
  readonly sample: number;
  /** Position of the channel. */
  readonly channel: number;
  /** Time steps, from 0 on, the first and the last of them, and how many. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
}

/** A channel of a sample that holds one number everywhere, at all times. */
interface ConstantField {
  readonly sample: number;
  readonly channel: number;
  readonly value: number;
}

/** Fields that have nothing in them. */
export interface BlankFields {
  readonly zero: readonly ZeroSteps[];
  readonly constant: readonly ConstantField[];
}

/**
 * Finds fields that are zero at some time step, and those that never change, such as rows that a program has made room for in a file
 * and never written. One pass over the samples; needs little memory but for what is found.
 * @param from the first time step that may not be zero
 */
export async function findBlankFields(data: Trajectories, from = 0): Promise<BlankFields> {
  const [time, channels] = data.shape.slice(-2) as [number, number];
  const points = elementCount(data.shape.slice(1, -2));
  const zero: ZeroSteps[] = [];
  const constant: ConstantField[] = [];
  const isFilled = new Uint8Array(time * channels);
  const changes = new Uint8Array(channels);
  await eachSample(data, (sample, { values }) => {
    isFilled.fill(0);
    changes.fill(0);
    for (let point = 0, at = 0; point < points; point++) {
      for (let frame = 0; frame < time * channels; frame += channels) {
        for (let channel = 0; channel < channels; channel++, at++) {
          const value = values[at]!;
          if (value !== 0) isFilled[frame + channel] = 1;
          if (value !== values[channel]) changes[channel] = 1;
        }
      }
    }
    for (let channel = 0; channel < channels; channel++) {
      if (changes[channel] === 0) constant.push({ sample, channel, value: values[channel]! });
      let [first, last, count] = [-1, -1, 0];
      for (let step = from; step < time; step++) {
        if (isFilled[step * channels + channel] === 1) continue;
        if (count++ === 0) first = step;
        last = step;
      }
      if (count > 0) zero.push({ sample, channel, first, last, count });
    }
  });
  return { zero, constant };
}
