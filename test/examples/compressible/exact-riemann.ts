/** The exact solution of the Riemann problem of an ideal gas (Toro, Riemann Solvers and Numerical Methods, chapter 4). */
import { type Gas, gamma } from '../../../examples/compressible/hllc.ts';

const sound = ({ density, pressure }: Gas) => Math.sqrt((gamma * pressure) / density);

/** Change of velocity across the wave that takes a side to pressure `p`: a shock above its own, else a rarefaction. */
function jump(p: number, side: Gas): number {
  if (p <= side.pressure) {
    return ((2 * sound(side)) / (gamma - 1)) * ((p / side.pressure) ** ((gamma - 1) / (2 * gamma)) - 1);
  }
  const a = 2 / ((gamma + 1) * side.density);
  const b = ((gamma - 1) / (gamma + 1)) * side.pressure;
  return (p - side.pressure) * Math.sqrt(a / (p + b));
}

/** Pressure between the waves, by bisection. */
function pressureBetween(left: Gas, right: Gas): number {
  let [low, high] = [1e-12, 100 * Math.max(left.pressure, right.pressure)];
  for (let round = 0; round < 200; round++) {
    const middle = (low + high) / 2;
    if (jump(middle, left) + jump(middle, right) + right.velocity - left.velocity > 0) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** The left half of the fan, as seen by a ray `speed` = x / t left of the contact. */
function leftOfContact(side: Gas, p: number, velocity: number, speed: number): Gas {
  const c = sound(side);
  if (p > side.pressure) {
    const ratio = p / side.pressure;
    const shock = side.velocity - c * Math.sqrt(((gamma + 1) / (2 * gamma)) * ratio + (gamma - 1) / (2 * gamma));
    if (speed < shock) return side;
    const k = (gamma - 1) / (gamma + 1);
    return { density: (side.density * (ratio + k)) / (k * ratio + 1), velocity, pressure: p };
  }
  const behind = { density: side.density * (p / side.pressure) ** (1 / gamma), velocity, pressure: p };
  if (speed < side.velocity - c) return side;
  if (speed > velocity - sound(behind)) return behind;
  const factor = (2 + ((gamma - 1) / c) * (side.velocity - speed)) / (gamma + 1);
  return {
    density: side.density * factor ** (2 / (gamma - 1)),
    velocity: (2 / (gamma + 1)) * (c + ((gamma - 1) / 2) * side.velocity + speed),
    pressure: side.pressure * factor ** ((2 * gamma) / (gamma - 1)),
  };
}

const mirrored = (gas: Gas): Gas => ({ ...gas, velocity: -gas.velocity });

/** The gas that is seen along x / t = `speed`. */
export function exactRiemann(left: Gas, right: Gas, speed: number): Gas {
  const p = pressureBetween(left, right);
  const velocity = (left.velocity + right.velocity + jump(p, right) - jump(p, left)) / 2;
  return speed < velocity
    ? leftOfContact(left, p, velocity, speed)
    : mirrored(leftOfContact(mirrored(right), p, -velocity, -speed));
}
