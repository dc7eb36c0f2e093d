import { contestOf, decide, type Sides } from './contest.ts';
import { controlContests, controlFinding, spectraClause } from './controls.ts';
import type { ComparisonDesign } from './design.ts';
import { familyOf } from './difference.ts';
import type { ArmFinding } from './judgement.ts';
import { detectableChange, seedsToDecide } from './power.ts';
import { sentenceOf } from './sentence.ts';

/** Every arm but the reference, controls among them, size by size: one family of tests. */
export function findingsOf(
  design: ComparisonDesign,
  sizes: readonly { readonly size: number | null; readonly sides: Sides }[],
): ArmFinding[] {
  const contests = sizes.flatMap(({ size, sides }) =>
    design.arms
      .filter(({ name }) => name !== design.reference)
      .map((arm) => ({ arm, ...contestOf(design, size, sides.get(design.reference)!, sides.get(arm.name)!) })),
  );
  const family = familyOf(contests.map(({ difference }) => difference));
  const againstControls = controlContests(design, sizes);
  return contests.map(({ arm, ...contest }): ArmFinding => {
    const { size, difference } = contest;
    const p = family.adjusted(difference);
    const verdict = decide(contest, p, design.metric);
    const moreSeeds = seedsToDecide(contest, verdict, family);
    const own = againstControls.filter(({ contest }) => contest.own.name === arm.name && contest.size === size);
    const controls = own.map(controlFinding);
    const hasControls = controls.length > 0;
    const helps = verdict.finding === 'helps';
    const clause = helps && hasControls ? spectraClause(design, own) : '';
    return {
      arm: arm.name,
      size,
      finding: verdict.finding,
      sentence: sentenceOf(design, { contest, verdict, moreSeeds }, clause),
      seeds: difference.seeds,
      means: difference.means && { reference: difference.means.first, own: difference.means.second },
      change: difference.change,
      interval: difference.interval,
      bootstrap: difference.bootstrap(),
      p,
      detectable: detectableChange(design, contest, family),
      moreSeeds,
      controls: hasControls ? controls : null,
      bySpectra: hasControls ? helps && controls.every(({ isBeaten }) => isBeaten) : null,
    };
  });
}
