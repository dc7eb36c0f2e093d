import { createFft, type Fft } from '../../core/fft.ts';
import { elementCount } from '../../tensors/tensor.ts';
import { type Metric, type MetricOptions, mean } from './metric.ts';

const bandNames = ['low', 'middle', 'high'] as const;
type Band = (typeof bandNames)[number];

const defaultBands = { middle: 4, high: 12 };

/** Number of wave numbers in the spectrum of a grid: those of a real transform in 1-D, whole shells of the non-negative ones in 2-D and 3-D. */
function wavenumbers(space: readonly number[]): number {
  const halves = space.map((points) => Math.floor(points / 2));
  return halves.length === 1 ? halves[0]! + 1 : Math.min(...halves);
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

/** Transforms the lines of a field along one axis, of those whose wave numbers along later axes are in the lower half. */
function transformAlong(
  axis: number,
  space: readonly number[],
  fft: Fft,
  real: Float64Array,
  imaginary: Float64Array,
): void {
  const points = space[axis]!;
  const step = elementCount(space.slice(axis + 1));
  const [lineReal, lineImaginary] = [new Float64Array(points), new Float64Array(points)];
  const places = lowerHalf(space.slice(axis + 1));
  for (let before = 0; before < elementCount(space.slice(0, axis)); before++) {
    for (const after of places) {
      const from = before * points * step + after;
      for (let i = 0; i < points; i++) {
        lineReal[i] = real[from + i * step]!;
        lineImaginary[i] = imaginary[from + i * step]!;
      }
      fft.forward(lineReal, lineImaginary);
      for (let i = 0; i < points; i++) {
        real[from + i * step] = lineReal[i]!;
        imaginary[from + i * step] = lineImaginary[i]!;
      }
    }
  }
}

/** Places of the lower half of wave numbers along every axis, row-major. */
function lowerHalf(space: readonly number[]): number[] {
  return space.reduce<number[]>(
    (places, points) =>
      places.flatMap((place) => Array.from({ length: Math.floor(points / 2) }, (_, k) => place * points + k)),
    [0],
  );
}

/** Power summed over shells floor(|k|) of the non-negative wave numbers, as PDEBench bins it. */
function powerInShells(error: Float64Array, space: readonly number[], ffts: readonly Fft[]): Float64Array {
  const [real, imaginary] = [Float64Array.from(error), new Float64Array(error.length)];
  for (let axis = space.length - 1; axis >= 0; axis--) transformAlong(axis, space, ffts[axis]!, real, imaginary);
  const power = new Float64Array(wavenumbers(space));
  const visit = (axis: number, at: number, squares: number): void => {
    const step = elementCount(space.slice(axis + 1));
    for (let k = 0; k < Math.floor(space[axis]! / 2); k++) {
      const [place, sum] = [at + k * step, squares + k * k];
      if (axis > 0) {
        visit(axis - 1, place, sum);
        continue;
      }
      const shell = Math.floor(Math.sqrt(sum));
      if (shell < power.length) power[shell] = power[shell]! + real[place]! ** 2 + imaginary[place]! ** 2;
    }
  };
  visit(space.length - 1, 0, 0);
  return power;
}

/** The power of errors that are still in use: the three bands take the same. */
const known = new WeakMap<Float64Array, Float64Array>();

function powerOf(error: Float64Array, space: readonly number[], ffts: readonly Fft[]): Float64Array {
  const before = known.get(error);
  if (before) return before;
  const power = space.length === 1 ? power1d(error, ffts[0]!) : powerInShells(error, space, ffts);
  known.set(error, power);
  return power;
}

/** Root mean square over the samples of the error's amplitude at each wave number, on its way. */
function beginSpectrum(space: readonly number[], { lengths = [] }: MetricOptions) {
  const ffts = space.map(createFft);
  const sums = new Float64Array(wavenumbers(space));
  const scale = space.reduce((product, _, axis) => product * (lengths[axis] ?? 1), 1) / elementCount(space);
  let count = 0;
  return {
    add(error: Float64Array) {
      const power = powerOf(error, space, ffts);
      for (let k = 0; k < sums.length; k++) sums[k] = sums[k]! + power[k]!;
      count++;
    },
    value: () => sums.map((sum) => Math.sqrt(sum / count) * scale),
  };
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
    begin(space, options) {
      const { add, value } = beginSpectrum(space, options);
      return { add, value: () => mean(value().subarray(...bandRange(band, space, options))) };
    },
  };
}

/** Fourier-space errors by band; NaN where the band is empty. */
export const frmseLow = fourierMetric('fRMSELow', 'low');
export const frmseMiddle = fourierMetric('fRMSEMiddle', 'middle');
export const frmseHigh = fourierMetric('fRMSEHigh', 'high');
