/**
 * AssemblyScript, built by `npm run build:wasm`: an eigenvalue computation in float64 that adds and multiplies in the order of the plain
 * TypeScript one (`portable.ts`, `tridiagonal.ts`), so that it gives the same bits. Nothing is fused. Matrices as in `kernels.ts`.
 */

const bytes: usize = 8;
/** Rows of a packed panel, and of a tile. */
const tileRows: i32 = 4;
/** Squares below this are as good as zero beside the entries of a Gram matrix scaled to about 1. */
const negligible: f64 = 1e-280;
const mostIterations: i32 = 60;
const epsilon: f64 = 2.220446049250313e-16;

// @ts-expect-error: decorator
@inline
function plusProduct(sum: v128, a: v128, b: v128): v128 {
  return f64x2.add(sum, f64x2.mul(a, b));
}

/** C += P Q^T for a 4 x 4 tile of C, one product after the other; P and Q are packed panels: `depth` times four values. */
export function updateTileInOrder(c: usize, stride: usize, p: usize, q: usize, depth: i32): void {
  const c1 = c + stride;
  const c2 = c1 + stride;
  const c3 = c2 + stride;
  let s00 = v128.load(c);
  let s01 = v128.load(c, 16);
  let s10 = v128.load(c1);
  let s11 = v128.load(c1, 16);
  let s20 = v128.load(c2);
  let s21 = v128.load(c2, 16);
  let s30 = v128.load(c3);
  let s31 = v128.load(c3, 16);
  const end = p + (<usize>depth << 5);
  while (p < end) {
    const q0 = v128.load(q);
    const q1 = v128.load(q, 16);
    let a = v128.load_splat<f64>(p);
    s00 = plusProduct(s00, a, q0);
    s01 = plusProduct(s01, a, q1);
    a = v128.load_splat<f64>(p, 8);
    s10 = plusProduct(s10, a, q0);
    s11 = plusProduct(s11, a, q1);
    a = v128.load_splat<f64>(p, 16);
    s20 = plusProduct(s20, a, q0);
    s21 = plusProduct(s21, a, q1);
    a = v128.load_splat<f64>(p, 24);
    s30 = plusProduct(s30, a, q0);
    s31 = plusProduct(s31, a, q1);
    p += 32;
    q += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  v128.store(c1, s10);
  v128.store(c1, s11, 16);
  v128.store(c2, s20);
  v128.store(c2, s21, 16);
  v128.store(c3, s30);
  v128.store(c3, s31, 16);
}

/** C += P P^T on the lower triangle; P is `panels` packed panels, `stride` is the length of a row of C. */
export function updateLowerInOrder(c: usize, stride: i32, panels: i32, p: usize, depth: i32): void {
  const row = <usize>stride * bytes;
  const panel = <usize>depth << 5;
  for (let i: i32 = 0; i < panels; i++) {
    for (let j: i32 = 0; j <= i; j++) {
      const tile = c + ((<usize>i * row + <usize>j * bytes) << 2);
      updateTileInOrder(tile, row, p + <usize>i * panel, p + <usize>j * panel, depth);
    }
  }
}

/**
 * Rows r and r + 1 of a symmetric product, from column `from` on: their sums so far are in the lanes of `sums`.
 * y[k] += A[r, k] v[r] + A[r + 1, k] v[r + 1] for k < r, then y[r] and y[r + 1] += the sums.
 */
export function finishTwoRows(a0: usize, a1: usize, r: i32, from: i32, sums: v128, v: usize, y: usize): void {
  const at = <usize>r * bytes;
  const v0 = load<f64>(v + at);
  const v1 = load<f64>(v + at, 8);
  let sum0 = f64x2.extract_lane(sums, 0);
  let sum1 = f64x2.extract_lane(sums, 1);
  for (let k = <usize>from * bytes; k < at; k += bytes) {
    const a = load<f64>(a0 + k);
    const b = load<f64>(a1 + k);
    const vk = load<f64>(v + k);
    sum0 += a * vk;
    sum1 += b * vk;
    store<f64>(y + k, load<f64>(y + k) + (a * v0 + b * v1));
  }
  store<f64>(y + at, load<f64>(y + at) + sum0);
  store<f64>(y + at, load<f64>(y + at, 8) + sum1, 8);
}

/** What the two diagonal entries and the one between them add to rows r and r + 1 of a symmetric product. */
// @ts-expect-error: decorator
@inline
function cornerOfTwoRows(a0: usize, a1: usize, at: usize, v: usize): v128 {
  const v0 = load<f64>(v + at);
  const v1 = load<f64>(v + at, 8);
  const corner = load<f64>(a1 + at);
  return f64x2(load<f64>(a0 + at) * v0 + corner * v1, corner * v0 + load<f64>(a1 + at, 8) * v1);
}

/** Rows r .. r + 3 of a symmetric product, as two times two rows. */
export function multiplyFourRowsInOrder(a: usize, row: usize, r: i32, v: usize, y: usize): void {
  const at = <usize>r * bytes;
  const v0 = v128.load_splat<f64>(v + at);
  const v1 = v128.load_splat<f64>(v + at, 8);
  const v2 = v128.load_splat<f64>(v + at, 16);
  const v3 = v128.load_splat<f64>(v + at, 24);
  const a0 = a + <usize>r * row;
  const a1 = a0 + row;
  const a2 = a1 + row;
  const a3 = a2 + row;
  let s01 = cornerOfTwoRows(a0, a1, at, v);
  let s23 = cornerOfTwoRows(a2, a3, at + 16, v);
  for (let k: usize = 0; k < at; k += 16) {
    const x0 = v128.load(a0 + k);
    const x1 = v128.load(a1 + k);
    const x2 = v128.load(a2 + k);
    const x3 = v128.load(a3 + k);
    const first = v128.load_splat<f64>(v + k);
    const second = v128.load_splat<f64>(v + k, 8);
    s01 = plusProduct(s01, v128.shuffle<f64>(x0, x1, 0, 2), first);
    s23 = plusProduct(s23, v128.shuffle<f64>(x2, x3, 0, 2), first);
    s01 = plusProduct(s01, v128.shuffle<f64>(x0, x1, 1, 3), second);
    s23 = plusProduct(s23, v128.shuffle<f64>(x2, x3, 1, 3), second);
    const upper = f64x2.add(v128.load(y + k), f64x2.add(f64x2.mul(x0, v0), f64x2.mul(x1, v1)));
    v128.store(y + k, f64x2.add(upper, f64x2.add(f64x2.mul(x2, v2), f64x2.mul(x3, v3))));
  }
  finishTwoRows(a0, a1, r, r, s01, v, y);
  finishTwoRows(a2, a3, r + 2, r, s23, v, y);
}

/** y = A v for the leading `size` x `size` part of A. */
export function multiplySymmetricInOrder(a: usize, stride: i32, size: i32, v: usize, y: usize): void {
  const row = <usize>stride * bytes;
  memory.fill(y, 0, <usize>size * bytes);
  let r: i32 = 0;
  for (; r + tileRows <= size; r += tileRows) multiplyFourRowsInOrder(a, row, r, v, y);
  for (; r + 2 <= size; r += 2) {
    const a0 = a + <usize>r * row;
    finishTwoRows(a0, a0 + row, r, 0, cornerOfTwoRows(a0, a0 + row, <usize>r * bytes, v), v, y);
  }
  if (r < size) {
    const ar = a + <usize>r * row;
    const at = <usize>r * bytes;
    const vr = load<f64>(v + at);
    let sum = load<f64>(ar + at) * vr;
    for (let k: usize = 0; k < at; k += bytes) {
      const entry = load<f64>(ar + k);
      sum += entry * load<f64>(v + k);
      store<f64>(y + k, load<f64>(y + k) + entry * vr);
    }
    store<f64>(y + at, load<f64>(y + at) + sum);
  }
}

/** A -= u w^T + w u^T on the lower triangle of the leading `size` x `size` part. */
export function subtractOuterInOrder(a: usize, stride: i32, size: i32, u: usize, w: usize): void {
  const row = <usize>stride * bytes;
  for (let r: i32 = 0; r < size; r++) {
    const at = <usize>r * bytes;
    const ur = load<f64>(u + at);
    const wr = load<f64>(w + at);
    const us = f64x2.splat(ur);
    const ws = f64x2.splat(wr);
    const ar = a + <usize>r * row;
    let k: usize = 0;
    for (; k < at; k += 16) {
      const outer = f64x2.add(f64x2.mul(us, v128.load(w + k)), f64x2.mul(ws, v128.load(u + k)));
      v128.store(ar + k, f64x2.sub(v128.load(ar + k), outer));
    }
    if (k == at) store<f64>(ar + k, load<f64>(ar + k) - (ur * load<f64>(w + k) + wr * load<f64>(u + k)));
  }
}

/**
 * Householder reduction of the symmetric matrix A (overwritten) to tridiagonal form, from the last row upwards; `offDiagonal[i]` couples
 * `diagonal[i - 1]` and `diagonal[i]`. Rows of A are `stride` long. `work` has room for two of them.
 */
export function tridiagonaliseInOrder(
  order: i32,
  a: usize,
  stride: i32,
  diagonal: usize,
  offDiagonal: usize,
  work: usize,
): void {
  const row = <usize>stride * bytes;
  const reflector = work;
  const product = work + row;
  for (let last = order - 1; last > 0; last--) {
    const ar = a + <usize>last * row;
    const at = <usize>last * bytes;
    store<f64>(diagonal + at, load<f64>(ar + at));
    const before = at - bytes;
    const neighbour = load<f64>(ar + before);
    let tailSquares: f64 = 0;
    for (let k: usize = 0; k < before; k += bytes) tailSquares += load<f64>(ar + k) * load<f64>(ar + k);
    if (tailSquares < negligible) {
      store<f64>(offDiagonal + at, neighbour);
      continue;
    }
    const norm = Math.sqrt(tailSquares + neighbour * neighbour);
    const coupling = neighbour >= 0 ? -norm : norm;
    store<f64>(offDiagonal + at, coupling);
    memory.copy(reflector, ar, before);
    store<f64>(reflector + before, neighbour - coupling);
    const halfSquaredLength = norm * norm - neighbour * coupling;
    multiplySymmetricInOrder(a, stride, last, reflector, product);
    let overlap: f64 = 0;
    for (let k: usize = 0; k < at; k += bytes) {
      const scaled = load<f64>(product + k) / halfSquaredLength;
      store<f64>(product + k, scaled);
      overlap += load<f64>(reflector + k) * scaled;
    }
    const shift = overlap / (2 * halfSquaredLength);
    for (let k: usize = 0; k < at; k += bytes) {
      store<f64>(product + k, load<f64>(product + k) - shift * load<f64>(reflector + k));
    }
    subtractOuterInOrder(a, stride, last, reflector, product);
  }
  if (order > 0) store<f64>(diagonal, load<f64>(a));
}

/** The first row from `start` on that is coupled to no later one. */
export function uncoupledFrom(start: i32, order: i32, d: usize, e: usize, alwaysNegligible: f64): i32 {
  let end = start;
  for (; end < order - 1; end++) {
    const at = <usize>end * bytes;
    const neighbours = Math.abs(load<f64>(d + at)) + Math.abs(load<f64>(d + at, 8));
    if (Math.abs(load<f64>(e + at)) <= epsilon * neighbours + alwaysNegligible) break;
  }
  return end;
}

/** One implicit QL step on rows start..end: a shift near d[start] is chased from the end to the start. */
export function implicitStep(d: usize, e: usize, start: i32, end: i32): void {
  const first = <usize>start * bytes;
  const last = <usize>end * bytes;
  const half = (load<f64>(d + first, 8) - load<f64>(d + first)) / (2 * load<f64>(e + first));
  const root = Math.sqrt(half * half + 1);
  let bulge = load<f64>(d + last) - load<f64>(d + first) + load<f64>(e + first) / (half + (half >= 0 ? root : -root));
  let sine: f64 = 1;
  let cosine: f64 = 1;
  let carried: f64 = 0;
  let above = load<f64>(d + last);
  for (let at = last; at > first; ) {
    at -= bytes;
    const coupling = load<f64>(e + at);
    const f = sine * coupling;
    const b = cosine * coupling;
    const length = Math.sqrt(f * f + bulge * bulge);
    store<f64>(e + at, length, 8);
    if (length == 0) {
      store<f64>(d + at, above - carried, 8);
      store<f64>(e + last, 0);
      return;
    }
    sine = f / length;
    cosine = bulge / length;
    const centre = above - carried;
    above = load<f64>(d + at);
    const turned = (above - centre) * sine + 2 * cosine * b;
    carried = sine * turned;
    store<f64>(d + at, centre + carried, 8);
    bulge = cosine * turned - b;
  }
  store<f64>(d + first, above - carried);
  store<f64>(e + first, bulge);
  store<f64>(e + last, 0);
}

/**
 * Eigenvalues, in no order, of a symmetric tridiagonal matrix, in the place of d; e[i] couples d[i - 1] and d[i], and is overwritten.
 * @returns the eigenvalue that did not converge, or -1
 */
export function tridiagonalEigenvalues(order: i32, d: usize, e: usize): i32 {
  if (order == 0) return -1;
  memory.copy(e, e + bytes, <usize>(order - 1) * bytes);
  store<f64>(e + <usize>(order - 1) * bytes, 0);
  let magnitude: f64 = 0;
  for (let at: usize = 0; at < <usize>order * bytes; at += bytes) {
    magnitude = Math.max(magnitude, Math.abs(load<f64>(d + at)) + Math.abs(load<f64>(e + at)));
  }
  const alwaysNegligible = magnitude * epsilon * 0.00390625;
  for (let start: i32 = 0; start < order; start++) {
    let end = uncoupledFrom(start, order, d, e, alwaysNegligible);
    for (let iteration: i32 = 0; end != start; iteration++) {
      if (iteration == mostIterations) return start;
      implicitStep(d, e, start, end);
      end = uncoupledFrom(start, order, d, e, alwaysNegligible);
    }
  }
  return -1;
}
