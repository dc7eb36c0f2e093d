import { randomFor } from '../../../shared/core/random.ts';
import { mean } from '../../../shared/core/statistics/sample.ts';
import type { Arm, ComparisonDesign, RunPlan, RunResult, Tried } from '../../../shared/decisions/comparison/design.ts';
import { nextRuns } from '../../../shared/decisions/comparison/next-runs.ts';

export const arm = (name: string, rest: Partial<Arm> = {}): Arm => ({
  name,
  changes: [],
  isControl: false,
  controls: [],
  ...rest,
});

export const counting = (count: number, from = 1): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

/** Plain and balanced runs of ten test seeds, of which nothing is tuned. */
export function madeUpDesign(changes: Partial<ComparisonDesign> = {}): ComparisonDesign {
  return {
    arms: [arm('plain'), arm('balanced')],
    reference: 'plain',
    sizes: [null],
    tuned: null,
    seeds: { tuning: [101, 102, 103], test: counting(10) },
    metric: { name: 'nRMSE', direction: 'lower' },
    unit: 'percent',
    epoch: 'last',
    smallestEffect: 1,
    ...changes,
  };
}

export const tunedBy = (values: readonly Tried[], extensions = 1): ComparisonDesign['tuned'] => ({
  key: 'training.learningRate',
  values,
  extensions,
});

type Outcome = Partial<Pick<RunResult, 'status' | 'value' | 'reason' | 'ratesChanged'>>;
/** A value, what else a run came to, or `never` for a run that is not done. */
type Answer = number | Outcome | 'never';

export const nameOf = ({ purpose, arm, size, tried, seed }: RunPlan): string =>
  [purpose, arm, size, tried, seed].filter((part) => part !== null).join('-');

export function resultOf(plan: RunPlan, outcome: number | Outcome): RunResult {
  const own = typeof outcome === 'number' ? { value: outcome } : outcome;
  return {
    ...plan,
    run: nameOf(plan),
    status: 'done',
    reason: '',
    value: null,
    curve: [],
    alphaSpread: { first: null, last: null },
    seconds: 1,
    usd: null,
    ...own,
  };
}

/** Does all runs, round by round, until there is nothing more to do. */
export function playOut(design: ComparisonDesign, answer: (plan: RunPlan) => Answer): RunResult[] {
  let results: RunResult[] = [];
  for (;;) {
    const { runs } = nextRuns(design, results);
    const done = runs.flatMap((plan) => {
      const own = answer(plan);
      return own === 'never' ? [] : [resultOf(plan, own)];
    });
    results = [...results, ...done];
    if (done.length < runs.length || runs.length === 0) return results;
  }
}

/** A standard normal number that belongs to what is named. */
const drawn = (...of: readonly (string | number | null)[]): number =>
  randomFor(4, ...of.map((part) => part ?? 'all')).normal();

/** Scatter with deviation 1, whose mean over the seeds 1 to 10 is 0: what arms differ by is then what a test says, not chance. */
export const scatter = (name: string, seed: number): number =>
  drawn(name, seed) - mean(counting(10).map((each) => drawn(name, each)));

/** 1, what the seed adds, and a little scatter of the arm's own, times a factor. */
export const usual = ({ arm, seed, size }: Pick<RunPlan, 'arm' | 'seed' | 'size'>, factor = 1): number =>
  factor * (1 + 0.1 * scatter('seed', seed) + 0.003 * scatter(`${arm} ${size}`, seed));
