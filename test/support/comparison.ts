/** Made-up results of comparisons: seeded, with believable numbers and a judgement that follows from them. */
import { randomFor } from '../../shared/core/random.ts';
import { changeOf } from '../../shared/core/statistics/change.ts';
import { pairedTest } from '../../shared/core/statistics/paired.ts';
import { mean } from '../../shared/core/statistics/sample.ts';
import type { Arm, ComparisonDesign, RunPlan, RunResult, Tried } from '../../shared/decisions/comparison/design.ts';
import type { ArmFinding, ControlFinding, Judgement, Tuning } from '../../shared/decisions/comparison/judgement.ts';
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
  /** Where on the grid, from 0 to 1, every arm does best. */
  readonly bestAt?: number;
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
    tuned: values.length > 0 ? { key: 'training.learningRate', values, extensions: 2 } : null,
    seeds: { tuning: values.length > 0 ? from(101, tuningSeeds) : [], test: from(1, testSeeds) },
    metric: unit === 'points' ? { name: 'accuracy', direction: 'higher' } : { name: 'nrmse', direction: 'lower' },
    unit,
    epoch: 'last',
    smallestEffect: unit === 'points' ? 0.5 : 2,
  };
  const run = (plan: RunPlan): RunResult => madeUpRun(plan, { design, effects, noise, bestAt, epochs, outcome });
  const pairs = sizes.flatMap((size) => arms.map((arm) => ({ arm: arm.name, size })));
  const tuning = pairs.flatMap(({ arm, size }) =>
    values.flatMap((tried) => design.seeds.tuning.map((seed) => run({ purpose: 'tuning', arm, size, tried, seed }))),
  );
  const tunings = values.length > 0 ? pairs.map(({ arm, size }) => madeUpTuning(design, tuning, arm, size)) : [];
  const test = pairs.flatMap(({ arm, size }) => {
    const tried = tunings.find((tuned) => tuned.arm === arm && tuned.size === size)?.winner ?? null;
    return design.seeds.test.map((seed) => run({ purpose: 'test', arm, size, tried, seed }));
  });
  const results = [...tuning, ...test];
  const judgement = madeUpJudgement(design, results, tunings);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  return {
    version: 1,
    name,
    madeAt: '2026-11-28 09:00 UTC',
    design,
    results,
    judgement,
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
  const made = madeUpComparison({
    outcome: () => 'skipped',
    stopped: 'the budget of 2 hours was spent before any run could be done',
  });
  return { ...made, results: [], winners: [], judgement: { ...made.judgement, tunings: [], findings: [], basis: [] } };
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
  const values = design.tuned?.values ?? [];
  const position = values.length > 1 && tried !== null ? values.indexOf(tried) / (values.length - 1) : bestAt;
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

function madeUpTuning(design: ComparisonDesign, runs: readonly RunResult[], arm: string, size: number | null): Tuning {
  const { values } = design.tuned!;
  const scores = values.map((tried) => {
    const found = runs
      .filter((run) => run.arm === arm && run.size === size && run.tried === tried)
      .flatMap(({ value }) => value ?? []);
    const isWhole = found.length === design.seeds.tuning.length;
    return { tried, mean: isWhole ? mean(found) : null, runs: found.length };
  });
  const sign = design.metric.direction === 'lower' ? 1 : -1;
  const ranked = scores.filter((score) => score.mean !== null).toSorted((a, b) => sign * (a.mean! - b.mean!));
  const winner = ranked[0]?.tried ?? null;
  const isEdge = typeof winner === 'number' && (winner === values[0] || winner === values.at(-1));
  return { arm, size, scores, winner, state: winner === null ? 'none' : isEdge ? 'edge' : 'decided' };
}

function madeUpJudgement(
  design: ComparisonDesign,
  results: readonly RunResult[],
  tunings: readonly Tuning[],
): Judgement {
  const { arms, sizes, reference, smallestEffect, metric } = design;
  const findings = sizes.flatMap((size) =>
    arms
      .filter(({ name }) => name !== reference)
      .map((arm): ArmFinding => {
        const found = compared(design, results, size, reference, arm.name);
        const finding = findingOf(found, smallestEffect, metric.direction);
        const controls = arm.controls.map((control): ControlFinding => {
          const against = compared(design, results, size, control, arm.name);
          const isBeaten = findingOf(against, smallestEffect, metric.direction) === 'helps';
          return { control, change: against.change, interval: against.interval, p: against.p, isBeaten };
        });
        const hasControls = controls.length > 0;
        return {
          arm: arm.name,
          size,
          finding,
          sentence: sentenceOf(arm.name, finding, found),
          ...found,
          bootstrap: found.interval && [0.95 * found.interval[0], 0.95 * found.interval[1]],
          detectable: found.interval && found.interval[1] - found.interval[0],
          moreSeeds: finding === 'undecided' ? 14 : null,
          controls: hasControls ? controls : null,
          bySpectra: hasControls ? finding === 'helps' && controls.every(({ isBeaten }) => isBeaten) : null,
        };
      }),
  );
  const helping = findings.filter(({ finding, arm }) => finding === 'helps' && !controlNames.includes(arm));
  const taken = helping[0]?.arm ?? reference;
  const missing = results.filter(({ status }) => status !== 'done');
  return {
    headline:
      helping.length > 0
        ? `${[...new Set(helping.map(({ arm }) => `“${arm}”`))].join(' and ')} ${helping.length > 1 ? 'help' : 'helps'}: ${metric.name} is better than with “${reference}”.`
        : `No arm is shown to help: ${metric.name} is not told apart from that of “${reference}”.`,
    tunings,
    findings,
    recommendation: {
      arm: taken,
      tried: tunings.filter(({ arm }) => arm === taken).map(({ size, winner }) => ({ size, value: winner })),
      reason: taken === reference ? 'Nothing was shown to be better.' : `It has the best mean of the arms that help.`,
    },
    basis: missing.map(
      ({ run, status, reason }) => `${run} ${status === 'skipped' ? 'was not run' : status}: ${reason}.`,
    ),
  };
}

type Compared = Pick<ArmFinding, 'seeds' | 'means' | 'change' | 'interval' | 'p'>;

function compared(
  { unit }: ComparisonDesign,
  results: readonly RunResult[],
  size: number | null,
  first: string,
  second: string,
): Compared {
  const valuesOf = (arm: string) =>
    new Map(
      results
        .filter((run) => run.purpose === 'test' && run.arm === arm && run.size === size && run.value !== null)
        .map(({ seed, value }) => [seed, value!]),
    );
  const [before, after] = [valuesOf(first), valuesOf(second)];
  const seeds = [...before.keys()].filter((seed) => after.has(seed));
  if (seeds.length === 0) return { seeds, means: null, change: null, interval: null, p: null };
  const firsts = seeds.map((seed) => before.get(seed)!);
  const seconds = seeds.map((seed) => after.get(seed)!);
  const test = pairedTest(firsts, seconds);
  const centre = mean(firsts);
  const change = (difference: number) => changeOf(difference, centre, unit)!;
  return {
    seeds,
    means: { reference: centre, own: mean(seconds) },
    change: change(test.meanDifference),
    interval: test.interval && [change(test.interval[0]), change(test.interval[1])],
    p: test.p,
  };
}

function findingOf(
  { change, interval, p }: Compared,
  smallest: number,
  direction: 'lower' | 'higher',
): ArmFinding['finding'] {
  if (change === null || !interval || p === null) return 'undecided';
  const isBetter = direction === 'lower' ? change < 0 : change > 0;
  if (p <= 0.05 && Math.abs(change) >= smallest) return isBetter ? 'helps' : 'harms';
  return Math.max(...interval.map(Math.abs)) < smallest ? 'noEffect' : 'undecided';
}

function sentenceOf(arm: string, finding: ArmFinding['finding'], { change, seeds }: Compared): string {
  const by = change === null ? '' : ` by ${Math.abs(change).toFixed(1)}`;
  const over = `over ${seeds.length} seeds`;
  switch (finding) {
    case 'helps':
      return `“${arm}” helps${by} ${over}.`;
    case 'harms':
      return `“${arm}” harms${by} ${over}.`;
    case 'noEffect':
      return `“${arm}” has no effect that matters ${over}.`;
    case 'undecided':
      return `“${arm}”: undecided ${over}; about 14 more seeds would show what was seen, if it is true.`;
  }
}
