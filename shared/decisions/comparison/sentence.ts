/** A finding in words. */
import { formatAmount, formatCount, formatList } from '../../core/format.ts';
import { type Contest, isAtEdge, type Side, type Verdict } from './contest.ts';
import type { ComparisonDesign } from './design.ts';
import { mostSeeds } from './power.ts';
import { changed, changeWords, tunedName } from './words.ts';

/** A contest that was judged. */
export interface Judged {
  readonly contest: Contest;
  readonly verdict: Verdict;
  readonly moreSeeds: number | null;
}

/** @param spectra how it does against its controls, a clause that follows "helps"; empty for none */
export function sentenceOf(design: ComparisonDesign, judged: Judged, spectra: string): string {
  return `${judged.contest.own.name} ${body(design, judged)}${spectra}${edgeNote(design, judged)}.`;
}

function body(design: ComparisonDesign, judged: Judged): string {
  const { difference } = judged.contest;
  const { finding, because } = judged.verdict;
  const amount = formatAmount(design.smallestEffect, design.unit);
  if (finding === 'undecided') return `is undecided: ${undecided(design, judged)}`;
  if (because === 'same') return sameWords(design, judged.contest);
  if (finding === 'noEffect') return `has no effect above ${amount}: ${changeWords(design, difference, 90)}`;
  const isSmall = Math.abs(difference.change!) < design.smallestEffect;
  return `${finding}: ${changeWords(design, difference)}${isSmall ? `, which is less than the ${amount} that matter` : ''}`;
}

function sameWords({ metric }: ComparisonDesign, { own, against, difference: { seeds } }: Contest): string {
  const isExact = seeds.every((seed) => own.values.bySeed.get(seed) === against.values.bySeed.get(seed));
  const how = isExact ? 'to the last digit' : 'but for rounding';
  const why = isExact && own.values.ratesStayed ? '; balancing never changed its rates' : '';
  return `has no effect: its ${metric.name} is that of ${against.name} ${how}, with each of ${formatCount(seeds.length, 'seed')}${why}`;
}

function undecided(design: ComparisonDesign, { contest, verdict, moreSeeds }: Judged): string {
  const { own, against, difference } = contest;
  const { metric, seeds } = design;
  switch (verdict.because) {
    case 'untuned':
      return `no value of ${tunedName(design)} could be chosen for ${formatList(untuned(contest))}`;
    case 'noSeed':
      return `there is no seed with a value of both it and ${against.name}`;
    case 'oneSeed':
      return `one seed says nothing (${changed(design, difference)})`;
    case 'fewSeeds':
      return `only ${difference.seeds.length} of ${seeds.test.length} seeds have a value of both it and ${against.name}`;
    case 'zeroReference':
      return `the mean ${metric.name} of ${against.name} is 0, so no change in per cent can be given`;
    case 'constant':
      return `${changed(design, difference)} with every seed alike, so no interval can be given`;
    case 'diverged':
      return `${seen(design, contest)}, but ${own.values.diverged} of its runs diverged and ${against.values.diverged} of ${against.name}`;
    case 'edge':
      return seen(design, contest);
    default:
      return `${changeWords(design, difference)}; ${furtherSeeds(moreSeeds)}`;
  }
}

const seen = (design: ComparisonDesign, { difference }: Contest): string =>
  difference.test ? changeWords(design, difference) : changed(design, difference);

const untuned = ({ own, against }: Contest): string[] =>
  [own, against].filter(({ tuning }) => tuning?.state === 'none').map(({ name }) => name);

function furtherSeeds(moreSeeds: number | null): string {
  const would = `would show this difference with a chance of 80 %, were it the true one`;
  return moreSeeds === null
    ? `not even ${mostSeeds} seeds ${would}`
    : `${formatCount(moreSeeds, 'more seed')} ${would}`;
}

/** That a side may have a better value than its best; where that is why nothing is decided, it is an objection. */
function edgeNote(design: ComparisonDesign, { contest: { own, against }, verdict }: Judged): string {
  const atEdge = [own, against].filter(isAtEdge);
  if (atEdge.length === 0 || verdict.because === 'same') return '';
  const best = formatList(atEdge.map((side) => bestWords(side)));
  const may = atEdge.length > 1 ? 'better ones may lie beyond' : 'a better one may lie beyond';
  const joined = verdict.because === 'edge' ? ', but' : ';';
  return `${joined} the best ${tunedName(design)} of ${best} is at an end of the grid: ${may}`;
}

const bestWords = ({ name, tuning }: Side): string => `${name} (${tuning!.winner})`;
