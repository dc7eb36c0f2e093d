import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { killCli, runCli, runCliProcess, startCli } from '../support/cli.ts';
import { smallRun, temporaryFolder } from '../support/small-run.ts';

const { output: _, ...run } = smallRun;
const compareFile = {
  run: { ...run, dataset: { ...run.dataset, samples: 'all' }, training: { ...run.training, epochs: 2, validation: 2 } },
  test: { last: 4 },
  sizes: [4],
  arms: { plain: { balance: 'off' }, balanced: { 'balance.minEigenvalues': 4 } },
  rates: [0.001, 0.003],
  extensions: 0,
  seeds: { tuning: [101], test: [1, 2] },
};

async function write(folder: string, name: string, changes: object = {}): Promise<string> {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, stringify({ ...compareFile, name, ...changes }));
  return path;
}
const resultOf = async (folder: string, name: string) =>
  (await readFile(join(folder, 'comparisons', name, 'result.json'), 'utf8')).replaceAll(`"${name}"`, '"name"');

it('gives the same result however often it is killed and started again', { timeout: 600_000 }, async () => {
  const folder = await temporaryFolder();
  const started = performance.now();
  const whole = await runCliProcess(['compare', await write(folder, 'whole')]);
  const duration = performance.now() - started;
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stdout).toContain('comparisons/whole/report.html');
  const expected = await resultOf(folder, 'whole');
  const lines = whole.stdout.split('\n').length;

  const random = randomFor(2026, 'comparison-kills');
  let killed = 0;
  let finishedBetween = 0;
  for (let number = 0; killed < 6; number++) {
    const name = `killed-${number}`;
    const file = await write(folder, name, { parallel: 1 + (number % 2) });
    for (;;) {
      const delay = (random.uniform() * duration) / lines;
      const ended = await killCli(['compare', file], { lines: random.integer(lines), delay });
      if (/\bdone before/.test(ended.stdout)) finishedBetween += 1;
      if (ended.signal !== 'SIGKILL') {
        expect(ended.code, ended.stderr).toBe(0);
        break;
      }
      killed += 1;
    }
    expect(await resultOf(folder, name)).toBe(expected);
  }
  expect(finishedBetween).toBeGreaterThan(0);
});

it('keeps two comparisons in one folder apart, side by side, and refuses a second process at one', {
  timeout: 120_000,
}, async () => {
  const folder = await temporaryFolder();
  const [a, b] = [await write(folder, 'a'), await write(folder, 'b')];
  const both = [startCli(['compare', a]), startCli(['compare', b])];
  both[0]!.child.stdout!.once('data', async () => {
    const second = await runCliProcess(['compare', a]);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('is in use by process');
  });
  for (const { finished } of both) expect((await finished).code).toBe(0);
  expect(await resultOf(folder, 'a')).toBe(await resultOf(folder, 'b'));
});

it('stops gently on Ctrl-C and says how to go on', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const file = await write(folder, 'stopped');
  const { child, finished } = startCli(['compare', file]);
  child.stdout!.on('data', (text: Buffer) => {
    if (text.includes('1/')) child.kill('SIGINT');
  });
  const { code, stderr } = await finished;
  expect(code).toBe(130);
  expect(stderr).toContain(`Go on with: npx tempbalance compare ${file}`);
  expect((await runCli(['compare', file])).code).toBe(0);
});

it('ends with 130 after the step under way on a second Ctrl-C, and goes on', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const file = await write(folder, 'twice');
  const { child, finished } = startCli([
    'compare',
    file,
    '--set',
    'training.epochs=2000',
    '--set',
    'convergence.patience=null',
  ]);
  const runs = join(folder, 'comparisons', 'twice');
  const isUnderWay = async () =>
    (await readdir(runs, { recursive: true }).catch(() => [])).some((path) => path.endsWith('head.json'));
  while (!(await isUnderWay())) await sleep(20);
  child.kill('SIGINT');
  child.kill('SIGTERM');
  const { code, signal, stderr } = await finished;
  expect([code, signal]).toEqual([130, null]);
  expect(stderr).toContain(`Go on with: npx tempbalance compare ${file}`);
  expect((await readdir(runs, { recursive: true })).filter((path) => path.endsWith('lock.json'))).toEqual([]);
});

it('refuses, before any run, data that its arms can not be trained on, and a change of what was begun', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder();
  const large = await runCli(['compare', await write(folder, 'large', { sizes: [4, 4000] })]);
  expect(large.code).toBe(2);
  expect(large.stderr).toContain('4002 were asked for');
  expect(large.stderr).toContain('test-plain-4000-0.001-1');
  const file = await write(folder, 'changed', { seeds: { tuning: [101], test: [1] }, rates: [0.001, 0.003] });
  expect((await runCli(['compare', file])).code).toBe(0);
  const changed = await runCli(['compare', file, '--set', 'training.epochs=3']);
  expect(changed.code).toBe(2);
  expect(changed.stderr).toContain('arms.plain: training.epochs: 2 -> 3');
});

it('writes a compare file for a run file, and does it', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'waves.yaml');
  await writeFile(path, stringify({ ...compareFile.run, dataset: { ...run.dataset, samples: 12 } }));
  const { code, stdout, stderr } = await runCli(['compare', '--quick', path], { cwd: folder });
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('2 arms, 12 runs to tune, 10 runs that count');
  const written = await readFile(join(folder, 'waves-compare.yaml'), 'utf8');
  expect(written).toContain('run: waves.yaml');
  expect(written).toContain('- 0.003');
  const edited = join(folder, 'waves-compare.yaml');
  await writeFile(edited, written.replace('- 5', '- 6'));
  const again = await runCli(['compare', '--quick', path], { cwd: folder });
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('is there already, and is not what --quick would write');
});
