/**
 * Fine-tunes the example plain and balanced, with all else equal, for several seeds, and compares:
 * `node examples/topics/demo.ts [--seeds N] [--set key=value]`
 */

import { fileURLToPath } from 'node:url';
import { pairedTest } from '../../shared/core/statistics/paired.ts';
import { formatTable } from '../../shared/core/table.ts';
import { runScript, wholeNumber } from '../script.ts';
import { trainSideBySide } from '../side-by-side.ts';
import { meanAndSpread } from '../statistics.ts';
import type { Trained } from '../train.ts';

const usage = `node examples/topics/demo.ts [options]

  --seeds N        runs of each kind, by the seeds 1 to N (3)
  --set key=value  a setting of topics.yaml; may be given again
`;
const runFile = fileURLToPath(new URL('topics.yaml', import.meta.url));
const stamp = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);

type Arm = 'plain' | 'balanced';
const nameOf = (arm: Arm, seed: number) => `topics-${arm}-${seed}-${stamp}`;

async function compare(count: number, set: readonly string[]): Promise<void> {
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const tasks = seeds.flatMap((seed) =>
    (['plain', 'balanced'] as const).map((arm) => ({
      arm,
      seed,
      runFile,
      overrides: [
        ...set,
        `training.seed=${seed}`,
        `output.name=${nameOf(arm, seed)}`,
        ...(arm === 'plain' ? ['balance=off'] : []),
      ],
    })),
  );
  const results = new Map<string, Trained>();
  await trainSideBySide(tasks, ({ arm, seed }, trained) => {
    results.set(nameOf(arm, seed), trained);
    process.stdout.write(`seed ${seed}, ${arm}: accuracy ${trained.last?.toFixed(3)} after the last epoch\n`);
  });

  const numbers = (arm: Arm, of: (result: Trained) => number | null) =>
    seeds.map((seed) => of(results.get(nameOf(arm, seed))!) ?? Number.NaN);
  const row = (name: string, of: (result: Trained) => number | null) => [
    name,
    meanAndSpread(numbers('plain', of)),
    meanAndSpread(numbers('balanced', of)),
  ];
  const table = formatTable([
    ['', 'plain', 'balanced'],
    row('accuracy, last epoch', ({ last }) => last),
    row('accuracy, best epoch', ({ best }) => best),
    row('alpha spread before', ({ alphaSpread }) => alphaSpread.first),
    row('alpha spread after', ({ alphaSpread }) => alphaSpread.last),
  ]);
  const last = ({ last }: Trained) => last;
  const { meanDifference, p } = pairedTest(numbers('plain', last), numbers('balanced', last));
  process.stdout.write(`\n${table}\n\n`);
  process.stdout.write(
    `balanced minus plain: ${meanDifference.toFixed(4)} (last epoch, ${seeds.length} seeds${p === null ? '' : `, paired t-test p = ${p.toFixed(2)}`})\n`,
  );
  process.stdout.write(`tempbalance report runs/topics-{plain,balanced}-1-${stamp} draws two of these runs.\n`);
}

await runScript(
  usage,
  { seeds: { type: 'string', default: '3' }, set: { type: 'string', multiple: true, default: [] } },
  ({ seeds, set }) => compare(wholeNumber(seeds, '--seeds'), set),
);
