/** What rounding stored weights leaves in the spectrum of their difference. */

/** A type of stored floats. */
export interface StoredPrecision {
  /** Bits of the fraction, the leading one included. */
  readonly bits: number;
  /** Exponent of the smallest normal number: below it the step between numbers no longer shrinks. */
  readonly smallestExponent: number;
}

type Numbers = Float32Array | Float64Array;

/** Weights with the float type that they are stored in. */
export interface StoredWeights {
  readonly data: Numbers;
  readonly precision: StoredPrecision;
}

/**
 * Standard deviations of the rounding errors of `a - b`, entry by entry. A stored number is off by up to half a step between
 * neighbours, evenly: a variance of step^2 / 12. A stored zero counts as exact.
 */
export function roundingDeviations(a: StoredWeights, b: StoredWeights): Float64Array {
  const [ofA, ofB] = [varianceOf(a.precision), varianceOf(b.precision)];
  return Float64Array.from({ length: a.data.length }, (_, at) => Math.sqrt(ofA(a.data[at]!) + ofB(b.data[at]!)));
}

function varianceOf({ bits, smallestExponent }: StoredPrecision): (value: number) => number {
  const double = new Float64Array(1);
  const words = new Uint32Array(double.buffer);
  const variances = Float64Array.from({ length: 2048 }, (_, biased) => {
    const step = 2 ** (Math.max(biased - exponentBias, smallestExponent) - bits + 1);
    return (step * step) / 12;
  });
  return (value) => {
    if (value === 0) return 0;
    double[0] = value;
    return variances[(words[highWord]! >>> 20) & 0x7ff]!;
  };
}

const exponentBias = 1023;
/** The index of the 32-bit half of a float64 that holds its exponent on this machine. */
const highWord = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/** A matrix of independent random entries, of which only the standard deviations are known. */
export interface NoiseMatrix {
  /** Deviations of rows from `start` on, row-major. */
  add(start: number, deviations: Numbers): void;
  /** Eigenvalues at or below this can come from the noise alone. */
  edge(): number;
}

/**
 * The largest singular value of such a matrix is near the largest norm of a row of deviations plus the largest norm of a
 * column, however unevenly the entries are sized, and beyond it by about the largest deviation (Bandeira and van Handel,
 * Annals of Probability 44, 2016): a rounding error is at most the root of 3 of its deviation.
 */
export function noiseMatrix(rows: number, columns: number): NoiseMatrix {
  const byRow = new Float64Array(rows);
  const byColumn = new Float64Array(columns);
  let largest = 0;
  return {
    add(start, deviations) {
      for (let at = 0, row = start; at < deviations.length; at += columns, row++) {
        for (let column = 0; column < columns; column++) {
          const deviation = deviations[at + column]!;
          const variance = deviation * deviation;
          byRow[row]! += variance;
          byColumn[column]! += variance;
          if (variance > largest) largest = variance;
        }
      }
    },
    edge() {
      const typical = Math.sqrt(byRow.reduce(greater, 0)) + Math.sqrt(byColumn.reduce(greater, 0));
      return (typical + Math.sqrt(3 * largest)) ** 2;
    },
  };
}

const greater = (a: number, b: number) => (b > a ? b : a);
