import { createFft, type Fft } from '../../core/fft.ts';
import { elementCount } from '../../tensors/tensor.ts';
import { type Frame, type Metric, type MetricOptions, mean } from './metric.ts';

const bandNames = ['low', 'middle', 'high'] as const;
type Band = (typeof bandNames)[number];

const defaultBands = { middle: 4, high: 12 };

/** Number of wave numbers in the spectrum of a grid: those of a real transform in 1-D, whole rings of a quadrant in 2-D. */
function wavenumbers(space: readonly number[]): number {
  const [nx, ny] = space.map((points) => Math.floor(points / 2));
  return ny === undefined ? nx! + 1 : Math.min(nx!, ny);
}

function bandRange(band: Band, space: readonly number[], { bands = defaultBands }: MetricOptions): [number, number] {
  const top = wavenumbers(space);
  const edges = [0, bands.middle, bands.high, Number.POSITIVE_INFINITY].map((edge) => Math.min(edge, top));
  const index = bandNames.indexOf(band);
  return [edges[index]!, edges[index + 1]!];
}

function power1d(error: Float64Array, fft: Fft): Float64Array {
  const real = Float64Array.from(error);
  const imaginary = new Float64Array(error.length);
  fft.forward(real, imaginary);
  return Float64Array.from({ length: wavenumbers([error.length]) }, (_, k) => real[k]! ** 2 + imaginary[k]! ** 2);
}

/** Power summed over rings floor(|k|) of the quadrant of non-negative wave numbers, as PDEBench bins it. */
function power2d(error: Float64Array, space: readonly number[], fftX: Fft, fftY: Fft): Float64Array {
  const [nx, ny] = space as [number, number];
  const columns = Math.floor(ny / 2);
  const rowsReal: Float64Array[] = [];
  const rowsImaginary: Float64Array[] = [];
  for (let i = 0; i < nx; i++) {
    const real = error.slice(i * ny, (i + 1) * ny);
    const imaginary = new Float64Array(ny);
    fftY.forward(real, imaginary);
    rowsReal.push(real);
    rowsImaginary.push(imaginary);
  }
  const power = new Float64Array(wavenumbers(space));
  for (let j = 0; j < columns; j++) {
    const real = Float64Array.from(rowsReal, (row) => row[j]!);
    const imaginary = Float64Array.from(rowsImaginary, (row) => row[j]!);
    fftX.forward(real, imaginary);
    for (let i = 0; i < Math.floor(nx / 2); i++) {
      const ring = Math.floor(Math.sqrt(i * i + j * j));
      if (ring < power.length) power[ring] = power[ring]! + real[i]! ** 2 + imaginary[i]! ** 2;
    }
  }
  return power;
}

/** Root mean square over the batch of the error's amplitude at each wave number. */
function errorSpectrum({ errors, space }: Frame, { lengths = [] }: MetricOptions): Float64Array {
  const ffts = space.map(createFft);
  const powers = errors.map((error) =>
    space.length === 1 ? power1d(error, ffts[0]!) : power2d(error, space, ffts[0]!, ffts[1]!),
  );
  const scale = space.reduce((product, _, axis) => product * (lengths[axis] ?? 1), 1) / elementCount(space);
  return Float64Array.from(
    { length: wavenumbers(space) },
    (_, k) => Math.sqrt(mean(powers.map((power) => power[k]!))) * scale,
  );
}

function fourierMetric(name: string, band: Band): Metric {
  return {
    name,
    direction: 'lower',
    describe: `error of the ${band} wave numbers`,
    applies(space, options) {
      const [from, to] = bandRange(band, space, options);
      return from < to;
    },
    compute: (frame, options) => mean(errorSpectrum(frame, options).subarray(...bandRange(band, frame.space, options))),
  };
}

/** Fourier-space errors by band; NaN where the band is empty. */
export const frmseLow = fourierMetric('fRMSELow', 'low');
export const frmseMiddle = fourierMetric('fRMSEMiddle', 'middle');
export const frmseHigh = fourierMetric('fRMSEHigh', 'high');
