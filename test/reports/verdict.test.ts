import { describe, expect, test } from 'vitest';
import { compareRuns } from '../../shared/reports/compare.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { formatComparison, verdict } from '../../shared/reports/verdict.ts';
import { madeUpRun } from './made-up-runs.ts';

const groupOf = (name: string, balanced: boolean, values: readonly number[]): RunReport[] =>
  values.map((value, index) => ({
    ...madeUpRun({ name: `${name}-${index}`, balanced, epochs: 3, seed: 1 + index }),
    best: { epoch: 2, value },
  }));
const plain = groupOf('plain', false, [0.04]);
const balanced = groupOf('balanced', true, [0.05]);
const said = (...runs: RunReport[]) => {
  const { overview, findings } = verdict(compareRuns(runs));
  return [overview, ...findings].join('\n');
};

describe('verdict', () => {
  test('says of single runs how they differ, and that one seed tells nothing', () => {
    const text = said(...plain, ...balanced);
    expect(text).toContain('best nrmse 0.05000 against 0.04000 (25.0 % higher), with seed 1.');
    expect(text).toContain("One seed can't tell an effect from noise");
    expect(text).not.toMatch(/better|worse/);
  });

  test('calls a group better where the interval excludes 0, and says by how much', () => {
    expect(said(...groupOf('a', false, [0.5, 0.6, 0.7]), ...groupOf('b', true, [0.4, 0.51, 0.6]))).toMatch(
      /^“balance: on” did better than “balance: off” over 3 seeds: mean best nrmse 0\.5033 against 0\.6000, 16\.1 % lower \(95 % interval −18\.5 to −13\.7 %\)\.$/,
    );
  });

  test('says what seeds can not show', () => {
    expect(said(...groupOf('a', false, [0.5, 0.6, 0.7]), ...groupOf('b', true, [0.3, 0.7, 0.5]))).toMatch(
      /“balance: on” and “balance: off”: no difference that 3 seeds can show; .* \(95 % interval −88\.4 to \+55\.0 %\)\./,
    );
  });

  test('says that equal values are equal', () => {
    expect(said(...plain, ...groupOf('balanced', true, [0.04]))).toContain('the same to the last digit');
  });

  test('gives mean, deviation and interval of one group alone', () => {
    expect(said(...groupOf('a', false, [0.1, 0.2, 0.3]))).toBe(
      '3 seeds of the same settings: best nrmse 0.2000 ± 0.10 (mean and deviation; 95 % interval of the mean −0.04841 to 0.4484).',
    );
  });

  test('sums up more than two groups in a sentence', () => {
    const inverse = groupOf('c', true, [0.6, 0.71, 0.8]).map((run) => ({
      ...run,
      config: { ...run.config, balance: { ...(run.config.balance as object), control: 'inverse' } },
    }));
    const runs = [...groupOf('a', false, [0.5, 0.6, 0.7]), ...groupOf('b', true, [0.3, 0.7, 0.5]), ...inverse];
    expect(said(...runs).split('\n')[0]).toBe(
      'Compared with “balance: off”, nrmse is worse with “balance.control: inverse”; shows no difference for 1 group.',
    );
  });

  test('tells why nothing is compared', () => {
    expect(said(...plain, { ...balanced[0]!, best: null })).toContain('nothing to compare');
    expect(said(...plain, { ...balanced[0]!, metric: { name: 'rmse', direction: 'lower' } })).toContain('not ranked');
  });
});

describe('formatComparison', () => {
  test('prints a table of runs, what it shows and the caveats', () => {
    const text = formatComparison(compareRuns([...plain, ...balanced]));
    expect(text).toMatch(/^run +best +epoch/);
    expect(text).toContain('may be chance');
  });

  test('prints groups first where there are repetitions, and of many runs the groups alone', () => {
    const few = formatComparison(compareRuns(groupOf('a', false, [1, 2])));
    expect(few).toMatch(/^group +seeds[\s\S]*\nrun +best/);
    const many = formatComparison(
      compareRuns(
        groupOf(
          'a',
          false,
          Array.from({ length: 20 }, (_, seed) => seed),
        ),
      ),
    );
    expect(many).not.toMatch(/\nrun +best/);
  });

  test('tells accuracies in percentage points', () => {
    const scored = [...groupOf('a', false, [0.8, 0.7, 0.75]), ...groupOf('b', true, [0.82, 0.74, 0.76])].map((run) => ({
      ...run,
      metric: { name: 'accuracy', direction: 'higher' as const },
    }));
    const text = formatComparison(compareRuns(scored));
    expect(text).toContain('75.0 ± 5.0 %');
    expect(text).toMatch(/mean best accuracy 77\.3 % against 75\.0 %, 2\.3 percentage points higher/);
  });

  test('prints one run without a verdict', () => {
    expect(formatComparison(compareRuns(plain)).split('\n')).toHaveLength(2);
  });
});
