import { describe, expect, it } from 'vitest';
import type { Gas } from '../../../examples/compressible/hllc.ts';
import { coarsened, conservedOf, type Flow, flowOf, solveEuler } from '../../../examples/compressible/solver.ts';
import { exactRiemann } from './exact-riemann.ts';

function flow(cells: number, at: (x: number) => Gas): Flow {
  const gases = Array.from({ length: cells }, (_, cell) => at((cell + 0.5) / cells));
  return {
    density: Float64Array.from(gases, ({ density }) => density),
    velocity: Float64Array.from(gases, ({ velocity }) => velocity),
    pressure: Float64Array.from(gases, ({ pressure }) => pressure),
  };
}

const tube = (left: Gas, right: Gas) => (cells: number) => flow(cells, (x) => (x < 0.5 ? left : right));

/** The state after `time`. */
function solvedAt(initial: Flow, time: number, boundary: 'periodic' | 'outgoing' = 'outgoing'): Flow {
  return flowOf(solveEuler(initial, { boundary, interval: time, times: 2 })[1]!);
}

const meanDistance = (a: Float64Array, b: Float64Array) =>
  a.reduce((sum, value, index) => sum + Math.abs(value - b[index]!), 0) / a.length;

const names = ['density', 'velocity', 'pressure'] as const;
const still = (density: number, pressure: number): Gas => ({ density, velocity: 0, pressure });

describe('the exact solution that the tests compare with', () => {
  it('has the states that the literature gives of the tube of Sod', () => {
    const [left, right] = [still(1, 1), still(0.125, 0.1)];
    const behindRarefaction = exactRiemann(left, right, 0.5);
    expect(behindRarefaction.pressure).toBeCloseTo(0.30313, 5);
    expect(behindRarefaction.velocity).toBeCloseTo(0.92745, 5);
    expect(behindRarefaction.density).toBeCloseTo(0.42632, 5);
    expect(exactRiemann(left, right, 1.2).density).toBeCloseTo(0.26557, 5);
    expect(exactRiemann(left, right, -1.2)).toEqual(left);
    expect(exactRiemann(left, right, 1.8)).toEqual(right);
  });
});

describe('solveEuler', () => {
  it.each([
    ['the tube of Sod', still(1, 1), still(0.125, 0.1), 0.2, 0.006],
    ['the same tube the other way round', still(0.125, 0.1), still(1, 1), 0.2, 0.006],
    [
      'two streams that collide',
      { density: 1, velocity: 1, pressure: 1 },
      { density: 1, velocity: -1, pressure: 1 },
      0.2,
      0.02,
    ],
  ])('comes closer to the exact solution of %s on finer grids', (_, left, right, time, least) => {
    const errors = [100, 200, 400].map((cells) => {
      const exact = flow(cells, (x) => exactRiemann(left, right, (x - 0.5) / time));
      const solved = solvedAt(tube(left, right)(cells), time);
      return names.map((name) => meanDistance(solved[name], exact[name]));
    });
    for (const part of names.keys()) {
      expect(errors[1]![part]).toBeLessThan(errors[0]![part]! / 1.5);
      expect(errors[2]![part]).toBeLessThan(errors[1]![part]! / 1.5);
      expect(errors[1]![part]).toBeLessThan(least);
    }
  });

  it('carries a smooth wave at nearly second order', () => {
    const wave = (shift: number) => (x: number) => ({
      density: 1 + 0.2 * Math.sin(2 * Math.PI * (x - shift)),
      velocity: 0.5,
      pressure: 1,
    });
    const [coarse, fine] = [50, 200].map((cells) => {
      const { density } = solvedAt(flow(cells, wave(0)), 1, 'periodic');
      return meanDistance(density, flow(cells, wave(0.5)).density);
    });
    expect(coarse).toBeLessThan(2e-3);
    expect(fine! / coarse!).toBeLessThan(4 ** -1.7);
  });

  it('conserves mass, momentum and energy to rounding where the ends meet, through shocks', () => {
    const initial = flow(96, (x) => ({
      density: 1 + 0.5 * Math.sin(2 * Math.PI * x),
      velocity: 0.6 * Math.sin(4 * Math.PI * x + 1),
      pressure: 0.8 + 0.3 * Math.cos(2 * Math.PI * x),
    }));
    const states = solveEuler(initial, { boundary: 'periodic', interval: 0.5, times: 5 });
    const totals = states.map((state) => state.map((values) => values.reduce((sum, value) => sum + value, 0) / 96));
    for (const total of totals) {
      for (const [part, value] of total.entries()) expect(Math.abs(value - totals[0]![part]!)).toBeLessThan(1e-13);
    }
    expect(meanDistance(states[4]![0], states[0]![0])).toBeGreaterThan(0.05);
  });

  it('stays positive where two streams part and leave almost nothing between them', () => {
    const apart = tube({ density: 1, velocity: -2, pressure: 0.4 }, { density: 1, velocity: 2, pressure: 0.4 });
    const { density, pressure } = solvedAt(apart(200), 0.15);
    expect(Math.min(...density)).toBeGreaterThan(0);
    expect(Math.min(...density)).toBeLessThan(0.05);
    expect(Math.min(...pressure)).toBeGreaterThan(0);
  });

  it('stays positive through a blast of a thousand times the pressure', () => {
    const { density, pressure } = solvedAt(tube(still(1, 1000), still(1, 0.01))(200), 0.012);
    const exact = flow(200, (x) => exactRiemann(still(1, 1000), still(1, 0.01), (x - 0.5) / 0.012));
    expect(Math.min(...density)).toBeGreaterThan(0);
    expect(Math.min(...pressure)).toBeGreaterThan(0);
    expect(meanDistance(density, exact.density)).toBeLessThan(0.15);
  });

  it('leaves a gas alone that is everywhere the same', () => {
    const same = flow(32, () => ({ density: 0.7, velocity: 0.3, pressure: 1.1 }));
    const later = solvedAt(same, 1, 'periodic');
    for (const name of names) {
      for (const [cell, value] of later[name].entries()) expect(value).toBeCloseTo(same[name][cell]!, 12);
    }
  });

  it('lets waves leave where the ends are open', () => {
    const bump = flow(64, (x) => {
      const height = 1 + 0.1 * Math.exp(-(((x - 0.5) / 0.1) ** 2));
      return still(height, height ** 1.4);
    });
    const { pressure } = solvedAt(bump, 2);
    for (const value of pressure) expect(value).toBeCloseTo(1, 2);
    expect(Math.max(...solvedAt(bump, 2, 'periodic').pressure)).toBeGreaterThan(1.03);
  });
});

it('coarser cells hold the means of what they cover', () => {
  const initial = flow(8, (x) => ({ density: 1 + x, velocity: x, pressure: 2 - x }));
  const [mass, momentum, energy] = conservedOf(initial);
  const [coarse] = coarsened([mass, momentum, energy], 4);
  expect([...coarse]).toEqual([1.25, 1.75]);
  const back = flowOf([mass, momentum, energy]);
  for (const [cell, value] of back.pressure.entries()) expect(value).toBeCloseTo(initial.pressure[cell]!, 12);
});
