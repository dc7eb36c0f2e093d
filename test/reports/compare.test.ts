import { describe, expect, test } from 'vitest';
import { compareRuns } from '../../shared/reports/compare.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { verdict } from '../../shared/reports/verdict.ts';
import { madeUpRun } from './made-up-runs.ts';

const withBest = (run: RunReport, value: number): RunReport => ({ ...run, best: { epoch: 2, value } });
const plain = withBest(madeUpRun({ name: 'plain', epochs: 3 }), 0.04);
const balanced = withBest(madeUpRun({ name: 'balanced', balanced: true, epochs: 3 }), 0.05);

/** Runs of the same settings with these best values, of seeds 1, 2, ... */
const seeds = (name: string, isBalanced: boolean, values: readonly number[], first = 1) =>
  values.map((value, index) =>
    withBest(madeUpRun({ name: `${name}-${index}`, balanced: isBalanced, epochs: 3, seed: first + index }), value),
  );
const scored = (run: RunReport): RunReport => ({ ...run, metric: { name: 'accuracy', direction: 'higher' } });

describe('compareRuns', () => {
  test('takes runs that differ in seed and name alone as one group', () => {
    const { groups } = compareRuns([...seeds('a', false, [1, 2, 6]), ...seeds('b', true, [1])]);
    expect(groups.map(({ runs }) => runs)).toEqual([['a-0', 'a-1', 'a-2'], ['b-0']]);
    expect(groups[0]).toMatchObject({ mean: 3, standardDeviation: Math.sqrt(7), difference: null });
    expect(groups[1]).toMatchObject({ mean: 1, standardDeviation: null, interval: null });
  });

  test('gives the 95 % interval of the paired difference, by the common seeds', () => {
    // scipy.stats.ttest_rel([0.8, 1.7, 2.9], [1, 2, 3]).confidence_interval(): -0.2 -+ 0.2484138
    const runs = [...seeds('a', false, [1, 2, 3, 9]), ...seeds('b', true, [0.8, 1.7, 2.9])];
    const { difference } = compareRuns(runs).groups[1]!;
    expect(difference).toMatchObject({ seeds: [1, 2, 3], finding: 'undecided' });
    expect(difference!.change).toBeCloseTo(-10, 10);
    expect(difference!.interval![0]).toBeCloseTo(100 * ((-0.2 - 0.2484138) / 2), 4);
    expect(difference!.interval![1]).toBeCloseTo(100 * ((-0.2 + 0.2484138) / 2), 4);
  });

  test('calls a group better or worse only where the interval excludes 0', () => {
    const finding = (values: readonly number[], as: (run: RunReport) => RunReport = (run) => run) =>
      compareRuns([...seeds('a', false, [0.5, 0.6, 0.7]), ...seeds('b', true, values)].map(as)).groups[1]!.difference!
        .finding;
    expect(finding([0.4, 0.51, 0.6])).toBe('better');
    expect(finding([0.4, 0.51, 0.6], scored)).toBe('worse');
    expect(finding([0.6, 0.71, 0.8])).toBe('worse');
    expect(finding([0.3, 0.7, 0.5])).toBe('undecided');
  });

  test('calls nothing better by one seed, without common seeds, and where the differences are all the same', () => {
    const difference = (...runs: RunReport[]) => compareRuns(runs).groups[1]!.difference!;
    expect(difference(plain, balanced)).toMatchObject({ finding: 'single', interval: null });
    expect(difference(...seeds('a', false, [1, 2]), ...seeds('b', true, [0.1, 0.2], 7))).toMatchObject({
      seeds: [],
      finding: 'single',
      interval: null,
    });
    expect(difference(...seeds('a', false, [0.8, 0.7]), ...seeds('b', true, [0.7, 0.6]))).toMatchObject({
      finding: 'undecided',
      interval: null,
    });
  });

  test('counts a seed once', () => {
    const twice = [...seeds('a', false, [1, 2]), ...seeds('again', false, [5])];
    const { groups, caveats } = compareRuns(twice);
    expect(groups[0]!.values).toEqual([
      { seed: 1, value: 1 },
      { seed: 2, value: 2 },
    ]);
    expect(caveats.join('\n')).toContain('“again-0” repeats a seed');
  });

  test('measures errors in percent and scores up to 1 in percentage points', () => {
    const errors = compareRuns([plain, balanced]);
    expect(errors.groups[1]!.difference!.change).toBeCloseTo(25, 10);
    expect(errors.runs[0]!.baseline).toBe(plain.epochs[0]!.metrics.nrmse);
    expect(errors.runs[0]!.changeFromBaseline).toBeCloseTo(100 * (0.04 / errors.runs[0]!.baseline! - 1), 10);
    const scores = compareRuns([plain, balanced].map(scored));
    expect(scores.groups[1]).toMatchObject({ unit: 'points' });
    expect(scores.groups[1]!.difference!.change).toBeCloseTo(1, 10);
    expect(compareRuns([plain, withBest(balanced, 7)].map(scored)).groups[1]!.unit).toBe('percent');
  });

  test('gives the spread of alpha at the first and the last analysis', () => {
    const [run] = compareRuns([balanced]).runs;
    expect(run!.alphaStd).toEqual({
      first: balanced.epochs[0]!.spectra!.summary.alphaStd,
      last: balanced.epochs.at(-1)!.spectra!.summary.alphaStd,
    });
  });

  test('compares nothing when the metrics differ or only one group has a best epoch', () => {
    const other = { ...balanced, metric: { name: 'rmse', direction: 'lower' as const } };
    expect(compareRuns([plain, other])).toMatchObject({ metric: null, groups: [{}, { difference: null }] });
    expect(compareRuns([plain, { ...balanced, best: null }]).groups[1]!.difference).toBeNull();
    expect(compareRuns([])).toMatchObject({ metric: null, runs: [], groups: [] });
  });

  test('warns of what makes the runs unlike', () => {
    const unlike: RunReport = {
      ...madeUpRun({ name: 'other', epochs: 5, seed: 37 }),
      dataset: { ...plain.dataset, sha256: 'other' },
      status: 'diverged',
      versions: { ...plain.versions, engine: 'another' },
    };
    const text = compareRuns([plain, unlike]).caveats.join('\n');
    expect(text).toContain('same data file');
    expect(text).toContain('same number of epochs');
    expect(text).toContain('“other” did not end normally (diverged)');
    expect(text).toContain('not made by the same software (engine)');
  });

  test('warns of chance where several groups are compared by intervals', () => {
    const more = seeds('c', true, [2, 4]).map((run) => ({
      ...run,
      config: { ...run.config, balance: { unit: 'block' } },
    }));
    const two = [...seeds('a', false, [1, 2]), ...seeds('b', true, [1.5, 3])];
    expect(compareRuns([...two, ...more]).caveats.join()).toContain('2 groups are compared with the first');
    expect(compareRuns(two).caveats.join()).not.toContain('each at 95 %');
  });

  test('warns of settings that the labels do not name', () => {
    const training = { ...(balanced.config.training as object), batchSize: 8 };
    const other = { ...balanced, config: { ...balanced.config, training } };
    expect(compareRuns([plain, other]).caveats.join('\n')).toContain('more than their labels say: “batchSize”');
    expect(compareRuns([plain, balanced]).caveats.join('\n')).not.toContain('labels');
  });

  test('says that alphas can not be compared where spectra were taken in different ways', () => {
    const [byRows, byTaps] = ['rows', 'taps'].map((conv1d) => `tails from median, Conv1d by ${conv1d}`);
    const told = (one: string | undefined, other: string | undefined) =>
      compareRuns([
        { ...plain, ...(one ? { alphaOf: one } : {}) },
        { ...balanced, ...(other ? { alphaOf: other } : {}) },
      ]).caveats.join('\n');
    expect(told(byRows, byTaps)).toContain(
      `are not comparable between these runs: spectra were taken in different ways (${byRows}; ${byTaps}).`,
    );
    expect(told(byRows, byRows)).not.toContain('not comparable');
    expect(told(undefined, byRows)).not.toContain('not comparable');
  });

  test('corrects what is called better for the number of groups that are compared', () => {
    // Differences -0.2, -0.3, -0.4, -0.1: t = -3.873 with 3 degrees of freedom, p = 0.0305.
    const first = seeds('a', false, [1, 2, 3, 4]);
    const better = seeds('b', true, [0.8, 1.7, 2.6, 3.9]);
    const alone = compareRuns([...first, ...better]).groups[1]!.difference!;
    expect(alone.p).toBeCloseTo(0.03047, 5);
    expect(alone).toMatchObject({ finding: 'better', moreSeeds: null });
    const noise = [1.1, 1.8, 3.2, 3.9];
    const other = seeds('c', true, noise).map((run) => ({
      ...run,
      config: { ...run.config, balance: { unit: 'block' } },
    }));
    const among = compareRuns([...first, ...better, ...other]).groups[1]!.difference!;
    expect(among.p).toBeCloseTo(2 * 0.03047, 4);
    expect(among.interval![1]).toBeLessThan(0);
    expect(among).toMatchObject({ finding: 'undecided', seeds: [1, 2, 3, 4] });
    expect(among.moreSeeds).toBeGreaterThan(0);
  });

  test('says what so many seeds could have shown', () => {
    const runs = [...seeds('a', false, [1, 2, 3]), ...seeds('b', true, [0.8, 2.1, 2.9])];
    const comparison = compareRuns(runs);
    const { difference } = comparison.groups[1]!;
    // 3 pairs find 3.26 standard deviations of the differences (0.1528) with 80 % power: 0.4984, of a mean of 2.
    expect(difference!.detectable).toBeCloseTo(24.9, 1);
    expect(verdict(comparison).overview).toMatch(
      /They would have found 24\.9 % with a chance of 80 %; about \d+ more seeds would show what was seen, if it is true\.$/,
    );
  });
});
