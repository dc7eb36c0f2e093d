/**
 * Holm's step-down adjustment of p values (Scandinavian Journal of Statistics 6, 1979): the k-th smallest of m is multiplied by m - k + 1, is no smaller
 * than those before it, and at most 1. Calling significant what is at most 0.05 then errs anywhere among the m with a probability of at most 5 %,
 * however the tests depend on each other.
 */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, index) => index).toSorted((a, b) => p[a]! - p[b]!);
  const adjusted = new Array<number>(p.length);
  let largest = 0;
  for (const [rank, index] of order.entries()) {
    largest = Math.max(largest, Math.min(1, (p.length - rank) * p[index]!));
    adjusted[index] = largest;
  }
  return adjusted;
}
