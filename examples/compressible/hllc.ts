/** Flux between two states of an ideal gas. */

/** Ratio of specific heats: air. */
export const gamma = 1.4;

/** A gas at a point. */
export interface Gas {
  density: number;
  velocity: number;
  pressure: number;
}

/** Speed of sound. */
const soundSpeed = ({ density, pressure }: Gas): number => Math.sqrt((gamma * pressure) / density);

/** Energy of a volume: internal and kinetic. */
export const energyOf = ({ density, velocity, pressure }: Gas): number =>
  pressure / (gamma - 1) + (density * velocity * velocity) / 2;

/**
 * Writes the flux of mass, momentum and energy from left to right into `flux`, by the approximate Riemann solver HLLC
 * (Toro, Riemann Solvers and Numerical Methods for Fluid Dynamics, 10.4), with the wave speeds of Einfeldt: those of the
 * states and of their Roe average.
 */
export function hllcFlux(left: Gas, right: Gas, flux: Float64Array): void {
  const [energyLeft, energyRight] = [energyOf(left), energyOf(right)];
  const [rootLeft, rootRight] = [Math.sqrt(left.density), Math.sqrt(right.density)];
  const share = rootLeft / (rootLeft + rootRight);
  const velocity = share * left.velocity + (1 - share) * right.velocity;
  const enthalpy =
    (share * (energyLeft + left.pressure)) / left.density +
    ((1 - share) * (energyRight + right.pressure)) / right.density;
  const sound = Math.sqrt((gamma - 1) * (enthalpy - (velocity * velocity) / 2));
  const slowest = Math.min(left.velocity - soundSpeed(left), velocity - sound);
  const fastest = Math.max(right.velocity + soundSpeed(right), velocity + sound);

  if (slowest >= 0) pureFlux(left, energyLeft, flux);
  else if (fastest <= 0) pureFlux(right, energyRight, flux);
  else {
    const inLeft = left.density * (slowest - left.velocity);
    const inRight = right.density * (fastest - right.velocity);
    const contact =
      (right.pressure - left.pressure + inLeft * left.velocity - inRight * right.velocity) / (inLeft - inRight);
    if (contact >= 0) starFlux(left, energyLeft, slowest, contact, flux);
    else starFlux(right, energyRight, fastest, contact, flux);
  }
}

/** The flux of a state by itself. */
function pureFlux({ density, velocity, pressure }: Gas, energy: number, flux: Float64Array): void {
  flux[0] = density * velocity;
  flux[1] = density * velocity * velocity + pressure;
  flux[2] = velocity * (energy + pressure);
}

/** The flux between the outer wave of a side, of speed `wave`, and the contact. */
function starFlux(side: Gas, energy: number, wave: number, contact: number, flux: Float64Array): void {
  const { density, velocity, pressure } = side;
  const squeezed = (density * (wave - velocity)) / (wave - contact);
  const energyThere =
    squeezed * (energy / density + (contact - velocity) * (contact + pressure / (density * (wave - velocity))));
  pureFlux(side, energy, flux);
  flux[0]! += wave * (squeezed - density);
  flux[1]! += wave * (squeezed * contact - density * velocity);
  flux[2]! += wave * (energyThere - energy);
}
