import type { TensorLibrary } from '../../engines/engine.ts';

/** The real Fourier transform of fields on a plane and back, of which some frequencies are kept, as one matrix each. */
export interface GridFourier {
  /** Kept frequencies. */
  readonly frequencies: number;
  /** `[2 * frequencies, points]`: real parts, then imaginary ones. */
  readonly forward: Float32Array;
  /** `[points, 2 * frequencies]` */
  readonly inverse: Float32Array;
}

/**
 * The first `modes` rows and columns of `torch.fft.rfft2(norm="ortho")` on `rows` x `columns` points, and `irfft2` of a spectrum that is
 * zero elsewhere. Rows count from 0 to `rows` - 1, so that with many modes negative frequencies are among them. What a real
 * transform's inverse ignores (imaginary parts at column 0, after the rows' transform) is ignored here too.
 */
export function planGridFourier(rows: number, columns: number, modes: number): GridFourier {
  const [keptRows, keptColumns] = [Math.min(modes, rows), Math.min(modes, Math.floor(columns / 2) + 1)];
  const [points, frequencies] = [rows * columns, keptRows * keptColumns];
  const forward = new Float32Array(2 * frequencies * points);
  const inverse = new Float32Array(points * 2 * frequencies);
  const scale = 1 / Math.sqrt(points);
  for (let frequency = 0; frequency < frequencies; frequency++) {
    const [row, column] = [Math.floor(frequency / keptColumns), frequency % keptColumns];
    // A column stands for its mirror image too, if that is another one.
    const weight = column === 0 || 2 * column === columns ? scale : 2 * scale;
    for (let point = 0; point < points; point++) {
      const turns =
        ((row * Math.floor(point / columns)) % rows) / rows + ((column * (point % columns)) % columns) / columns;
      const [cosine, sine] = [Math.cos(2 * Math.PI * turns), Math.sin(2 * Math.PI * turns)];
      forward[frequency * points + point] = scale * cosine;
      forward[(frequencies + frequency) * points + point] = -scale * sine;
      inverse[point * 2 * frequencies + frequency] = weight * cosine;
      inverse[point * 2 * frequencies + frequencies + frequency] = -weight * sine;
    }
  }
  return { frequencies, forward, inverse };
}

/** Puts the matrices of a transform on the engine. */
export function bindGridFourier(tf: TensorLibrary, { frequencies, forward, inverse }: GridFourier) {
  const points = inverse.length / (2 * frequencies);
  return {
    forward: tf.tensor2d(forward, [2 * frequencies, points]),
    inverse: tf.tensor2d(inverse, [points, 2 * frequencies]),
  };
}
