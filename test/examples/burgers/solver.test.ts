import { describe, expect, it } from 'vitest';
import { resolvingPoints, type Sine, solveBurgers, sumOfSines } from '../../../examples/burgers/solver.ts';

const sines: readonly Sine[] = [
  { amplitude: 0.9, waveNumber: 1, phase: 0.4 },
  { amplitude: 0.6, waveNumber: 3, phase: 2.1 },
];

function initialState(points: number): Float64Array {
  return Float64Array.from({ length: points }, (_, j) => sumOfSines(sines, j / points));
}

/**
 * The exact solution by the Cole-Hopf transform, with integrals by the trapezoidal rule over the whole line:
 * u = int (x - y)/t e^(-G/2nu) dy / int e^(-G/2nu) dy,  G = (x - y)^2 / 2t + int_0^y u0.
 */
function exact(x: number, t: number, viscosity: number): number {
  const potential = (y: number) =>
    sines.reduce((sum, { amplitude, waveNumber, phase }) => {
      const k = 2 * Math.PI * waveNumber;
      return sum - (amplitude * (Math.cos(k * y + phase) - Math.cos(phase))) / k;
    }, 0);
  const reach = 3;
  const nodes = 60_000;
  const exponents = new Float64Array(nodes + 1);
  const distance = (node: number) => -reach + (2 * reach * node) / nodes;
  for (let node = 0; node <= nodes; node++) {
    const d = distance(node);
    exponents[node] = -(d ** 2 / (2 * t) + potential(x - d)) / (2 * viscosity);
  }
  const highest = exponents.reduce((a, b) => Math.max(a, b));
  let numerator = 0;
  let denominator = 0;
  for (let node = 0; node <= nodes; node++) {
    const weight = Math.exp(exponents[node]! - highest);
    numerator += (distance(node) / t) * weight;
    denominator += weight;
  }
  return numerator / denominator;
}

describe('solveBurgers', () => {
  it.each([0.05, 0.02, 0.004])('agrees with the exact solution at viscosity %d', (viscosity) => {
    const points = resolvingPoints(viscosity);
    const states = solveBurgers(initialState(points), { viscosity, points, interval: 0.5, times: 5 });
    for (const [index, state] of states.entries()) {
      if (index === 0) continue;
      for (let j = 0; j < points; j += points / 32) {
        expect(Math.abs(state[j]! - exact(j / points, index * 0.5, viscosity))).toBeLessThan(2e-5);
      }
    }
  });

  it('keeps the mean and never gains energy', () => {
    const points = 256;
    const states = solveBurgers(
      initialState(points).map((u) => u + 0.25),
      {
        viscosity: 0.01,
        points,
        interval: 0.05,
        times: 41,
      },
    );
    const sum = (state: Float64Array, power: number) => state.reduce((total, u) => total + u ** power, 0) / points;
    for (const [index, state] of states.entries()) {
      expect(sum(state, 1)).toBeCloseTo(0.25, 12);
      if (index > 0) expect(sum(state, 2)).toBeLessThan(sum(states[index - 1]!, 2));
    }
  });

  it('leaves a constant state alone', () => {
    const [, , last] = solveBurgers(new Float64Array(32).fill(0.7), {
      viscosity: 0.1,
      points: 32,
      interval: 1,
      times: 3,
    });
    for (const u of last!) expect(u).toBeCloseTo(0.7, 12);
  });
});
