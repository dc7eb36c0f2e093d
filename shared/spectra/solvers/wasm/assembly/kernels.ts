/**
 * AssemblyScript, built by `npm run build:wasm`: the two cubic parts of an eigenvalue computation, in float64.
 * Matrices are row-major and symmetric, of which only the lower triangle is read. Functions are exported one by one, also
 * where only this module calls them, so that none is inlined into a long-running caller before the runtime has optimised it.
 */

const bytes: usize = 8;
/** Rows of a packed panel, and of a tile. */
const tileRows: i32 = 4;
/** Panels that are kept in the second-level cache while all others pass by. */
const cachedPanels: i32 = 48;
/** Reflectors that are gathered before the matrix is updated by them. */
const blockSize: i32 = 32;
/** Squares below this are as good as zero beside the entries of a Gram matrix scaled to about 1. */
const negligible: f64 = 1e-280;

/** a * b + c, fused where the runtime has it. */
// @ts-expect-error: decorator
@inline
function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(c, f64x2.mul(a, b));
}

// @ts-expect-error: decorator
@inline
function sumOfLanes(vector: v128): f64 {
  return f64x2.extract_lane(vector, 0) + f64x2.extract_lane(vector, 1);
}

// @ts-expect-error: decorator
@inline
function addTo(at: usize, value: v128): void {
  v128.store(at, f64x2.add(v128.load(at), value));
}

/** C += P Q^T for a 4 x 4 tile of C; P and Q are packed panels: `depth` times four values. */
export function updateTile(c: usize, stride: usize, p: usize, q: usize, depth: i32): void {
  let s00 = f64x2.splat(0);
  let s01 = f64x2.splat(0);
  let s10 = f64x2.splat(0);
  let s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0);
  let s21 = f64x2.splat(0);
  let s30 = f64x2.splat(0);
  let s31 = f64x2.splat(0);
  const end = p + (<usize>depth << 5);
  while (p < end) {
    const q0 = v128.load(q);
    const q1 = v128.load(q, 16);
    let a = v128.load_splat<f64>(p);
    s00 = multiplyAdd(a, q0, s00);
    s01 = multiplyAdd(a, q1, s01);
    a = v128.load_splat<f64>(p, 8);
    s10 = multiplyAdd(a, q0, s10);
    s11 = multiplyAdd(a, q1, s11);
    a = v128.load_splat<f64>(p, 16);
    s20 = multiplyAdd(a, q0, s20);
    s21 = multiplyAdd(a, q1, s21);
    a = v128.load_splat<f64>(p, 24);
    s30 = multiplyAdd(a, q0, s30);
    s31 = multiplyAdd(a, q1, s31);
    p += 32;
    q += 32;
  }
  addTo(c, s00);
  addTo(c + 16, s01);
  c += stride;
  addTo(c, s10);
  addTo(c + 16, s11);
  c += stride;
  addTo(c, s20);
  addTo(c + 16, s21);
  c += stride;
  addTo(c, s30);
  addTo(c + 16, s31);
}

/** C += P Q^T on the lower triangle; P and Q are `panels` packed panels each, `stride` is the length of a row of C. */
export function updateLower(c: usize, stride: i32, panels: i32, p: usize, q: usize, depth: i32): void {
  const row = <usize>stride * bytes;
  const panel = <usize>depth << 5;
  for (let first: i32 = 0; first < panels; first += cachedPanels) {
    for (let i = first; i < panels; i++) {
      const last = min(i, first + cachedPanels - 1);
      for (let j = first; j <= last; j++) {
        updateTile(c + ((<usize>i * row + <usize>j * bytes) << 2), row, p + <usize>i * panel, q + <usize>j * panel, depth);
      }
    }
  }
}

export function dot(a: usize, b: usize, size: i32): f64 {
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let k: i32 = 0;
  for (; k + 4 <= size; k += 4) {
    s0 = multiplyAdd(v128.load(a), v128.load(b), s0);
    s1 = multiplyAdd(v128.load(a, 16), v128.load(b, 16), s1);
    a += 32;
    b += 32;
  }
  let sum = sumOfLanes(f64x2.add(s0, s1));
  for (; k < size; k++) {
    sum += load<f64>(a) * load<f64>(b);
    a += bytes;
    b += bytes;
  }
  return sum;
}

