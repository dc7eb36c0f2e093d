/** Numbers of a table's rows, by how far apart two tokens are. */

interface Buckets {
  readonly buckets: number;
  /** The distance from which on all share the last bucket. */
  readonly farthest: number;
  /** Whether what lies after a token has buckets of its own; else it shares that of the token itself. */
  readonly bothSides: boolean;
}

/**
 * The bucket of every pair of tokens, `[tokens * tokens]`, row by row: near distances each have their own, farther ones share theirs on
 * a logarithmic scale. Computed in float32, as in PyTorch. Source: Raffel et al., T5 (JMLR 2020).
 */
export function relativeBuckets(tokens: number, { buckets, farthest, bothSides }: Buckets): Int32Array {
  const ofSide = bothSides ? Math.floor(buckets / 2) : buckets;
  const exact = Math.floor(ofSide / 2);
  const bucketOf = (distance: number): number => {
    if (distance < exact) return distance;
    const logarithm = Math.fround(Math.log(Math.fround(distance / exact)));
    const share = Math.fround(Math.fround(logarithm / Math.log(farthest / exact)) * (ofSide - exact));
    return Math.min(exact + Math.trunc(share), ofSide - 1);
  };
  const near = Int32Array.from({ length: tokens }, (_, distance) => bucketOf(distance));
  return Int32Array.from({ length: tokens * tokens }, (_, index) => {
    const after = (index % tokens) - Math.floor(index / tokens);
    if (after <= 0) return near[-after]!;
    return bothSides ? ofSide + near[after]! : 0;
  });
}

/**
 * The bucket of a distance, with the distance's sign: up to `buckets / 2` every one has its own, up to `farthest` they share theirs on a
 * logarithmic scale. Computed in float32, as in PyTorch. Source: He et al., DeBERTa, as in its second version.
 */
export function logBucket(distance: number, buckets: number, farthest: number): number {
  const middle = Math.floor(buckets / 2);
  const far = Math.abs(distance);
  if (far <= middle) return distance;
  const logarithm = (x: number) => Math.fround(Math.log(Math.fround(x)));
  const share = Math.fround(logarithm(far / middle) / logarithm((farthest - 1) / middle));
  return Math.sign(distance) * (Math.ceil(Math.fround(share * (middle - 1))) + middle);
}
