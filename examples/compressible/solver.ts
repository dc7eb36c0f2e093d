/** The Euler equations of an ideal gas on a line of length 1, by a finite-volume scheme of second order in float64. */
import { energyOf, type Gas, gamma, hllcFlux } from './hllc.ts';

/** A gas along the line, averages of cells of equal width: density, velocity, pressure. */
export interface Flow {
  readonly density: Float64Array;
  readonly velocity: Float64Array;
  readonly pressure: Float64Array;
}

/** What is conserved: mass, momentum and energy of a volume, averages of cells. */
type Conserved = readonly [mass: Float64Array, momentum: Float64Array, energy: Float64Array];

/** What is beyond the ends: the other end, or more of the same, so that waves leave. */
export type Boundary = 'periodic' | 'outgoing';

interface SolverOptions {
  readonly boundary: Boundary;
  /** Time between two recorded states. */
  readonly interval: number;
  /** Number of recorded states, the initial one included. */
  readonly times: number;
}

/** A step takes the fastest wave across so much of a cell. */
const courant = 0.4;
/** Cells beyond each end, as many as a face's slopes need. */
const ghosts = 2;

export function conservedOf({ density, velocity, pressure }: Flow): Conserved {
  const momentum = density.map((value, cell) => value * velocity[cell]!);
  const energy = density.map((value, cell) =>
    energyOf({ density: value, velocity: velocity[cell]!, pressure: pressure[cell]! }),
  );
  return [Float64Array.from(density), momentum, energy];
}

export function flowOf([mass, momentum, energy]: Conserved): Flow {
  const cells = mass.length;
  const [velocity, pressure] = [new Float64Array(cells), new Float64Array(cells)];
  for (let cell = 0; cell < cells; cell++) {
    velocity[cell] = momentum[cell]! / mass[cell]!;
    pressure[cell] = (gamma - 1) * (energy[cell]! - (momentum[cell]! * velocity[cell]!) / 2);
  }
  return { density: mass.slice(), velocity, pressure };
}

/** The conserved averages of cells that are `factor` times as wide. */
export function coarsened(conserved: Conserved, factor: number): Conserved {
  const coarse = (fine: Float64Array) =>
    Float64Array.from({ length: fine.length / factor }, (_, cell) => {
      let sum = 0;
      for (let part = 0; part < factor; part++) sum += fine[cell * factor + part]!;
      return sum / factor;
    });
  return [coarse(conserved[0]), coarse(conserved[1]), coarse(conserved[2])];
}

/**
 * Solves from `initial` and returns the conserved averages at every recorded time: MUSCL with van Leer's limiter on density,
 * velocity and pressure, HLLC fluxes, and Heun's method in time (SSP-RK2). A step that would make a density or a pressure
 * negative is taken again without slopes.
 * @throws Error when even that does not keep them positive.
 */
export function solveEuler(initial: Flow, { boundary, interval, times }: SolverOptions): Conserved[] {
  const width = 1 / initial.density.length;
  let state = conservedOf(initial);
  const states = [state];
  while (states.length < times) {
    for (let left = interval; left > 0; ) {
      const step = Math.min(left, (courant * width) / fastestWave(flowOf(state)));
      // What rounding leaves of an interval is not a step.
      left = left - step < 1e-12 * interval ? 0 : left - step;
      const next = heun(state, step / width, boundary, true) ?? heun(state, step / width, boundary, false);
      if (!next) throw new Error('a density or a pressure fell to 0 or below: the flow is too close to a vacuum');
      state = next;
    }
    states.push(state);
  }
  return states;
}

function fastestWave({ density, velocity, pressure }: Flow): number {
  let fastest = 0;
  for (let cell = 0; cell < density.length; cell++) {
    const sound = Math.sqrt((gamma * pressure[cell]!) / density[cell]!);
    fastest = Math.max(fastest, Math.abs(velocity[cell]!) + sound);
  }
  return fastest;
}

/** A step of Heun's method; undefined where a density or a pressure is not positive. */
function heun(state: Conserved, ratio: number, boundary: Boundary, slopes: boolean): Conserved | undefined {
  const first = advanced(state, ratio, boundary, slopes);
  if (!isPositive(first)) return undefined;
  const next = advanced(first, ratio, boundary, slopes);
  for (const [part, values] of next.entries()) {
    const before = state[part]!;
    for (let cell = 0; cell < values.length; cell++) values[cell] = (before[cell]! + values[cell]!) / 2;
  }
  return isPositive(next) ? next : undefined;
}

function isPositive([mass, momentum, energy]: Conserved): boolean {
  for (let cell = 0; cell < mass.length; cell++) {
    const internal = energy[cell]! - momentum[cell]! ** 2 / (2 * mass[cell]!);
    if (!(mass[cell]! > 0 && internal > 0)) return false;
  }
  return true;
}

/** A step of Euler's method: what flows in at the faces of each cell less what flows out. @param ratio step over width */
function advanced(state: Conserved, ratio: number, boundary: Boundary, slopes: boolean): Conserved {
  const cells = state[0].length;
  const flow = flowOf(state);
  const density = extended(flow.density, boundary, slopes);
  const velocity = extended(flow.velocity, boundary, slopes);
  const pressure = extended(flow.pressure, boundary, slopes);
  const left: Gas = { density: 0, velocity: 0, pressure: 0 };
  const right: Gas = { density: 0, velocity: 0, pressure: 0 };
  const [mass, momentum, energy] = [state[0].slice(), state[1].slice(), state[2].slice()];
  const flux = new Float64Array(3);
  /** The gas at an end of a cell. */
  const reach = (gas: Gas, cell: number, side: number) => {
    gas.density = density.values[cell]! + side * density.slopes[cell]!;
    gas.velocity = velocity.values[cell]! + side * velocity.slopes[cell]!;
    gas.pressure = pressure.values[cell]! + side * pressure.slopes[cell]!;
  };
  for (let face = 0; face <= cells; face++) {
    reach(left, face + ghosts - 1, 0.5);
    reach(right, face + ghosts, -0.5);
    hllcFlux(left, right, flux);
    if (face > 0) {
      mass[face - 1]! -= ratio * flux[0]!;
      momentum[face - 1]! -= ratio * flux[1]!;
      energy[face - 1]! -= ratio * flux[2]!;
    }
    if (face < cells) {
      mass[face]! += ratio * flux[0]!;
      momentum[face]! += ratio * flux[1]!;
      energy[face]! += ratio * flux[2]!;
    }
  }
  return [mass, momentum, energy];
}

/** Averages of cells with those beyond the ends, and the difference across each cell by van Leer. */
function extended(inner: Float64Array, boundary: Boundary, withSlopes: boolean) {
  const cells = inner.length;
  const values = new Float64Array(cells + 2 * ghosts);
  values.set(inner, ghosts);
  for (let ghost = 0; ghost < ghosts; ghost++) {
    values[ghost] = boundary === 'periodic' ? inner[cells - ghosts + ghost]! : inner[0]!;
    values[cells + ghosts + ghost] = boundary === 'periodic' ? inner[ghost]! : inner[cells - 1]!;
  }
  const slopes = new Float64Array(values.length);
  if (withSlopes) {
    for (let cell = 1; cell < values.length - 1; cell++) {
      slopes[cell] = vanLeer(values[cell]! - values[cell - 1]!, values[cell + 1]! - values[cell]!);
    }
  }
  return { values, slopes };
}

/** The harmonic mean of the differences to both neighbours; 0 at an extremum. */
const vanLeer = (before: number, after: number): number =>
  before * after > 0 ? (2 * before * after) / (before + after) : 0;
