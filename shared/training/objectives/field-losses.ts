/** Losses of predicted fields. */
import { UserError } from '../../core/errors.ts';
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { elementCount } from '../../tensors/tensor.ts';

export const fieldLossNames = ['mse', 'relativeL2', 'h1'] as const;
export type FieldLossName = (typeof fieldLossNames)[number];

/** Mean loss of fields, a scalar: both `[fields, points, channels]`, points row-major over space. */
export type FieldLoss = (tf: TensorLibrary, predicted: Tensor, targets: Tensor) => Tensor;

/** Coordinates `[...space, dimensions]`, on the host. */
interface Coordinates {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Mean of squared differences over all numbers. */
export const meanSquaredError: FieldLoss = (tf, predicted, targets) => tf.mean(tf.square(tf.sub(predicted, targets)));

/** Beneath the root of a sum of squares, so that its gradient is 0 where the sum is, as PyTorch's is. */
const leastSquare = 1e-30;
/** Added to what is divided by, as in neuraloperator. */
const leastNorm = 1e-8;

const sumOfSquares = (tf: TensorLibrary, fields: Tensor) => tf.sum(tf.square(fields), 1);
const root = (tf: TensorLibrary, squares: Tensor) => tf.sqrt(tf.add(squares, leastSquare));

/** The norm of the error over all of space, over the norm of the target; the mean over fields and channels. Source: neuraloperator's `LpLoss.rel`. */
const relativeL2: FieldLoss = (tf, predicted, targets) => {
  const error = root(tf, sumOfSquares(tf, tf.sub(predicted, targets)));
  return tf.mean(tf.div(error, tf.add(root(tf, sumOfSquares(tf, targets)), leastNorm)));
};

/** One-sided differences of third order at the first point, over 6 spacings; at the last one backwards and negated. */
const oneSided = [-11, 18, -9, 2] as const;

/** First derivatives along an axis of `[outer, points, inner]`: central differences, at the edges periodic or one-sided. */
function derivative(tf: TensorLibrary, fields: Tensor, spacing: number, periodic: boolean): Tensor {
  const points = fields.shape[1]!;
  const from = (first: number, count: number) => tf.slice(fields, [0, first, 0], [-1, count, -1]);
  const half = 1 / (2 * spacing);
  if (periodic) {
    const [first, last] = [from(0, 1), from(points - 1, 1)];
    const ahead = tf.concat([from(1, points - 1), first], 1);
    const behind = tf.concat([last, from(0, points - 1)], 1);
    return tf.mul(tf.sub(ahead, behind), half);
  }
  const inner = tf.mul(tf.sub(from(2, points - 2), from(0, points - 2)), half);
  const edge = (place: (index: number) => number, sign: number) =>
    tf.addN(oneSided.map((weight, index) => tf.mul(from(place(index), 1), (sign * weight) / (6 * spacing))));
  return tf.concat([edge((index) => index, 1), inner, edge((index) => points - 1 - index, -1)], 1);
}

/**
 * The H1 norm of the error over that of the target: fields and their first derivatives, over all of space; the mean over fields and channels.
 * Source: neuraloperator's `H1Loss.rel`.
 */
function h1(space: readonly number[], spacings: readonly number[], periodic: readonly boolean[]): FieldLoss {
  return (tf, predicted, targets) => {
    const channels = targets.shape[2]!;
    const squaresOf = (fields: Tensor) =>
      tf.addN([
        sumOfSquares(tf, fields),
        ...space.map((points, axis) => {
          const lines = tf.reshape(fields, [-1, points, elementCount(space.slice(axis + 1)) * channels]);
          return sumOfSquares(tf, tf.reshape(derivative(tf, lines, spacings[axis]!, periodic[axis]!), fields.shape));
        }),
      ]);
    const error = squaresOf(tf.sub(predicted, targets));
    return tf.mean(root(tf, tf.div(error, tf.add(squaresOf(targets), leastNorm))));
  };
}

/** How much the spacing of coordinates may differ from the mean, in parts of it: float32 coordinates are rounded. */
const unevenness = 0.01;

/**
 * The spacing of the coordinates along each axis.
 * @throws UserError when it is not the same everywhere, or there are too few points for differences.
 */
function spacingsOf({ shape, values }: Coordinates, periodic: readonly boolean[]): number[] {
  const space = shape.slice(0, -1);
  return space.map((points, axis) => {
    const where = `training.loss, ${'xyz'[axis] ?? axis} axis`;
    const least = periodic[axis] ? 3 : 4;
    if (points < least) {
      throw new UserError(`h1 takes derivatives from at least ${least} points, and the axis has ${points}`, {
        where,
        remedy: 'Choose another loss, or sub-sample the data less.',
      });
    }
    const stride = elementCount(space.slice(axis + 1)) * space.length;
    const at = (point: number) => values[point * stride + axis]!;
    const spacing = (at(points - 1) - at(0)) / (points - 1);
    for (let point = 1; point < points; point++) {
      if (spacing > 0 && Math.abs(at(point) - at(point - 1) - spacing) <= unevenness * spacing) continue;
      throw new UserError(
        `h1 takes derivatives on evenly spaced points, and the coordinates go from ${at(point - 1)} to ${at(point)} where ${spacing} is the mean step`,
        { where, remedy: 'Choose another loss: relativeL2 or mse.' },
      );
    }
    return spacing;
  });
}

/** The loss, and for h1 whether fields go on periodically at the edges. */
export interface FieldLossSettings {
  readonly loss?: FieldLossName | undefined;
  readonly periodic?: boolean | readonly boolean[] | undefined;
}

/**
 * The loss on fields with these coordinates.
 * @throws UserError when the coordinates don't do for it.
 */
export function fieldLoss({ loss = 'mse', periodic = true }: FieldLossSettings, grid: Coordinates): FieldLoss {
  if (loss === 'mse') return meanSquaredError;
  if (loss === 'relativeL2') return relativeL2;
  const space = grid.shape.slice(0, -1);
  const byAxis = typeof periodic === 'boolean' ? space.map(() => periodic) : periodic;
  if (byAxis.length !== space.length) {
    throw new UserError(`has ${byAxis.length} entries, and the data ${space.length} space axes`, {
      where: 'training.periodic',
      remedy: 'Give true or false for all axes, or one for each.',
    });
  }
  return h1(space, spacingsOf(grid, byAxis), byAxis);
}
