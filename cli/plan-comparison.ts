import { usualParallel } from '../library/compare.ts';
import { type ComparisonSettings, mostValues, runConfigOf } from '../shared/config/comparison.ts';
import { loadComparison } from '../shared/config/load-comparison.ts';
import { parseOverride } from '../shared/config/parse-run-file.ts';
import { formatTable } from '../shared/core/table.ts';
import type { PriceTable } from '../shared/costs/prices.ts';
import type { RunPlan } from '../shared/decisions/comparison/design.ts';
import { estimateRun, type RunEstimate } from '../shared/decisions/estimate.ts';
import { checkComparison } from '../shared/pipeline/comparison/check-comparison.ts';
import { usualParallelDeployed } from '../shared/pipeline/comparison/context.ts';
import { openedOnce } from '../shared/pipeline/resources.ts';
import { formatDuration, formatUsd } from '../shared/reports/format.ts';
import { print } from './command.ts';
import { localPath } from './local-path.ts';
import { measuredStep, placesOf, plannedRun } from './planned-run.ts';

/** Runs that are alike but for seed and value, so that they take as long. */
interface RunKind extends Pick<RunPlan, 'purpose' | 'arm' | 'size'> {
  readonly runs: number;
  /** Runs that come besides where every extension of the values is tried. */
  readonly extra: number;
  /** The estimates of one run, by place. */
  readonly estimates: readonly RunEstimate[];
}

/** The sums over all runs in a place. */
interface Total {
  readonly place: string;
  /** Runs at a time. */
  readonly parallel: number;
  readonly seconds: number;
  readonly usd: number | null;
  /** The sums with every extension of the values. */
  readonly most: { readonly seconds: number; readonly usd: number | null };
  /** Of the budget that applies there, how many times the runs without extensions fit in; null: there is none. */
  readonly budget: number | null;
}

/** Says what all runs of a compare file are expected to take and to cost. Returns the exit code. */
export async function planComparison(
  file: string,
  options: {
    readonly set: readonly string[];
    readonly region: string;
    readonly target?: 'cpu' | 'gpu';
    readonly table: PriceTable;
    readonly measure?: boolean;
    readonly json?: boolean;
  },
): Promise<number> {
  const { set, region, table, target, measure = false, json = false } = options;
  const { settings } = await loadComparison(file, set.map(parseOverride));
  const warn = (message: string) => process.stderr.write(`note: ${message}\n`);
  const { planWorkload } = openedOnce({ localPath, warn });
  const rows = await checkComparison(settings, { planWorkload }, warn);

  const firstConfig = configOf(settings, { purpose: 'test', arm: settings.arms[0]!.name, size: settings.sizes[0]! });
  const first = { ...plannedRun(firstConfig, await planWorkload(firstConfig)), budget: settings.budget };
  const stepSeconds = measure ? await measuredStep(firstConfig) : undefined;
  const { engine } = firstConfig.training;
  const { places, assumptions } = placesOf(first, engine, { region, table, target, stepSeconds });

  const kinds: RunKind[] = [];
  for (const kind of kindsOf(settings)) {
    const config = configOf(settings, kind);
    const run = plannedRun(config, await planWorkload(config));
    kinds.push({ ...kind, estimates: places.map((place) => estimateRun(run, place)) });
  }
  const plan = {
    compareFile: file,
    region,
    pricesOf: table.date,
    rows,
    runs: { tuning: count(kinds, 'tuning'), test: count(kinds, 'test'), extra: sum(kinds.map(({ extra }) => extra)) },
    kinds,
    totals: places.map(({ name, cloud }, place) => totalOf(name, place, kinds, { settings, isDeployed: !!cloud })),
    assumptions,
  };
  print(json ? JSON.stringify(plan, null, 2) : formatPlan(plan));
  return 0;
}

/** The settings of the first run of a kind. */
function configOf(settings: ComparisonSettings, { purpose, arm, size }: Pick<RunPlan, 'purpose' | 'arm' | 'size'>) {
  const tried = settings.tuned?.values[0] ?? null;
  return runConfigOf(settings, { purpose, arm, size, tried, seed: settings.seeds[purpose][0]! }, '.');
}

