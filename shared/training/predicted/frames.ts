import { elementCount } from '../../tensors/tensor.ts';

/** Points of a line, and points along each axis of a map, at most. */
const linePoints = 128;
export const mapSide = 64;

/** The form in which a field on a grid becomes a line or a map of few points. */
export interface FrameForm {
  /** Points along its one or two axes. */
  readonly drawn: readonly number[];
  /** Points of the grid along each axis that one of these is the mean of. */
  readonly block: readonly number[];
  /** Of three axes: the point of the last one, counted from 0, that the frame is cut at. */
  readonly slice?: number;
  /**
   * The frame, last axis fastest.
   * @param at where in `fields` the value at the first point of the grid lies, and how far on the next one is
   */
  of(fields: Float32Array, at: { readonly first: number; readonly stride: number }): Float64Array;
}

/**
 * @param space points along each axis of the grid
 * @param mostValues of a frame
 */
export function frameForm(space: readonly number[], mostValues: number): FrameForm {
  const [rows, columns = 1, depth = 1] = space as [number, number?, number?];
  const side = Math.floor(space.length === 1 ? Math.min(linePoints, mostValues) : Math.min(mapSide, mostValues ** 0.5));
  const block = space.slice(0, 2).map((points) => Math.ceil(points / Math.max(1, side)));
  const [rowBlock, columnBlock = 1] = block as [number, number?];
  const drawn = block.map((size, axis) => Math.ceil(space[axis]! / size));
  const width = drawn[1] ?? 1;
  const slice = space.length === 3 ? Math.floor(depth / 2) : undefined;
  return {
    drawn,
    block,
    ...(slice === undefined ? {} : { slice }),
    of(fields, { first, stride }) {
      const totals = new Float64Array(elementCount(drawn));
      const counts = new Float64Array(totals.length);
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const point = (row * columns + column) * depth + (slice ?? 0);
          const place = Math.floor(row / rowBlock) * width + Math.floor(column / columnBlock);
          totals[place]! += fields[first + point * stride]!;
          counts[place]! += 1;
        }
      }
      return totals.map((total, place) => total / counts[place]!);
    },
  };
}
