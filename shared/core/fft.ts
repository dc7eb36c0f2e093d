/** A discrete Fourier transform of one length, in float64. */
export interface Fft {
  readonly length: number;
  /** X_k = sum_j x_j exp(-2 pi i j k / n), unnormalised, in place on real and imaginary parts. */
  forward(real: Float64Array, imaginary: Float64Array): void;
  /** x_j = (1/n) sum_k X_k exp(2 pi i j k / n), in place. */
  inverse(real: Float64Array, imaginary: Float64Array): void;
}

function smallestFactor(length: number): number {
  for (let factor = 2; factor * factor <= length; factor++) if (length % factor === 0) return factor;
  return length;
}

/**
 * Cooley-Tukey for any length, splitting by its prime factors: n log n for powers of two, n times the sum of the prime
 * factors otherwise. One instance serves one caller at a time: it owns its scratch space.
 */
export function createFft(length: number): Fft {
  const cosines = Float64Array.from({ length }, (_, j) => Math.cos((2 * Math.PI * j) / length));
  const sines = Float64Array.from({ length }, (_, j) => -Math.sin((2 * Math.PI * j) / length));
  const sourceReal = new Float64Array(length);
  const sourceImaginary = new Float64Array(length);
  const spokesReal = new Float64Array(length);
  const spokesImaginary = new Float64Array(length);

  const combine = (real: Float64Array, imaginary: Float64Array, offset: number, size: number, radix: number) => {
    const part = size / radix;
    const turn = length / size;
    for (let k = 0; k < part; k++) {
      for (let q = 0; q < radix; q++) {
        const from = offset + q * part + k;
        const c = cosines[q * k * turn]!;
        const s = sines[q * k * turn]!;
        spokesReal[q] = real[from]! * c - imaginary[from]! * s;
        spokesImaginary[q] = real[from]! * s + imaginary[from]! * c;
      }
      for (let r = 0; r < radix; r++) {
        let sumReal = 0;
        let sumImaginary = 0;
        for (let q = 0; q < radix; q++) {
          const angle = ((q * r) % radix) * (length / radix);
          sumReal += spokesReal[q]! * cosines[angle]! - spokesImaginary[q]! * sines[angle]!;
          sumImaginary += spokesReal[q]! * sines[angle]! + spokesImaginary[q]! * cosines[angle]!;
        }
        real[offset + r * part + k] = sumReal;
        imaginary[offset + r * part + k] = sumImaginary;
      }
    }
  };

  const combinePairs = (real: Float64Array, imaginary: Float64Array, offset: number, size: number) => {
    const half = size / 2;
    const turn = length / size;
    for (let k = 0; k < half; k++) {
      const even = offset + k;
      const odd = even + half;
      const c = cosines[k * turn]!;
      const s = sines[k * turn]!;
      const oddReal = real[odd]! * c - imaginary[odd]! * s;
      const oddImaginary = real[odd]! * s + imaginary[odd]! * c;
      real[odd] = real[even]! - oddReal;
      imaginary[odd] = imaginary[even]! - oddImaginary;
      real[even] = real[even]! + oddReal;
      imaginary[even] = imaginary[even]! + oddImaginary;
    }
  };

  const transform = (
    real: Float64Array,
    imaginary: Float64Array,
    offset: number,
    size: number,
    from: number,
    stride: number,
  ) => {
    if (size === 1) {
      real[offset] = sourceReal[from]!;
      imaginary[offset] = sourceImaginary[from]!;
      return;
    }
    const radix = smallestFactor(size);
    for (let q = 0; q < radix; q++) {
      transform(real, imaginary, offset + (q * size) / radix, size / radix, from + q * stride, stride * radix);
    }
    if (radix === 2) combinePairs(real, imaginary, offset, size);
    else combine(real, imaginary, offset, size, radix);
  };

  const forward = (real: Float64Array, imaginary: Float64Array) => {
    sourceReal.set(real);
    sourceImaginary.set(imaginary);
    transform(real, imaginary, 0, length, 0, 1);
  };
  return {
    length,
    forward,
    inverse(real, imaginary) {
      forward(imaginary, real);
      for (let j = 0; j < length; j++) {
        real[j] = real[j]! / length;
        imaginary[j] = imaginary[j]! / length;
      }
    },
  };
}