function kindsOf({ arms, sizes, seeds, tuned }: ComparisonSettings): Omit<RunKind, 'estimates'>[] {
  return sizes.flatMap((size) =>
    arms.flatMap(({ name: arm }) => {
      const test = { purpose: 'test' as const, arm, size, runs: seeds.test.length, extra: 0 };
      if (!tuned) return [test];
      const runs = tuned.values.length * seeds.tuning.length;
      const extra = mostValues(tuned) * seeds.tuning.length - runs;
      return [{ purpose: 'tuning' as const, arm, size, runs, extra }, test];
    }),
  );
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

const count = (kinds: readonly RunKind[], purpose: RunPlan['purpose']) =>
  sum(kinds.filter((kind) => kind.purpose === purpose).map(({ runs }) => runs));

function totalOf(
  name: string,
  place: number,
  kinds: readonly RunKind[],
  { settings, isDeployed }: { settings: ComparisonSettings; isDeployed: boolean },
): Total {
  const { budget, threads, parallel = isDeployed ? usualParallelDeployed : usualParallel(threads) } = settings;
  const added = (runsOf: (kind: RunKind) => number, of: (estimate: RunEstimate) => number | null) =>
    kinds.reduce<number | null>((all, kind) => {
      const each = of(kind.estimates[place]!);
      return all === null || each === null ? null : all + runsOf(kind) * each;
    }, 0);
  const whole = (runsOf: (kind: RunKind) => number) => ({
    seconds: added(runsOf, ({ seconds }) => seconds)!,
    usd: added(runsOf, ({ usd }) => usd),
  });
  const planned = whole(({ runs }) => runs);
  const shares = [
    ...(budget.hours === undefined ? [] : [(3600 * budget.hours) / planned.seconds]),
    ...(budget.usd === undefined || planned.usd === null ? [] : [budget.usd / planned.usd]),
  ];
  return {
    place: name,
    parallel,
    ...planned,
    most: whole(({ runs, extra }) => runs + extra),
    budget: shares.length > 0 ? Math.min(...shares) : null,
  };
}

function formatPlan(plan: {
  readonly compareFile: string;
  readonly rows: { readonly training: number | null; readonly test: number | null };
  readonly runs: { readonly tuning: number; readonly test: number; readonly extra: number };
  readonly kinds: readonly RunKind[];
  readonly totals: readonly Total[];
  readonly assumptions: readonly string[];
}): string {
  const { compareFile, rows, runs, kinds, totals, assumptions } = plan;
  const places = totals.map(({ place }, index) => ({ place, index }));
  const row = (name: string, of: (total: Total, index: number) => string) => [name, ...totals.map(of)];
  const longest = (index: number) => Math.max(...kinds.map(({ estimates }) => estimates[index]!.seconds));
  const budget = ({ budget: share }: Total) =>
    share === null ? 'none' : share >= 1 ? 'enough' : `pays for about ${Math.floor(100 * share)} % of them`;
  const table = formatTable([
    ['', ...places.map(({ place }) => place)],
    row('a run', (_, index) => `at most ${formatDuration(longest(index))}`),
    row('all runs, added up', ({ seconds }) => formatDuration(seconds)),
    row('', ({ usd }) => formatUsd(usd)),
    ...(runs.extra > 0
      ? [
          row('with every extension', ({ most }) => formatDuration(most.seconds)),
          row('', ({ most }) => formatUsd(most.usd)),
        ]
      : []),
    row('at a time', ({ parallel }) => String(parallel)),
    row('so it takes about', ({ seconds, parallel }) => formatDuration(seconds / parallel)),
    row('budget', budget),
  ]);
  const extra = runs.extra > 0 ? `, and up to ${runs.extra} more where an arm does best at an end of the values` : '';
  const given = [
    ...(rows.training === null ? [] : [`${rows.training} rows to train on`]),
    ...(rows.test === null ? [] : [`${rows.test} to test on`]),
  ];
  return [
    `${compareFile}: ${runs.tuning + runs.test} runs, ${runs.tuning} to tune and ${runs.test} to test${extra}`,
    ...(given.length > 0 ? [given.join(', ')] : []),
    '',
    table,
    '',
    'Assumed:',
    ...assumptions.map((line) => `- ${line}`),
  ].join('\n');
}
