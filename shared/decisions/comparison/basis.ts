/** What a judgement rests on: runs that did not come to a value, and arms that could not be tuned to the end. */
import { formatCount, formatList } from '../../core/format.ts';
import type { ComparisonDesign, RunPlan, RunResult } from './design.ts';
import type { Tuning } from './judgement.ts';
import { nextRuns, testPlans } from './next-runs.ts';
import { indexRuns, tuningPlans } from './run-index.ts';
import { isDiverged } from './test-values.ts';
import type { SizeTuning } from './tuning.ts';
import { rowsOf, tunedName } from './words.ts';

/** More names than these are counted. */
const mostNames = 12;

export function basisOf(
  design: ComparisonDesign,
  results: readonly RunResult[],
  sizes: readonly SizeTuning[],
): string[] {
  const runs = indexRuns(results);
  const found = (plans: readonly RunPlan[]) => plans.flatMap((plan) => runs.find(plan) ?? []);
  const tunings = sizes.flatMap((size) => size.tunings);
  return [
    ...runSentences(found(sizes.flatMap(({ size, grid }) => tuningPlans(design, size, grid))), {
      diverged: 'such a value is not chosen for the arm',
      without: 'values of an arm are compared by the seeds that all of them have',
    }),
    ...runSentences(found(testPlans(design, tunings)), {
      diverged: divergedTest(design),
      without: 'such seeds are left out where the arm is compared',
    }),
    ...undoneSentences(design, results),
    ...tunings.flatMap((tuning) => tuningSentence(design, tuning)),
    ...(design.tuned ? [] : ['Nothing was tuned: with other base rates the findings may be others.']),
  ];
}

const divergedTest = ({ epoch }: ComparisonDesign): string =>
  epoch === 'best'
    ? 'each counts with its best epoch before that, or without one as the worst value of its size'
    : 'each counts as the worst value of its size';

function runSentences(
  results: readonly RunResult[],
  follows: { readonly diverged: string; readonly without: string },
): string[] {
  const kinds = [
    { what: 'diverged', runs: results.filter(isDiverged), so: follows.diverged },
    { what: 'failed', runs: results.filter(({ status }) => status === 'failed'), so: follows.without },
    {
      what: 'left out for the budget',
      runs: results.filter(({ status }) => status === 'skipped'),
      so: follows.without,
    },
  ];
  return kinds.flatMap(({ what, runs, so }) =>
    runs.length > 0 ? [`${formatCount(runs.length, `${runs[0]!.purpose} run`)} ${what}: ${named(runs)}; ${so}.`] : [],
  );
}

/** Names of runs, with why: a reason that several have is said once. */
function named(results: readonly RunResult[]): string {
  const byReason = [...Map.groupBy(results, ({ reason }) => reason)];
  return byReason
    .map(([reason, runs]) => `${some(runs.map(({ run }) => run))}${reason === '' ? '' : ` (${inOneLine(reason)})`}`)
    .join('; ');
}

/** An error's lines as sentences in brackets. */
const inOneLine = (reason: string): string =>
  reason
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .reduce((text, line) => (text === '' ? line : `${text}${/[.:;,]$/.test(text) ? '' : '.'} ${line}`), '')
    .replace(/\.$/, '');

function some(names: readonly string[]): string {
  const left = names.length - mostNames;
  return left > 0 ? formatList([...names.slice(0, mostNames), `${left} more`]) : formatList(names);
}

function undoneSentences(design: ComparisonDesign, results: readonly RunResult[]): string[] {
  const { round, runs } = nextRuns(design, results);
  if (round === 'judge') return [];
  const ahead = round === 'tuning' ? '; tuning is not complete, so no arm is judged at its best value' : '';
  return [`${formatCount(runs.length, `${round} run`)} never done: ${some(runs.map(planned(design)))}${ahead}.`];
}

const planned =
  (design: ComparisonDesign) =>
  ({ arm, size, tried, seed }: RunPlan) => {
    const value = tried === null ? [] : [`${tunedName(design)} ${tried}`];
    const rows = design.sizes.length > 1 ? [rowsOf(size)] : [];
    return [arm, ...rows, ...value, `seed ${seed}`].join(' · ');
  };

function tuningSentence(design: ComparisonDesign, { arm, size, state, winner }: Tuning): string[] {
  const where = design.sizes.length > 1 ? ` at ${rowsOf(size)}` : '';
  const setting = tunedName(design);
  if (state === 'none')
    return [`No value of ${setting} could be chosen for ${arm}${where}: none has runs that can be compared.`];
  if (state === 'edge') return [`The best ${setting} of ${arm}${where}, ${winner}, is at an end of the grid.`];
  return [];
}