/** y -= alpha a + beta b */
export function subtractTwo(y: usize, alpha: f64, a: usize, beta: f64, b: usize, size: i32): void {
  const minusAlpha = f64x2.splat(-alpha);
  const minusBeta = f64x2.splat(-beta);
  let k: i32 = 0;
  for (; k + 2 <= size; k += 2) {
    v128.store(y, multiplyAdd(minusBeta, v128.load(b), multiplyAdd(minusAlpha, v128.load(a), v128.load(y))));
    y += 16;
    a += 16;
    b += 16;
  }
  if (k < size) store<f64>(y, load<f64>(y) - alpha * load<f64>(a) - beta * load<f64>(b));
}

/** Rows r .. r + 3 of a symmetric product, all but their own 4 x 4 corner: y[r ...] += A v, y += A^T v[r ...]. */
export function multiplyFourRows(a: usize, row: usize, r: i32, v: usize, y: usize): void {
  const vr = v + <usize>r * bytes;
  const v0 = v128.load_splat<f64>(vr);
  const v1 = v128.load_splat<f64>(vr, 8);
  const v2 = v128.load_splat<f64>(vr, 16);
  const v3 = v128.load_splat<f64>(vr, 24);
  let s0 = f64x2.splat(0);
  let s1 = f64x2.splat(0);
  let s2 = f64x2.splat(0);
  let s3 = f64x2.splat(0);
  let a0 = a + <usize>r * row;
  let a1 = a0 + row;
  let a2 = a1 + row;
  let a3 = a2 + row;
  let yk = y;
  const end = y + <usize>r * bytes;
  while (yk < end) {
    const vk = v128.load(v);
    const x0 = v128.load(a0);
    const x1 = v128.load(a1);
    const x2 = v128.load(a2);
    const x3 = v128.load(a3);
    s0 = multiplyAdd(x0, vk, s0);
    s1 = multiplyAdd(x1, vk, s1);
    s2 = multiplyAdd(x2, vk, s2);
    s3 = multiplyAdd(x3, vk, s3);
    const upper = multiplyAdd(x1, v1, multiplyAdd(x0, v0, v128.load(yk)));
    v128.store(yk, multiplyAdd(x3, v3, multiplyAdd(x2, v2, upper)));
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    v += 16;
    yk += 16;
  }
  store<f64>(end, load<f64>(end) + sumOfLanes(s0));
  store<f64>(end, load<f64>(end, 8) + sumOfLanes(s1), 8);
  store<f64>(end, load<f64>(end, 16) + sumOfLanes(s2), 16);
  store<f64>(end, load<f64>(end, 24) + sumOfLanes(s3), 24);
}

/** y = A v for the leading `size` x `size` part of A. */
export function multiplySymmetric(a: usize, stride: i32, size: i32, v: usize, y: usize): void {
  const row = <usize>stride * bytes;
  memory.fill(y, 0, <usize>size * bytes);
  let r: i32 = 0;
  for (; r + tileRows <= size; r += tileRows) {
    multiplyFourRows(a, row, r, v, y);
    multiplyEntries(a, row, r, r + tileRows, r, v, y);
  }
  multiplyEntries(a, row, r, size, 0, v, y);
}

/** The part of a symmetric product that entries `firstColumn` .. diagonal of rows `firstRow` .. `endRow` have. */
export function multiplyEntries(
  a: usize,
  row: usize,
  firstRow: i32,
  endRow: i32,
  firstColumn: i32,
  v: usize,
  y: usize,
): void {
  for (let r = firstRow; r < endRow; r++) {
    const ar = a + <usize>r * row;
    const yr = y + <usize>r * bytes;
    const vr = load<f64>(v + <usize>r * bytes);
    let sum = load<f64>(ar + <usize>r * bytes) * vr;
    for (let k = firstColumn; k < r; k++) {
      const at = <usize>k * bytes;
      const entry = load<f64>(ar + at);
      sum += entry * load<f64>(v + at);
      store<f64>(y + at, load<f64>(y + at) + entry * vr);
    }
    store<f64>(yr, load<f64>(yr) + sum);
  }
}

