/** Settings that are one number for all space axes, or a list with one for each. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';

export type ByAxis = number | readonly number[];

/** A setting that is one number for all space axes, or a list with one for each. */
export const byAxis = (one: z.ZodInt) => z.union([one, z.array(one).min(1)]);

/** The name of a space axis in messages: `space axis 2 (y)`. */
export const axisName = (axis: number): string =>
  axis < 3 ? `space axis ${axis + 1} (${'xyz'[axis]})` : `space axis ${axis + 1}`;

/**
 * The setting's number for each axis.
 * @throws UserError when it is a list of another length than there are axes.
 */
export function alongAxes(
  value: ByAxis,
  axes: number,
  { model, setting }: { model: string; setting: string },
): number[] {
  if (typeof value === 'number') return Array.from({ length: axes }, () => value);
  if (value.length !== axes) {
    throw new UserError(
      `${setting} has ${value.length} ${value.length === 1 ? 'number' : 'numbers'}, but the data have ${axes} space ${axes === 1 ? 'axis' : 'axes'}`,
      { where: `model ${model}`, remedy: `Give one number for each space axis, or one number for all of them.` },
    );
  }
  return [...value];
}

/** How a setting's number of one axis is set, for remedies: `model.modes`, or `number 2 of model.modes`. */
export const settingOfAxis = (value: ByAxis, axis: number, setting: string): string =>
  typeof value === 'number' ? setting : `number ${axis + 1} of ${setting}`;
