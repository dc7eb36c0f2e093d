/** Made-up results of comparisons: seeded, with believable numbers, planned and judged as those of real runs are. */
import { randomFor } from '../../shared/core/random.ts';
import type { Arm, ComparisonDesign, RunPlan, RunResult, Tried } from '../../shared/decisions/comparison/design.ts';
import { judge } from '../../shared/decisions/comparison/judge.ts';
import { nextRuns } from '../../shared/decisions/comparison/next-runs.ts';
import type { ComparisonResult } from '../../shared/reports/comparison/input.ts';

/** What a made-up comparison looks like. */
export interface MadeUpComparison {
  readonly name?: string;
  /** The first is the reference. */
  readonly arms?: readonly string[];
  readonly sizes?: readonly (number | null)[];
  /** Empty: nothing is tuned. */
  readonly values?: readonly Tried[];
  readonly tuningSeeds?: number;
  readonly testSeeds?: number;
  readonly epochs?: number;
  readonly unit?: ComparisonDesign['unit'];
  /** How much better every further arm is than the reference, as a share of the reference's value. */
  readonly effects?: readonly number[];
  /** How much the difference of two arms varies between seeds, as a share. */
  readonly noise?: number;
  /** Where on the grid, from 0 to 1, every arm does best; beyond it, the grid is extended. */
  readonly bestAt?: number;
  readonly extensions?: number;
  /** What became of a run; absent: it is done. */
  readonly outcome?: (plan: RunPlan) => Exclude<RunResult['status'], 'done'> | undefined;
  readonly stopped?: string | null;
}

const manyArms = ['plain', 'published', 'taps', 'farms', 'inverse', 'shuffled', 'byShape'];
const controlNames = ['inverse', 'shuffled', 'byShape'];
const rates = [0.0003, 0.001, 0.003, 0.01, 0.03];

const reasons = {
  done: 'all epochs done',
  diverged: 'the loss was not finite at step 41 of epoch 3',
  failed: 'the worker process ended with signal SIGKILL',
  skipped: 'the budget did not pay for it',
} as const satisfies Record<RunResult['status'], string>;

/** A comparison with a run for every plan of its design. */
export function madeUpComparison(options: MadeUpComparison = {}): ComparisonResult {
  const {
    name = 'burgers',
    arms: names = manyArms,
    sizes = [8, 16],
    values = rates,
    tuningSeeds = 3,
    testSeeds = 10,
    epochs = 40,
    unit = 'percent',
    effects = [0.06, 0.05, 0.02, -0.08, 0, 0.01],
    noise = 0.03,
    bestAt = 0.5,
    extensions = 2,
    outcome = () => undefined,
    stopped = null,
  } = options;
  const controls = controlNames.filter((control) => names.includes(control));
  const arms = names.map((arm, index): Arm => {
    const isControl = controls.includes(arm);
    return {
      name: arm,
      changes:
        index === 0 ? ['balance: off'] : [`balance.preset: ${arm}`, ...(isControl ? [`balance.control: ${arm}`] : [])],
      isControl,
      controls: index > 0 && !isControl ? controls : [],
    };
  });
  const from = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
  const design: ComparisonDesign = {
    arms,
    reference: names[0]!,
    sizes,
    tuned: values.length > 0 ? { key: 'training.learningRate', values, extensions } : null,
    seeds: { tuning: values.length > 0 ? from(101, tuningSeeds) : [], test: from(1, testSeeds) },
    metric: unit === 'points' ? { name: 'accuracy', direction: 'higher' } : { name: 'nrmse', direction: 'lower' },
    unit,
    epoch: 'last',
    smallestEffect: unit === 'points' ? 0.5 : 2,
  };
  const results: RunResult[] = [];
  for (let round = nextRuns(design, results); round.round !== 'judge'; round = nextRuns(design, results)) {
    results.push(...round.runs.map((plan) => madeUpRun(plan, { design, effects, noise, bestAt, epochs, outcome })));
  }
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  return {
    version: 1,
    name,
    madeAt: '2026-11-28 09:00 UTC',
    design,
    results,
    judgement: judge(design, results),
    settings: {
      runFile: 'studies/burgers/run.yaml',
      data: 'studies/burgers/target.hdf5',
      testRows: 64,
      trainingRows: 32,
      changesOfAll: ['output.keep: 1'],
    },
    winners: sizes.map((size) => ({ size, file: size === null ? 'winner.yaml' : `winner-${size}.yaml` })),
    spent: { seconds, usd: null },
    budget: { hours: 2 },
    stopped,
    versions: { tempbalance: '0.9.0', engine: 'onnxruntime-node 1.22.0', node: '22.23.3' },
  };
}

