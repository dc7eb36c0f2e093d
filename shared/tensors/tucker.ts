/**
 * Complex tensors by Tucker's factors: W[i, j, ...] = sum over a, b, ... of core[a, b, ...] F0[i, a] F1[j, b] ...
 * Stored as tensorly's: `core` `[...ranks, 2]`, then a factor `[side, rank, 2]` for each axis.
 */
import { elementCount, type WeightTensor } from './tensor.ts';

/**
 * The ranks at which core and factors hold about `fraction` of the numbers of a tensor of these sides: each side times the same c, rounded.
 * Source: tensorly's `validate_tucker_rank`.
 */
export function tuckerRanks(sides: readonly number[], fraction: number): number[] {
  const whole = elementCount(sides);
  const squares = sides.reduce((sum, side) => sum + side ** 2, 0);
  let [low, high] = [0, Math.max(fraction, 1)];
  for (let halving = 0; halving < 100; halving++) {
    const c = (low + high) / 2;
    if (whole * c ** sides.length + squares * c < fraction * whole) low = c;
    else high = c;
  }
  return sides.map((side) => Math.max(1, Math.round(side * low)));
}

/** The whole tensor `[...sides, 2]` in float64, of a core and a factor for each axis. */
export function wholeOfTucker(core: WeightTensor, factors: readonly WeightTensor[]): WeightTensor<Float64Array> {
  let state = Float64Array.from(core.data);
  const sides = core.shape.slice(0, -1);
  for (const [axis, { shape, data }] of factors.entries()) {
    const [side, rank] = shape as [number, number];
    const [before, after] = [elementCount(sides.slice(0, axis)), elementCount(sides.slice(axis + 1))];
    const next = new Float64Array(2 * before * side * after);
    for (let outer = 0; outer < before; outer++) {
      for (let to = 0; to < side; to++) {
        for (let from = 0; from < rank; from++) {
          const [re, im] = [data[2 * (to * rank + from)]!, data[2 * (to * rank + from) + 1]!];
          const source = 2 * (outer * rank + from) * after;
          const target = 2 * (outer * side + to) * after;
          for (let inner = 0; inner < 2 * after; inner += 2) {
            const [a, b] = [state[source + inner]!, state[source + inner + 1]!];
            next[target + inner]! += re * a - im * b;
            next[target + inner + 1]! += re * b + im * a;
          }
        }
      }
    }
    sides[axis] = side;
    state = next;
  }
  return { shape: [...sides, 2], data: state };
}
