/** Burgers' equation u_t + u u_x = nu u_xx, periodic on [0, 1), solved in float64. */
import { createFft } from '../../shared/core/fft.ts';
import type { Random } from '../../shared/core/random.ts';

/** amplitude * sin(2 pi waveNumber x + phase) */
export interface Sine {
  readonly amplitude: number;
  readonly waveNumber: number;
  readonly phase: number;
}

/**
 * Two sines: one of wave number 1, which keeps the field from dying out, and one of 2 to 4; amplitudes in [0.5, 1) and
 * [0, 1).
 */
export function randomSines(random: Random): Sine[] {
  const phase = () => 2 * Math.PI * random.uniform();
  return [
    { amplitude: 0.5 + 0.5 * random.uniform(), waveNumber: 1, phase: phase() },
    { amplitude: random.uniform(), waveNumber: 2 + random.integer(3), phase: phase() },
  ];
}

/** Value of a sum of sines at `x`. */
export function sumOfSines(sines: readonly Sine[], x: number): number {
  return sines.reduce(
    (sum, { amplitude, waveNumber, phase }) => sum + amplitude * Math.sin(2 * Math.PI * waveNumber * x + phase),
    0,
  );
}

/** Grid points that resolve shocks of unit height: their spectrum has fallen to about 1e-6 at the last kept mode. */
export function resolvingPoints(viscosity: number): number {
  return Math.max(128, 2 ** Math.ceil(Math.log2(2 / viscosity)));
}

/** How a trajectory is computed and when it is looked at. */
interface SolverOptions {
  readonly viscosity: number;
  /** Grid points x_j = j / points. */
  readonly points: number;
  /** Time between two recorded states. */
  readonly interval: number;
  /** Number of recorded states, the initial one included. */
  readonly times: number;
}

/**
 * Solves from `initial` (values at x_j = j / points) and returns the state at every recorded time: pseudo-spectral with
 * the 2/3 rule against aliasing; classical Runge-Kutta of order 4 on exp(nu k^2 t) u_k, so that diffusion is exact. The
 * step follows the fastest wave of the initial state, which by the maximum principle never gets faster.
 */
export function solveBurgers(initial: Float64Array, options: SolverOptions): Float64Array[] {
  const { viscosity, points, interval, times } = options;
  const fft = createFft(points);
  const wave = Float64Array.from({ length: points }, (_, j) => 2 * Math.PI * (j <= points / 2 ? j : j - points));
  const highest = (2 * Math.PI * points) / 3;
  const fastest = initial.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const substeps = Math.max(1, Math.ceil(interval * fastest * highest));
  const step = interval / substeps;
  const halfDecay = wave.map((k) => Math.exp((-viscosity * k * k * step) / 2));

  const real = Float64Array.from(initial);
  const imaginary = new Float64Array(points);
  fft.forward(real, imaginary);

  const fields = () => ({ real: new Float64Array(points), imaginary: new Float64Array(points) });
  const stage = fields();
  const total = fields();
  const slope = fields();

  /** slope = step * ( -1/2 d/dx u^2 ) of the state in `stage`. */
  const advect = () => {
    slope.real.set(stage.real);
    slope.imaginary.set(stage.imaginary);
    fft.inverse(slope.real, slope.imaginary);
    for (let j = 0; j < points; j++) slope.real[j] = slope.real[j]! ** 2;
    slope.imaginary.fill(0);
    fft.forward(slope.real, slope.imaginary);
    for (let j = 0; j < points; j++) {
      const factor = Math.abs(wave[j]!) < highest ? (-step * wave[j]!) / 2 : 0;
      [slope.real[j], slope.imaginary[j]] = [-factor * slope.imaginary[j]!, factor * slope.real[j]!];
    }
  };

  /** One step of size `step`; e = exp(-nu k^2 step / 2) carries each slope to where it is used. */
  const advance = () => {
    stage.real.set(real);
    stage.imaginary.set(imaginary);
    advect();
    for (let j = 0; j < points; j++) {
      const e = halfDecay[j]!;
      total.real[j] = e * e * (real[j]! + slope.real[j]! / 6);
      total.imaginary[j] = e * e * (imaginary[j]! + slope.imaginary[j]! / 6);
      stage.real[j] = e * (real[j]! + slope.real[j]! / 2);
      stage.imaginary[j] = e * (imaginary[j]! + slope.imaginary[j]! / 2);
    }
    advect();
    for (let j = 0; j < points; j++) {
      const e = halfDecay[j]!;
      total.real[j] = total.real[j]! + (e * slope.real[j]!) / 3;
      total.imaginary[j] = total.imaginary[j]! + (e * slope.imaginary[j]!) / 3;
      stage.real[j] = e * real[j]! + slope.real[j]! / 2;
      stage.imaginary[j] = e * imaginary[j]! + slope.imaginary[j]! / 2;
    }
    advect();
    for (let j = 0; j < points; j++) {
      const e = halfDecay[j]!;
      total.real[j] = total.real[j]! + (e * slope.real[j]!) / 3;
      total.imaginary[j] = total.imaginary[j]! + (e * slope.imaginary[j]!) / 3;
      stage.real[j] = e * e * real[j]! + e * slope.real[j]!;
      stage.imaginary[j] = e * e * imaginary[j]! + e * slope.imaginary[j]!;
    }
    advect();
    for (let j = 0; j < points; j++) {
      real[j] = total.real[j]! + slope.real[j]! / 6;
      imaginary[j] = total.imaginary[j]! + slope.imaginary[j]! / 6;
    }
  };

  const states = [Float64Array.from(initial)];
  while (states.length < times) {
    for (let substep = 0; substep < substeps; substep++) advance();
    const state = Float64Array.from(real);
    fft.inverse(state, Float64Array.from(imaginary));
    states.push(state);
  }
  return states;
}