/** A comparison whose budget was spent before any run was done. */
export function nothingDone(): ComparisonResult {
  const made = madeUpComparison({ epochs: 1, testSeeds: 10 });
  return {
    ...made,
    results: [],
    judgement: judge(made.design, []),
    winners: [],
    spent: { seconds: 0, usd: null },
    stopped: 'the budget of 2 hours was spent before any run could be done',
  };
}

interface Making extends Required<Pick<MadeUpComparison, 'effects' | 'noise' | 'bestAt' | 'epochs' | 'outcome'>> {
  readonly design: ComparisonDesign;
}

function madeUpRun(plan: RunPlan, { design, effects, noise, bestAt, epochs, outcome }: Making): RunResult {
  const { purpose, arm, size, tried, seed } = plan;
  const bySeed = randomFor(seed, 'seed', size ?? 0);
  const own = randomFor(seed, arm, purpose, size ?? 0, String(tried));
  const index = design.arms.findIndex(({ name }) => name === arm);
  const status = outcome(plan) ?? 'done';
  const effect = index === 0 ? 0 : (effects[(index - 1) % effects.length] ?? 0);
  const position = positionOf(tried, design.tuned?.values ?? []) ?? bestAt;
  const detuned = 2.5 * (position - bestAt) ** 2;
  const bySize = size === null ? 1 : (size / 8) ** -0.4;
  const error =
    0.05 * bySize * (1 + 0.15 * bySeed.normal()) * (1 - effect) * (1 + detuned) * (1 + noise * own.normal());
  const value = design.unit === 'points' ? 1 - 4 * error : error;
  const start = design.unit === 'points' ? 0.25 : 0.6;
  const length = status === 'done' ? epochs : status === 'skipped' ? -1 : 3;
  const curve = Array.from({ length: length + 1 }, (_, epoch) => {
    const far = Math.exp((-6 * epoch) / epochs);
    return value * (1 - far) + start * far + 0.02 * value * own.normal();
  });
  const isMeasured = status === 'done' && index > 0;
  return {
    ...plan,
    run: [
      purpose,
      arm,
      ...(size === null ? [] : [`n${size}`]),
      ...(tried === null ? [] : [`lr${tried}`]),
      `seed${seed}`,
    ].join('-'),
    status,
    reason: status === 'done' ? `all ${epochs} epochs done` : reasons[status],
    value: status === 'done' ? value : null,
    curve,
    alphaSpread: isMeasured
      ? { first: 1.1 + 0.02 * bySeed.normal(), last: 0.95 - 2 * effect + 0.03 * own.normal() }
      : { first: null, last: null },
    seconds: status === 'skipped' ? 0 : 5 + 2 * own.uniform(),
    usd: null,
  };
}

/** Where a value lies on the grid: 0 at its first value, 1 at its last, and beyond where it was extended. */
function positionOf(tried: Tried | null, values: readonly Tried[]): number | null {
  if (tried === null || values.length < 2) return null;
  const [first, last] = [values[0]!, values.at(-1)!];
  if (typeof tried !== 'number' || typeof first !== 'number' || typeof last !== 'number') {
    return values.indexOf(tried) / (values.length - 1);
  }
  return Math.log(tried / first) / Math.log(last / first);
}
