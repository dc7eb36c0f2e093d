import { basisOf } from './basis.ts';
import { sidesAt } from './contest.ts';
import type { ComparisonDesign, RunResult } from './design.ts';
import { findingsOf } from './findings.ts';
import { headlineOf } from './headline.ts';
import type { Judgement } from './judgement.ts';
import { recommend } from './recommendation.ts';
import { tune } from './tuning.ts';

/** What the runs of a comparison show; the same for the same results, in whatever order they come. */
export function judge(design: ComparisonDesign, results: readonly RunResult[]): Judgement {
  const tuned = tune(design, results);
  const tunings = tuned.flatMap((size) => size.tunings);
  const sizes = design.sizes.map((size) => {
    const own = tunings.filter((tuning) => tuning.size === size);
    return { size, sides: sidesAt(design, results, { size, tunings: own }) };
  });
  const findings = findingsOf(design, sizes);
  const recommendation = recommend(design, tunings, findings);
  return {
    headline: headlineOf(design, findings, recommendation),
    tunings,
    findings,
    recommendation,
    basis: basisOf(design, results, tuned),
  };
}
