import { describe, expect, it } from 'vitest';
import { type Random, randomFor } from '../../../shared/core/random.ts';
import type { RunPlan } from '../../../shared/decisions/comparison/design.ts';
import { judge } from '../../../shared/decisions/comparison/judge.ts';
import type { ArmFinding } from '../../../shared/decisions/comparison/judgement.ts';
import { nextRuns } from '../../../shared/decisions/comparison/next-runs.ts';
import { arm, madeUpDesign, resultOf } from './made-up-comparison.ts';

const design = madeUpDesign({
  arms: [
    arm('plain'),
    arm('taps', { controls: ['shuffled'] }),
    arm('farms', { controls: ['shuffled'] }),
    arm('shuffled', { isControl: true }),
  ],
});
const { runs } = nextRuns(design, []);

/** Ways in which runs of one arm and seed may scatter about what the seed gives. */
const scatters: readonly ((random: Random) => number)[] = [
  (random) => random.normal(),
  // Student's t with 3 degrees of freedom: now and then far out.
  (random) => random.normal() / Math.sqrt((random.normal() ** 2 + random.normal() ** 2 + random.normal() ** 2) / 3),
  // Skewed: errors have a long tail upwards.
  (random) => Math.exp(random.normal()),
];

/** A made-up comparison: seeds differ by 10 %, runs of a seed by 2 %, and an arm from plain by its true effect. */
function madeUp(index: number, effect: (plan: RunPlan) => number): readonly ArmFinding[] {
  const random = randomFor(index, 'made-up comparison');
  const scatter = scatters[index % scatters.length]!;
  const ofSeed = new Map(design.seeds.test.map((seed) => [seed, 1 + 0.1 * random.normal()]));
  const results = runs.map((plan) =>
    resultOf(plan, (1 + effect(plan)) * (ofSeed.get(plan.seed)! + 0.02 * scatter(random))),
  );
  return judge(design, results).findings;
}

const share = (of: readonly (readonly ArmFinding[])[], is: (finding: ArmFinding) => boolean): number =>
  of.filter((findings) => findings.some(is)).length / of.length;

describe('made-up comparisons', () => {
  it('without a true effect find that an arm helps, or harms, in at most 5 of 100', () => {
    const all = Array.from({ length: 1000 }, (_, index) => madeUp(index, () => 0));
    expect(share(all, ({ finding }) => finding === 'helps')).toBeLessThanOrEqual(0.05);
    expect(share(all, ({ finding }) => finding === 'helps' || finding === 'harms')).toBeLessThanOrEqual(0.05);
    // They do err, as often as they may: nothing here is just always silent.
    expect(share(all, ({ finding }) => finding === 'helps' || finding === 'harms')).toBeGreaterThan(0.01);
  });
  it('with a large effect of the spectra find it', () => {
    const all = Array.from({ length: 90 }, (_, index) => madeUp(index, ({ arm }) => (arm === 'taps' ? -0.06 : 0)));
    expect(share(all, ({ arm, finding }) => arm === 'taps' && finding === 'helps')).toBeGreaterThan(0.7);
    expect(share(all, ({ arm, bySpectra }) => arm === 'taps' && bySpectra === true)).toBeGreaterThan(0.6);
  });
  it('with an effect that the control has as well rarely find that it is by the spectra', () => {
    const all = Array.from({ length: 90 }, (_, index) => madeUp(index, ({ arm }) => (arm === 'plain' ? 0 : -0.06)));
    expect(share(all, ({ arm, finding }) => arm === 'taps' && finding === 'helps')).toBeGreaterThan(0.7);
    expect(share(all, ({ bySpectra }) => bySpectra === true)).toBeLessThanOrEqual(0.05);
  });
});
