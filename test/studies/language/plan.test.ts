import { describe, expect, it } from 'vitest';
import { arms, bestRate, epochsFor, full, quick, testRuns, tuningRuns } from '../../../studies/language/plan.ts';

describe.each([
  ['full', full],
  ['quick', quick],
])('the %s study', (_, settings) => {
  const runs = settings.perLabel.flatMap((perLabel) =>
    arms.flatMap((arm) => [...tuningRuns(settings, arm, perLabel), ...testRuns(settings, arm, perLabel, 1e-3)]),
  );

  it('names every run differently, in a way that runs may be named', () => {
    expect(new Set(runs.map(({ name }) => name)).size).toBe(runs.length);
    for (const { name } of runs) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);
  });

  it('tunes on other seeds than it tests on', () => {
    const seeds = (purpose: string) => new Set(runs.flatMap((run) => (run.purpose === purpose ? [run.seed] : [])));
    expect([...seeds('tune')].filter((seed) => seeds('test').has(seed))).toEqual([]);
  });
});

it('the full study has five seeds or more', () => {
  expect(full.seeds.length).toBeGreaterThanOrEqual(5);
});

it('the best rate is that of the best mean, the lowest of equals; a run that diverged counts as 0', () => {
  const results = (...accuracies: [rate: number, accuracy: number | null][]) =>
    accuracies.map(([rate, accuracy], index) => ({ run: tuningRuns(full, 'plain', 4)[index]!, rate, accuracy }));
  const best = (...accuracies: [number, number | null][]) =>
    bestRate(results(...accuracies).map(({ run, rate, accuracy }) => ({ run: { ...run, rate }, accuracy })));
  expect(best([0.1, 0.5], [0.1, 0.7], [0.2, 0.9], [0.2, null])).toBe(0.1);
  expect(best([0.2, 0.5], [0.1, 0.5])).toBe(0.1);
});

it('epochs make up the wanted steps, within their bounds', () => {
  const settings = { ...full, steps: 100, batchSize: 10, epochs: { least: 2, most: 20 } };
  expect([15, 100, 95, 10_000].map((rows) => epochsFor(settings, rows))).toEqual([20, 10, 10, 2]);
});
