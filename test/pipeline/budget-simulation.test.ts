/** Runs with made-up time: hangs, waits, lost machines, storms of tries. */
import { describe, expect, it } from 'vitest';
import { readJson } from '../../shared/checkpoints/json.ts';
import { readHead } from '../../shared/checkpoints/manifest.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { type Random, randomFor } from '../../shared/core/random.ts';
import { outcomeSchema } from '../../shared/pipeline/records.ts';
import { fakeConfig, run } from '../support/fake-run.ts';
import {
  type Billed,
  type CallStory,
  isExported,
  type JobStory,
  type MeteredRun,
  runMetered,
} from '../support/metered-run.ts';

/** So many of each kind; `.ci/prove` has a thousand. */
const runs = Number(process.env.TEMPBALANCE_PROOF_RUNS ?? 15);
const oneOf = <Item>(random: Random, items: readonly Item[]): Item => items[random.integer(items.length)]!;
/** Short ones are as likely as long ones. */
const between = (random: Random, least: number, most: number) => least * (most / least) ** random.uniform();
const listOf = <Item>(random: Random, most: number, item: () => Item): Item[] =>
  Array.from({ length: 1 + random.integer(most) }, item);

interface Weather {
  /** Seconds of a function at most. */
  readonly functionSeconds: number;
  readonly calls: readonly CallStory[];
  /** Seconds after which the submission of a job is tried again that was throttled. */
  readonly throttledSeconds: readonly number[];
}
const fair: Weather = { functionSeconds: 10, calls: ['done'], throttledSeconds: [0] };
const storm: Weather = {
  functionSeconds: 120,
  calls: ['done', 'done', 'throttled', 'killed', 'hangs'],
  throttledSeconds: [0, 0, 5, 120, 900],
};

/** A run by chance. */
function storyOf(
  seed: number,
  { functionSeconds, calls, throttledSeconds }: Weather,
  limits: 'usd' | 'hours' | 'both',
) {
  const random = randomFor(seed, 'simulated runs', limits);
  const job = (): JobStory => ({
    end: oneOf(random, ['done', 'done', 'done', 'told to end', 'cut off', 'hangs']),
    after: Math.ceil(between(random, 1, 4000)),
    waits: oneOf(random, [0, 0, 0, Math.ceil(between(random, 1, 30_000))]),
    throttled: oneOf(random, throttledSeconds),
  });
  const budget = {
    ...(limits === 'hours' ? {} : { usd: between(random, 0.02, 1) }),
    ...(limits === 'usd' ? {} : { hours: between(random, 0.3, 20) }),
  };
  const { dataset } = fakeConfig();
  const story = {
    config: fakeConfig({
      dataset: oneOf(randomFor(seed, 'test data'), [dataset, { ...dataset, test: { last: 2 } }]),
      training: { epochs: 3 },
      balance: 'off',
      compute: { epochsPerTask: oneOf(random, [1, 2, 'auto']) },
      budget,
    }),
    budget,
    jobs: listOf(random, 8, job),
    epochSeconds: listOf(random, 6, () => Math.ceil(between(random, 1, 3000))),
    functionSeconds: listOf(random, 8, () => functionSeconds * random.uniform()),
    calls: listOf(random, 40, () => oneOf(random, calls)),
    parts: listOf(random, 30, () => random.uniform()),
  };
  const shards = 1 + random.integer(3);
  return { ...story, context: { shardsFor: () => shards } };
}

const sum = (billed: readonly Billed[]) => billed.reduce((usd, each) => usd + each.usd, 0);

/** A run that has a model ends with it, as one whose budget is used up or whose epochs are trained. */
async function endsWell({ execution, store }: MeteredRun): Promise<string> {
  const outcome = await readJson(store, runKeys.outcome(run), outcomeSchema);
  if (execution.status === 'done') return (await isExported(store)) ? outcome!.outcome : 'no model';
  return (await readHead(store, run)) ? 'failed with a commit' : 'failed before the first commit';
}