/** Packs four rows at a time of [U | W], of `count` vectors each, times `sign`. */
export function packReflectors(u: usize, w: usize, stride: i32, count: i32, size: i32, sign: f64, packed: usize): void {
  const row = <usize>stride * bytes;
  for (let r: i32 = 0; r < size; r += tileRows) {
    for (let half = 0; half < 2; half++) {
      const from = half == 0 ? u : w;
      for (let j: i32 = 0; j < count; j++) {
        const at = from + <usize>j * row + <usize>r * bytes;
        for (let i: i32 = 0; i < tileRows; i++) {
          store<f64>(packed, r + i < size ? sign * load<f64>(at + <usize>i * bytes) : 0);
          packed += bytes;
        }
      }
    }
  }
}

/** Number of values of room that `tridiagonalise` needs. */
export function workLength(stride: i32): i32 {
  return 6 * blockSize * stride;
}

/**
 * One row of the reduction: brings it up to date with the block's reflectors so far, makes the reflector U[j] that leaves of it
 * only the diagonal and its neighbour, and W[j] such that the update of the rest is A -= U W^T + W U^T.
 */
export function reduceRow(
  a: usize,
  stride: i32,
  row: i32,
  j: i32,
  u: usize,
  w: usize,
  diagonal: usize,
  offDiagonal: usize,
): void {
  const vector = <usize>stride * bytes;
  const ar = a + <usize>row * vector;
  const at = <usize>row * bytes;
  for (let i: i32 = 0; i < j; i++) {
    const ui = u + <usize>i * vector;
    const wi = w + <usize>i * vector;
    subtractTwo(ar, load<f64>(ui + at), wi, load<f64>(wi + at), ui, row + 1);
  }
  store<f64>(diagonal + at, load<f64>(ar + at));
  const uj = u + <usize>j * vector;
  const wj = w + <usize>j * vector;
  const neighbour = load<f64>(ar + at - bytes);
  const tailSquares = dot(ar, ar, row - 1);
  if (tailSquares < negligible) {
    store<f64>(offDiagonal + at, neighbour);
    memory.fill(uj, 0, at);
    memory.fill(wj, 0, at);
    return;
  }
  const norm = Math.sqrt(tailSquares + neighbour * neighbour);
  const coupling = neighbour >= 0 ? -norm : norm;
  store<f64>(offDiagonal + at, coupling);
  memory.copy(uj, ar, at);
  store<f64>(uj + at - bytes, neighbour - coupling);
  const halfSquaredLength = norm * norm - neighbour * coupling;
  multiplySymmetric(a, stride, row, uj, wj);
  for (let i: i32 = 0; i < j; i++) {
    const ui = u + <usize>i * vector;
    const wi = w + <usize>i * vector;
    subtractTwo(wj, dot(wi, uj, row), ui, dot(ui, uj, row), wi, row);
  }
  const overlap = dot(uj, wj, row);
  const shift = overlap / (2 * halfSquaredLength);
  for (let k: usize = 0; k < at; k += bytes) {
    store<f64>(wj + k, (load<f64>(wj + k) - shift * load<f64>(uj + k)) / halfSquaredLength);
  }
}

/**
 * Householder reduction of the symmetric matrix A (overwritten) to tridiagonal form, from the last row upwards, `blockSize`
 * rows at a time; `offDiagonal[i]` couples `diagonal[i - 1]` and `diagonal[i]`. Rows of A are `stride` long, a multiple of 4,
 * and there are as many of them as fill the last tile. The blocking is that of Dongarra, Hammarling and Sorensen (1989).
 */
export function tridiagonalise(
  order: i32,
  a: usize,
  stride: i32,
  diagonal: usize,
  offDiagonal: usize,
  work: usize,
): void {
  const block = <usize>(blockSize * stride) * bytes;
  const u = work;
  const w = u + block;
  const left = w + block;
  const right = left + 2 * block;
  let last = order - 1;
  while (last > 0) {
    const count = min(blockSize, last);
    for (let j: i32 = 0; j < count; j++) reduceRow(a, stride, last - j, j, u, w, diagonal, offDiagonal);
    last -= count;
    const size = last + 1;
    packReflectors(u, w, stride, count, size, 1, left);
    packReflectors(w, u, stride, count, size, -1, right);
    updateLower(a, stride, (size + tileRows - 1) / tileRows, left, right, 2 * count);
  }
  if (order > 0) store<f64>(diagonal, load<f64>(a));
}
