/** How PDEBench arranges the axes of its arrays, and how they become `[samples, ...space, time, channels]`. */
import { UserError } from '../core/errors.ts';
import { elementCount, formatShape } from '../tensors/tensor.ts';

/** Sizes of an array's axes as stored: `[samples, time, ...space]`, with channels last where it has any. */
export interface Layout {
  readonly samples: number;
  readonly time: number;
  readonly space: readonly number[];
  /** Size of the stored channel axis; undefined: the array has none. */
  readonly channels: number | undefined;
}

/** Lengths of `x-coordinate` and `y-coordinate`; undefined: not in the file. */
interface CoordinateLengths {
  readonly x: number | undefined;
  readonly y: number | undefined;
}

/**
 * The meaning of an array's axes: `[N, T, X]`, `[N, T, X, Y]`, `[N, T, X, C]` or `[N, T, X, Y, C]`; the two of rank 4 are
 * told apart by the coordinates. `stacked`: the array is one of several channels, so it has no channel axis of its own.
 * @throws UserError when the rank is another, the axes are ambiguous, or a coordinate has another length than its axis.
 */
export function layoutOf(
  where: string,
  shape: readonly number[],
  coordinates: CoordinateLengths,
  stacked: boolean,
): Layout {
  const [samples, time, ...rest] = shape;
  const dimensions = spaceDimensions(where, shape, coordinates, stacked);
  if (samples === undefined || time === undefined || dimensions === undefined) {
    throw new UserError(`has ${shape.length} axes ${formatShape(shape)}`, {
      where,
      remedy: stacked
        ? 'Datasets named under `channels` are [samples, time, x] or [samples, time, x, y].'
        : 'A PDEBench array is [samples, time, x], [samples, time, x, y], or either with a channel axis last.',
    });
  }
  const space = rest.slice(0, dimensions);
  for (const [axis, length] of [coordinates.x, coordinates.y].entries()) {
    if (length !== undefined && axis < dimensions && length !== space[axis]) {
      throw new UserError(
        `its ${'xy'[axis]} axis has ${space[axis]} points (shape ${formatShape(shape)}) but "${'xy'[axis]}-coordinate" has ${length}`,
        { where, remedy: 'Write the file with one coordinate per grid point, or leave the coordinate out.' },
      );
    }
  }
  return { samples, time, space, channels: rest[dimensions] };
}

function spaceDimensions(
  where: string,
  shape: readonly number[],
  { x, y }: CoordinateLengths,
  stacked: boolean,
): number | undefined {
  if (shape.length === 3) return 1;
  if (shape.length === 5) return stacked ? undefined : 2;
  if (shape.length !== 4) return undefined;
  if (stacked || y !== undefined) return 2;
  if (x !== undefined) return 1;
  throw new UserError(
    `has 4 axes ${formatShape(shape)}, and without coordinates the last may be y as well as the channel`,
    { where, remedy: 'Add "x-coordinate" (1-D) or "x-coordinate" and "y-coordinate" (2-D) to the file.' },
  );
}

/**
 * Copies one sample `[time, points, channels]` into `[points, time, allChannels]` from channel `firstChannel` on;
 * `points` are all grid points of the sample, row-major over the space axes.
 */
export function placeSample(
  source: Float32Array,
  sizes: { readonly time: number; readonly points: number; readonly channels: number },
  target: Float32Array,
  allChannels: number,
  firstChannel: number,
): void {
  const { time, points, channels } = sizes;
  for (let t = 0; t < time; t++) {
    for (let point = 0; point < points; point++) {
      const from = (t * points + point) * channels;
      const to = (point * time + t) * allChannels + firstChannel;
      for (let channel = 0; channel < channels; channel++) target[to + channel] = source[from + channel]!;
    }
  }
}

/** Coordinates `[...space, dimensions]` of every grid point from those along each axis. */
export function gridOf(axes: readonly Float32Array[]): { shape: number[]; values: Float32Array } {
  const space = axes.map((axis) => axis.length);
  const values = new Float32Array(elementCount(space) * axes.length);
  for (let point = 0; point < elementCount(space); point++) {
    let rest = point;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const coordinates = axes[axis]!;
      values[point * axes.length + axis] = coordinates[rest % coordinates.length]!;
      rest = Math.floor(rest / coordinates.length);
    }
  }
  return { shape: [...space, axes.length], values };
}
