import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { layersAnswer } from '../../shared/reports/answers/layers-answer.ts';
import { nextSteps } from '../../shared/reports/answers/next-step.ts';
import { renderReport } from '../../shared/reports/report.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { madeUpRun } from './made-up-runs.ts';

const place = '/data/my runs';
const plain = { ...madeUpRun({ name: 'plain', epochs: 4 }), place };
const balanced = { ...madeUpRun({ name: 'balanced', balanced: true, epochs: 4 }), place };
const commands = (...runs: RunReport[]) => nextSteps(runs).map(({ command }) => command);

/** Questions of the first section, with what is answered. */
function answers(...runs: RunReport[]): Record<string, string> {
  const { document } = parseHTML(renderReport({ title: 'Runs', madeAt: '2026-11-02', runs }));
  const questions = [...document.querySelectorAll('#summary dt')];
  return Object.fromEntries(
    questions.map((question) => [question.textContent, question.nextElementSibling!.textContent ?? '']),
  );
}

describe('what next', () => {
  const compare = "npx tempbalance compare --quick '/data/my runs/balanced'";

  test('is a comparison, and more epochs where the last one was the best', () => {
    expect(commands({ ...balanced, best: { epoch: 2, value: 1 } })).toEqual([compare]);
    expect(commands({ ...balanced, best: { epoch: 4, value: 1 } })).toEqual([
      compare,
      "npx tempbalance resume '/data/my runs/balanced' --set training.epochs=8",
    ]);
    expect(commands({ ...balanced, best: { epoch: 0, value: 1 } })).toEqual([compare]);
  });

  test('is a lower rate after a divergence, and going on after a failure or a stop', () => {
    const resume = "npx tempbalance resume '/data/my runs/balanced'";
    expect(commands({ ...balanced, status: 'diverged' })).toEqual([`${resume} --set training.learningRate=0.00025`]);
    expect(commands({ ...balanced, status: 'failed' })).toEqual([resume]);
    expect(commands({ ...balanced, status: 'running' })).toEqual([resume]);
  });

  test('fetches a deployed run before it is compared, and goes on with it there', () => {
    const deployed = { ...balanced, place: 's3://bucket' };
    expect(commands({ ...deployed, best: null })).toEqual([
      'npx tempbalance cloud fetch balanced --all && npx tempbalance compare --quick runs/balanced',
    ]);
    expect(commands({ ...deployed, status: 'failed' })).toEqual(['npx tempbalance cloud resume balanced']);
  });

  test('of a run of a comparison is to look at the comparison, which goes on with its runs by itself', () => {
    const part = { ...balanced, comparison: '/data/my comparisons/burgers' };
    expect(commands({ ...part, best: { epoch: 4, value: 1 } })).toEqual([
      "npx tempbalance ui '/data/my comparisons/burgers'",
    ]);
    expect(commands({ ...part, status: 'failed' })).toHaveLength(1);
    expect(commands({ ...part, comparison: 's3://bucket/comparisons/burgers' })).toEqual([
      'npx tempbalance cloud fetch burgers',
    ]);
  });

  test('of several runs is a comparison of the balanced one; without a place there is nothing', () => {
    expect(commands(plain, balanced)).toEqual([compare]);
    expect(commands({ ...plain, place: undefined })).toEqual([]);
  });
});

describe('whether balancing mattered', () => {
  const of = (...runs: RunReport[]) => answers(...runs)['Did balancing matter?'];
  const seeds = (name: string, isBalanced: boolean, values: readonly number[]) =>
    values.map((value, index) => ({
      ...madeUpRun({ name: isBalanced ? 'balanced' : 'plain', balanced: isBalanced, epochs: 2, seed: index }),
      name: `${name}-${index}`,
      best: { epoch: 2, value },
    }));

  test('one run can not tell', () => {
    expect(of(plain)).toContain('Balancing was off');
    expect(of(balanced)).toMatch(
      /Layers trained at 0\.\d+ to 1\.\d+ times the base\. The spread of alpha over layers \w+ from/,
    );
    expect(of(balanced)).toContain('One run can’t tell whether that helped');
    expect(of({ ...balanced, epochs: balanced.epochs.slice(0, 1) })).toContain('nothing to tell');
  });

  test('runs with and without it tell as far as their seeds do', () => {
    const better = of(...seeds('a', false, [1, 1.01, 1.02]), ...seeds('b', true, [0.9, 0.91, 0.925]));
    expect(better).toContain('against “balance: off”: better.');
    expect(better).toContain('controls');
    expect(of(plain, balanced)).toContain('one seed says nothing');
  });

  test('runs that are alike in it, or differ in more, do not tell', () => {
    expect(of(...seeds('a', true, [1, 2]))).toContain('Balancing was on in all of these runs');
    const other = { ...balanced, config: { ...balanced.config, training: { learningRate: 1 } } };
    expect(of(plain, other)).toMatch(/differ in more than balancing \(training\./);
  });
});

describe('which layers are trained least and most', () => {
  test('is told among layers of one shape, by the alphas of the best epoch', () => {
    const run = { ...balanced, best: { epoch: 3, value: 1 } };
    const [when, ...sets] = layersAnswer(run);
    expect(when).toBe('At epoch 3, the best, by alpha among layers of one shape:');
    const alphas = Object.fromEntries(run.epochs[3]!.spectra!.layers.map(({ name, alpha }) => [name, alpha]));
    const ranked = ['w0', 'w1', 'w2', 'w3'].toSorted((a, b) => alphas[a]! - alphas[b]!);
    expect(sets).toEqual([
      expect.stringMatching(`^\\[20, 20, 1\\], 4 layers: least trained ${ranked.at(-1)} .*most trained ${ranked[0]} `),
    ]);
  });

  test('is not told where no two layers can be compared', () => {
    const layers = [4, 5].map((side) => ({
      name: `fc${side}`,
      kind: 'linear' as const,
      shape: [side, side],
      eigenvalues: 60,
    }));
    expect(layersAnswer(madeUpRun({ layers, epochs: 1 }))).toEqual([expect.stringContaining('can’t be ranked')]);
    expect(layersAnswer(madeUpRun({ spectra: false, epochs: 1 }))).toEqual([]);
  });
});
