/** The minimum of a smooth convex function, by L-BFGS. Source: Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 7.5. */

/** A function's value at a point, which writes its gradient there into `gradient`. */
export type Differentiable = (point: Float64Array, gradient: Float64Array) => number;

export interface Minimum {
  readonly point: Float64Array;
  /** Euclidean length of the gradient there. */
  readonly gradientNorm: number;
  readonly iterations: number;
}

/** Steps that the curvature is told from. */
const memory = 20;
const mostIterations = 5000;
/** A step has to give so much of the decrease that the slope promises. */
const sufficientDecrease = 1e-4;
/** Halvings of a step, after which rounding hides any decrease. */
const mostHalvings = 60;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
};

/** `to` with `factor` times `by` added to it. */
function add(to: Float64Array, factor: number, by: Float64Array): void {
  for (let index = 0; index < to.length; index++) to[index]! += factor * by[index]!;
}

interface Correction {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly product: number;
}

/** Minus the gradient times the inverse of the curvature that the last steps show. */
function directionOf(gradient: Float64Array, corrections: readonly Correction[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const shares: number[] = [];
  for (const { step, change, product } of corrections.toReversed()) {
    const share = dot(step, direction) / product;
    shares.unshift(share);
    add(direction, -share, change);
  }
  const last = corrections.at(-1);
  if (last) {
    const scale = last.product / dot(last.change, last.change);
    for (let index = 0; index < direction.length; index++) direction[index]! *= scale;
  }
  for (const [index, { step, change, product }] of corrections.entries()) {
    add(direction, shares[index]! - dot(change, direction) / product, step);
  }
  return direction;
}

/**
 * The minimum, from `start`, in float64. It ends where the gradient is no longer than `tolerance`, or where rounding lets the function
 * decrease no further. The same arguments give the same bits.
 */
export function minimise(of: Differentiable, start: Float64Array, tolerance: number): Minimum {
  let point = start.slice();
  let gradient = new Float64Array(point.length);
  let value = of(point, gradient);
  const corrections: Correction[] = [];
  let iterations = 0;
  for (; iterations < mostIterations && Math.sqrt(dot(gradient, gradient)) > tolerance; iterations++) {
    const direction = directionOf(gradient, corrections);
    const slope = dot(gradient, direction);
    // Without any knowledge of the curvature a step has the length 1 at most.
    let length = corrections.length > 0 ? 1 : Math.min(1, 1 / Math.sqrt(dot(gradient, gradient)));
    let next: { point: Float64Array; gradient: Float64Array; value: number } | undefined;
    for (let halving = 0; halving < mostHalvings && !next; halving++, length /= 2) {
      const tried = point.slice();
      add(tried, length, direction);
      const slopes = new Float64Array(point.length);
      const found = of(tried, slopes);
      // Near the minimum, where rounding hides the decrease, a shorter gradient will do.
      const isShorter = found <= value + 1e-13 * Math.abs(value) && dot(slopes, slopes) < dot(gradient, gradient);
      if (found <= value + sufficientDecrease * length * slope || isShorter) {
        next = { point: tried, gradient: slopes, value: found };
      }
    }
    if (!next) break;
    const step = next.point.slice();
    add(step, -1, point);
    const change = next.gradient.slice();
    add(change, -1, gradient);
    const product = dot(step, change);
    if (product > 1e-300) corrections.push({ step, change, product });
    if (corrections.length > memory) corrections.shift();
    ({ point, gradient, value } = next as { point: typeof point; gradient: typeof gradient; value: number });
  }
  return { point, gradientNorm: Math.sqrt(dot(gradient, gradient)), iterations };
}