/** A proof's result is written down, and not only passed. */
const report = (...what: unknown[]) => {
  if (process.env.TEMPBALANCE_PROOF_RUNS) console.log(JSON.stringify(what));
};

interface Simulated extends MeteredRun {
  readonly over: { readonly usd: number; readonly seconds: number };
  readonly how: string;
}

/** A run that has failed, once more: with what it has used before, and other accidents. */
async function resumed(
  { store, ended, bill }: MeteredRun,
  seed: number,
  weather: Weather,
  limits: 'usd' | 'hours' | 'both',
): Promise<MeteredRun> {
  const { config } = storyOf(seed, weather, limits);
  const again = await runMetered({ ...storyOf(seed + 1e6, weather, limits), config, begins: ended + 60_000 }, store);
  return { ...again, bill: [...bill, ...again.bill] };
}

/** Runs them one after the other, each with a seed of its own; tells how they ended. */
async function simulate(
  weather: Weather,
  limits: 'usd' | 'hours' | 'both',
  look: (ran: Simulated, seed: number) => void,
  { resumes = false } = {},
): Promise<Record<string, number>> {
  const ends: Record<string, number> = {};
  for (let seed = 0; seed < runs; seed++) {
    const { budget, ...story } = storyOf(seed, weather, limits);
    const first = await runMetered(story);
    const ran = resumes && first.execution.status === 'failed' ? await resumed(first, seed, weather, limits) : first;
    const { usd = Number.POSITIVE_INFINITY, hours = Number.POSITIVE_INFINITY } = budget;
    const how = await endsWell(ran);
    ends[how] = (ends[how] ?? 0) + 1;
    look({ ...ran, how, over: { usd: sum(ran.bill) - usd, seconds: ran.lastJobEnded - 3600 * hours } }, seed);
  }
  return ends;
}

describe('of simulated runs with hangs, waits and lost machines', () => {
  it.each(['usd', 'both'] as const)(
    'none costs more than its budget (%s), and each that has a commit ends with a model',
    { timeout: 600_000 },
    async (limits) => {
      let largest = Number.NEGATIVE_INFINITY;
      const ends = await simulate(fair, limits, ({ over, how }, seed) => {
        expect(over.usd, `seed ${seed}`).toBeLessThanOrEqual(0);
        expect(how, `seed ${seed}`).not.toMatch(/with a commit|no model/);
        largest = Math.max(largest, over.usd);
      });
      report('fair', limits, ends, { largestOverrunUsd: largest });
      expect(ends.budget).toBeGreaterThan(runs / 10);
      expect(ends.completed).toBeGreaterThan(runs / 10);
    },
  );

  it.each(['usd', 'both'] as const)(
    'none costs more than its budget (%s) in storms of tries',
    { timeout: 600_000 },
    async (limits) => {
      let largest = Number.NEGATIVE_INFINITY;
      const ends = await simulate(
        storm,
        limits,
        ({ over }, seed) => {
          expect(over.usd, `seed ${seed}`).toBeLessThanOrEqual(0);
          largest = Math.max(largest, over.usd);
        },
        { resumes: true },
      );
      expect(ends.budget).toBeGreaterThan(0);
      report('storm', limits, ends, { largestOverrunUsd: largest });
    },
  );

  it.each([
    ['hours', 'fair weather', fair],
    ['both', 'fair weather', fair],
    ['hours', 'storms', storm],
    ['both', 'storms', storm],
  ] as const)('none has a job after its hours (%s, in %s)', { timeout: 600_000 }, async (limits, name, weather) => {
    let largest = Number.NEGATIVE_INFINITY;
    const ends = await simulate(weather, limits, ({ over }, seed) => {
      expect(over.seconds, `seed ${seed}`).toBeLessThanOrEqual(0);
      largest = Math.max(largest, over.seconds);
    });
    report('hours', name, limits, ends, { largestOverrunSeconds: largest });
  });
});
