import { describe, expect, test } from 'vitest';
import { curvePlot, logTicks } from '../../shared/reports/curves.ts';
import { epochTicks } from '../../shared/reports/epoch-axis.ts';

const SIZE = { label: 'loss', axis: 'loss', width: 400, height: 200 };
const curve = (...values: (number | null)[]) => [{ name: 'run', index: 0, points: values.map((y, x) => ({ x, y })) }];

describe('curvePlot', () => {
  test('is null when there is no finite value', () => {
    expect(curvePlot(curve(null, Number.NaN), SIZE)).toBeNull();
    expect(curvePlot([], SIZE)).toBeNull();
  });

  test('is logarithmic only where it is asked for, values are positive and span more than a factor of ten', () => {
    const log = { ...SIZE, logarithmic: true };
    expect(curvePlot(curve(0.01, 1), log)).toContain('log scale');
    expect(curvePlot(curve(0.01, 1), SIZE)).not.toContain('log scale');
    expect(curvePlot(curve(0, 1), log)).not.toContain('log scale');
    expect(curvePlot(curve(0.5, 1), log)).not.toContain('log scale');
  });

  test('leaves a gap where a value is missing', () => {
    const svg = curvePlot(curve(1, 2, null, 3, 2), SIZE)!;
    const path = /<path d="(M[^"]*)"/.exec(svg.slice(svg.indexOf('aria-label="line"')))![1]!;
    expect(path.match(/M/g)).toHaveLength(2);
  });

  test('draws a single epoch, and values that are all the same', () => {
    expect(curvePlot(curve(0.3), SIZE)).not.toMatch(/NaN|Infinity/);
    expect(curvePlot(curve(2, 2, 2), { ...SIZE, logarithmic: true })).not.toMatch(/NaN|Infinity/);
  });
});

describe('ticks', () => {
  test('of epochs are whole and few', () => {
    expect(epochTicks(0, 5)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(epochTicks(1, 700)).toEqual([100, 200, 300, 400, 500, 600, 700]);
    expect(epochTicks(3, 3)).toEqual([3]);
  });

  test('of logarithmic axes lie in the range', () => {
    expect(logTicks(0.004, 0.3)).toEqual([0.005, 0.01, 0.02, 0.05, 0.1, 0.2]);
    expect(logTicks(1e-9, 1e6).length).toBeLessThan(10);
  });
});
