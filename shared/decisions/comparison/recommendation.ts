import { formatList } from '../../core/format.ts';
import { mean } from '../../core/statistics/sample.ts';
import type { Arm, ComparisonDesign } from './design.ts';
import { isGain } from './difference.ts';
import type { ArmFinding, Recommendation, Tuning } from './judgement.ts';

/** An arm that could be taken instead of the reference. */
interface Candidate {
  readonly arm: Arm;
  readonly findings: readonly ArmFinding[];
  /** The number of sizes at which the arm helps. */
  readonly helps: number;
  /** Mean change over the sizes, for the better above 0. */
  readonly gain: number;
}

/**
 * Of the arms that help at a size and harm at none: the one that helps at most sizes, of those the one with the largest mean gain. Controls are there to tell why
 * an arm helps and are never recommended, only named. Where no arm helps, the reference stays.
 */
export function recommend(
  design: ComparisonDesign,
  tunings: readonly Tuning[],
  findings: readonly ArmFinding[],
): Recommendation {
  const candidates = design.arms
    .map((arm) => candidateOf(design, arm, findings))
    .filter(
      ({ arm, findings, helps }) => !arm.isControl && helps > 0 && findings.every((each) => each.finding !== 'harms'),
    )
    .toSorted((a, b) => b.helps - a.helps || b.gain - a.gain);
  const best = candidates[0];
  const arm = best?.arm.name ?? design.reference;
  const tried = design.sizes.map((size) => {
    const tuning = tunings.find((each) => each.arm === arm && each.size === size);
    return { size, value: tuning?.winner ?? null };
  });
  const reason = best ? reasonFor(design, best, candidates.length) : reasonToStay(design, findings);
  return { arm, tried, reason };
}

function candidateOf({ metric }: ComparisonDesign, arm: Arm, all: readonly ArmFinding[]): Candidate {
  const findings = all.filter((finding) => finding.arm === arm.name);
  const gains = findings.flatMap(({ change }) =>
    change === null ? [] : [isGain(change, metric) ? Math.abs(change) : -Math.abs(change)],
  );
  const helps = findings.filter(({ finding }) => finding === 'helps').length;
  return { arm, findings, helps, gain: gains.length > 0 ? mean(gains) : 0 };
}

function reasonFor(design: ComparisonDesign, { arm, findings, helps }: Candidate, candidates: number): string {
  const where = design.sizes.length > 1 ? ` at ${helps} of ${design.sizes.length} sizes and harms at none` : '';
  const among = candidates > 1 ? ', more than the other arms that do' : '';
  const helping = findings.filter(({ finding }) => finding === 'helps');
  const unbeaten = new Set(
    helping.flatMap(({ controls }) => controls ?? []).flatMap(({ control, isBeaten }) => (isBeaten ? [] : [control])),
  );
  const doubt =
    unbeaten.size > 0
      ? `; it is not shown to beat ${formatList([...unbeaten])}, so something simpler than spectra may do`
      : '';
  return `${arm.name} helps${where}${among}${doubt}.`;
}

function reasonToStay(design: ComparisonDesign, findings: readonly ArmFinding[]): string {
  const namesOf = (wanted: (arm: Arm) => boolean) =>
    design.arms
      .filter(
        (arm) => wanted(arm) && findings.some(({ arm: name, finding }) => name === arm.name && finding === 'helps'),
      )
      .map(({ name }) => name);
  const mixed = namesOf(({ isControl }) => !isControl);
  const controls = namesOf(({ isControl }) => isControl);
  const why =
    mixed.length > 0
      ? `${formatList(mixed)} ${mixed.length > 1 ? 'help at some sizes but harm' : 'helps at some size but harms'} at others`
      : 'no other arm is shown to help';
  const but =
    controls.length > 0
      ? `; of the controls, ${formatList(controls)} ${controls.length > 1 ? 'do' : 'does'}, which can't be by the spectra`
      : '';
  return `${design.reference} stays: ${why}${but}.`;
}
