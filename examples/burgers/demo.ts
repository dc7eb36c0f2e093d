/**
 * Fine-tunes the example plain, balanced as published, and with the controls of balancing, over several seeds, and compares:
 * `npm run demo`
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../shared/core/errors.ts';
import { pairedTest } from '../../shared/core/statistics/paired.ts';
import { mean, standardDeviation } from '../../shared/core/statistics/sample.ts';
import { formatTable } from '../../shared/core/table.ts';
import { runScript, wholeNumber } from '../script.ts';
import { trainSideBySide } from '../side-by-side.ts';
import type { Trained } from '../train.ts';

const usage = `npm run demo -- [options]

  --seeds N        runs of each kind, by the seeds 1 to N (3)
  --set key=value  a setting of burgers.yaml; may be given again
`;
const runFile = fileURLToPath(new URL('burgers.yaml', import.meta.url));
const folder = fileURLToPath(new URL('../../runs', import.meta.url));
const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);

/** The kinds of runs that are compared: what sets each apart, and in words. */
const arms = {
  plain: { overrides: ['balance=off'], what: 'every layer at the base rate' },
  balanced: { overrides: [], what: 'rates by alpha, as published' },
  byShape: { overrides: ['balance.control=byShape'], what: 'the mean factor of all layers of a shape' },
  shuffled: { overrides: ['balance.control=shuffled'], what: "other layers' factors" },
} as const;
type Arm = keyof typeof arms;
const names = Object.keys(arms) as Arm[];

const nameOf = (arm: Arm, seed: number) => `burgers-${arm}-${seed}-${stamp}`;

async function demo(count: number, set: readonly string[]): Promise<void> {
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const tasks = seeds.flatMap((seed) =>
    names.map((arm) => ({
      arm,
      seed,
      runFile,
      overrides: [...set, `training.seed=${seed}`, `output.name=${nameOf(arm, seed)}`, ...arms[arm].overrides],
    })),
  );
  process.stdout.write(`Fine-tuning ${tasks.length} times: ${names.join(', ')}, each with ${count} seeds\n\n`);
  const best = new Map<string, number>();
  let ended = 0;
  await trainSideBySide(tasks, ({ arm, seed }, { best: value, seconds }: Trained) => {
    best.set(nameOf(arm, seed), value ?? Number.NaN);
    ended += 1;
    const line = `seed ${seed}, ${arm}`.padEnd(18);
    process.stdout.write(
      `${String(ended).padStart(2)}/${tasks.length}  ${line} nRMSE ${value?.toFixed(5) ?? 'none'}  ${seconds.toFixed(1)} s\n`,
    );
  });
  const failed = [...best].filter(([, value]) => Number.isNaN(value)).map(([name]) => name);
  if (failed.length > 0)
    throw new UserError(`there is nothing to compare: no value of nRMSE was reached by ${failed.join(', ')}`);
  const valuesOf = (arm: Arm) => seeds.map((seed) => best.get(nameOf(arm, seed))!);
  process.stdout.write(`\n${formatTable(tableOf(valuesOf))}\n\n${verdict(valuesOf).join('\n')}\n`);
  report(seeds);
}

const percent = (value: number) => `${value > 0 ? '+' : ''}${(100 * value).toFixed(1)} %`;

/** Differences to plain, seed by seed, in proportion to its mean. */
function againstPlain(arm: Arm, valuesOf: (arm: Arm) => number[]) {
  const [plain, values] = [valuesOf('plain'), valuesOf(arm)];
  const { meanDifference, interval: ends, p } = pairedTest(plain, values);
  const interval = ends?.map((end) => percent(end / mean(plain)));
  const better = values.filter((value, index) => value < plain[index]!).length;
  return { change: percent(meanDifference / mean(plain)), interval, better: `${better} of ${values.length}`, p };
}

function tableOf(valuesOf: (arm: Arm) => number[]): string[][] {
  const rows = names.map((arm) => {
    const values = valuesOf(arm);
    const spread = values.length > 1 ? standardDeviation(values).toFixed(5) : '?';
    const own = [arm, mean(values).toFixed(5), spread];
    if (arm === 'plain') return [...own, '', '', '', arms[arm].what];
    const { change, interval, better } = againstPlain(arm, valuesOf);
    return [...own, change, interval ? `${interval[0]} to ${interval[1]}` : '?', better, arms[arm].what];
  });
  return [['best nRMSE', 'mean', 'spread', 'to plain', '95 % interval', 'better', ''], ...rows];
}

/** What the numbers say, whichever way they point. */
function verdict(valuesOf: (arm: Arm) => number[]): string[] {
  const balanced = againstPlain('balanced', valuesOf);
  const shape = againstPlain('byShape', valuesOf);
  const byItself = pairedTest(valuesOf('byShape'), valuesOf('balanced'));
  const p = byItself.p === null ? '' : ` (paired t-test: p = ${byItself.p.toFixed(2)})`;
  const rest = percent(byItself.meanDifference / mean(valuesOf('plain')));
  return [
    `Balanced against plain: ${balanced.change}, better with ${balanced.better} seeds.`,
    `One factor for all layers of a shape (byShape) against plain: ${shape.change}. What each layer's own alpha adds to that: ${rest}${p}.`,
    'The best epoch is picked on the data that it is measured on, in the same way for all; one base rate for all, not tuned for each.',
  ];
}

/** Draws all runs, with those of an arm as one group. */
function report(seeds: readonly number[]): void {
  const runs = names.flatMap((arm) => seeds.map((seed) => join(folder, nameOf(arm, seed))));
  const title = 'Burgers: plain, balanced, and controls';
  const args = ['report', ...runs, '--title', title, '--out', 'report.html'];
  const { status } = spawnSync(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) process.stdout.write('report.html draws all of them.\n');
  else process.exitCode = status ?? 130;
}

await runScript(
  usage,
  { seeds: { type: 'string', default: '3' }, set: { type: 'string', multiple: true, default: [] } },
  ({ seeds, set }) => demo(wholeNumber(seeds, '--seeds'), set),
);
