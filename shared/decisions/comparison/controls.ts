/** Whether it is by its spectra that an arm helps: whether it beats its controls. */
import { formatList } from '../../core/format.ts';
import { type Contest, contestOf, decide, type Sides, type Verdict } from './contest.ts';
import type { ComparisonDesign } from './design.ts';
import { familyOf } from './difference.ts';
import type { ControlFinding } from './judgement.ts';
import { changed, intervalWords } from './words.ts';

/** An arm against one of its controls. */
interface ControlContest {
  readonly contest: Contest;
  readonly verdict: Verdict;
  readonly p: number | null;
}

/** All arms against their controls, at all sizes: one family of tests. */
export function controlContests(
  design: ComparisonDesign,
  sizes: readonly { readonly size: number | null; readonly sides: Sides }[],
): ControlContest[] {
  const contests = sizes.flatMap(({ size, sides }) =>
    design.arms.flatMap(({ name, controls }) =>
      name === design.reference
        ? []
        : controls.map((control) => contestOf(design, size, sides.get(control)!, sides.get(name)!)),
    ),
  );
  const family = familyOf(contests.map(({ difference }) => difference));
  return contests.map((contest) => {
    const p = family.adjusted(contest.difference);
    return { contest, p, verdict: decide(contest, p, design.metric) };
  });
}

export function controlFinding({ contest: { against, difference }, verdict, p }: ControlContest): ControlFinding {
  const { change, interval } = difference;
  return { control: against.name, change, interval, p, isBeaten: verdict.finding === 'helps' };
}

/** A clause that follows "helps …": by its spectra, or why that can't be said. */
export function spectraClause(design: ComparisonDesign, contests: readonly ControlContest[]): string {
  const names = contests.map(({ contest }) => contest.against.name);
  const unbeaten = contests.filter(({ verdict }) => verdict.finding !== 'helps');
  if (unbeaten.length === 0) return `, and by its spectra: it beats ${formatList(names)}`;
  const isRefuted = unbeaten.some(({ verdict }) => verdict.finding !== 'undecided');
  const but = isRefuted ? 'but not by its spectra' : 'but is not shown to help by its spectra';
  return `, ${but}: ${formatList(unbeaten.map((contest) => controlWords(design, contest)))}`;
}

const doing: Record<Verdict['finding'], (control: string) => string> = {
  helps: (control) => `it beats ${control}`,
  harms: (control) => `its control ${control} does better`,
  noEffect: (control) => `its control ${control} does as well`,
  undecided: (control) => `it is not shown to beat ${control}`,
};

function controlWords(design: ComparisonDesign, { contest: { against, difference }, verdict }: ControlContest): string {
  const said = doing[verdict.finding](against.name);
  if (difference.change === null) return said;
  const interval = difference.interval ? `, ${intervalWords(design, difference.interval)}` : '';
  return `${said} (against it, ${changed(design, difference)}${interval})`;
}
