import { summariesOf } from './sample-summaries.ts';
import type { Trajectories } from './trajectories.ts';

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
 * and never written.
 * @param from the first time step that may not be zero
 */
export async function findBlankFields(data: Trajectories, from = 0): Promise<BlankFields> {
  const zero: ZeroSteps[] = [];
  const constant: ConstantField[] = [];
  for (const [sample, { zeroSteps, constants }] of (await summariesOf(data)).entries()) {
    for (const [channel, value] of constants.entries()) {
      if (value !== undefined) constant.push({ sample, channel, value });
      const steps = zeroSteps[channel]!.filter((step) => step >= from);
      const count = steps.length;
      if (count > 0) zero.push({ sample, channel, first: steps[0]!, last: steps[count - 1]!, count });
    }
  }
  return { zero, constant };
}
