/** Eigenvalues of a Gram matrix at or below this are rounding noise; `dimension` is the longer side of the matrix. */
export function noiseFloor(dimension: number, largest: number): number {
  return dimension * Number.EPSILON * largest;
}
