import { elementCount } from '../tensors/tensor.ts';

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

/** The coordinates along each axis of a grid `[...space, dimensions]`. */
export function axesOfGrid({
  shape,
  values,
}: {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}): Float32Array[] {
  const space = shape.slice(0, -1);
  return space.map((points, axis) => {
    const apart = elementCount(space.slice(axis + 1)) * space.length;
    return Float32Array.from({ length: points }, (_, index) => values[index * apart + axis]!);
  });
}
