import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runCli } from '../support/cli.ts';
import { prices } from '../support/metered-run.ts';
import { smallRun, temporaryFolder, writeRunFile } from '../support/small-run.ts';

describe('plan', () => {
  it('says what a run takes and costs here and deployed, which machine it would get, and what is assumed', async () => {
    const file = await writeRunFile(await temporaryFolder());
    const { code, stdout } = await runCli(['plan', file]);
    expect(code).toBe(0);
    expect(stdout).toContain(`${file}: 4 epochs of 3 steps`);
    expect(stdout).toMatch(/this machine +cpu: Fargate, 4 vCPUs +gpu: g4dn\.xlarge/);
    expect(stdout).toMatch(/all epochs .* s .* s/);
    expect(stdout).toContain('Deployed, it trains on: cpu (compute.target)');
    expect(stdout).toMatch(/^Memory: about 0\.4\d GiB here; a job there takes about 0\.4\d GiB, and usually has 16$/m);
    expect(stdout).toContain('Throughput on AWS machines is assumed and was not measured');
    expect(stdout).toContain('an analysis runs at 25 GFLOPS and takes at least 10 ms');
    expect(stdout).toMatch(/Prices of us-east-1 on demand, of \d{4}-\d\d-\d\d/);
  });

  it('gives it all as JSON; settings can be tried out, and a step can be measured', async () => {
    const file = await writeRunFile(await temporaryFolder());
    const set = ['--set', 'budget.usd=0.001', '--set', 'budget.usdPerHour=1'];
    const { code, stdout } = await runCli(['plan', file, '--json', '--measure', '--target', 'gpu', ...set]);
    expect(code).toBe(0);
    const plan = JSON.parse(stdout);
    expect(plan).toMatchObject({ region: 'us-east-1', epochs: 4, steps: 3, target: 'cpu' });
    expect(plan.estimates.map(({ place }: { place: string }) => place)).toEqual(['this machine', 'gpu: g4dn.xlarge']);
    expect(plan.estimates[0].stepSeconds).toBeGreaterThan(0);
    expect(plan.estimates[0].usd).toBeCloseTo(plan.estimates[0].seconds / 3600, 9);
    expect(plan.estimates[1]).toMatchObject({ limit: 'usd', epochsInBudget: 0, refused: true });
    expect((await runCli(['plan', file, ...set])).stdout).toContain('refused: budget.usd is too small');
    expect(plan.assumptions.join('\n')).toContain('A step was measured here');
    const assumed = JSON.parse((await runCli(['plan', file, '--json', '--target', 'gpu', ...set])).stdout);
    const times = [0, 1].map((place) => plan.estimates[place].stepSeconds / assumed.estimates[place].stepSeconds);
    expect(times[1]).toBeCloseTo(times[0]!, 9);
  });

  it('says how many rows there are for what, and what measuring on test data takes', async () => {
    const file = await writeRunFile(await temporaryFolder());
    expect((await runCli(['plan', file])).stdout).toMatch(/^Rows: \d+ to train on, \d+ to validate on$/m);
    const { stdout } = await runCli(['plan', file, '--set', 'dataset.test.last=2']);
    expect(stdout).toMatch(/ to validate on, 2 to test the best and the last epoch on, once$/m);
    expect(stdout).toMatch(/^test +\d/m);
  });

  it('says where the model is published, and what that needs', async () => {
    const file = await writeRunFile(await temporaryFolder());
    expect((await runCli(['plan', file])).stdout).not.toContain('Publishing');
    const publish = ['--set', 'publish.to=huggingface', '--set', 'publish.name=waves'];
    const { stdout } = await runCli(['plan', file, ...publish]);
    expect(stdout).toContain(
      'Publishing: deployed, the best model goes to the Hugging Face Hub under the name waves when the run has ended well, once somebody has approved it',
    );
    expect(stdout).toContain('That needs publishing.huggingface in the settings of the deployment (docs/publish.md).');
    const json = JSON.parse(
      (await runCli(['plan', file, '--json', ...publish, '--set', 'publish.approval=false'])).stdout,
    );
    expect(json.publish).toEqual({ to: 'huggingface', name: 'waves', approval: false });
  });

  it('says of a model that is too large for the usual machines that it would be refused', async () => {
    const file = await writeRunFile(await temporaryFolder());
    const { code, stdout } = await runCli(['plan', file, '--set', 'model.width=8000', '--set', 'compute.target=cpu']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/a job there takes about \d+ GiB, and usually has 16: it is refused unless the deployment/);
  });

  it('checks what validate checks', async () => {
    const folder = await temporaryFolder();
    const file = await writeRunFile(folder);
    await writeFile(join(folder, 'damaged.safetensors'), 'no weights');
    const damaged = ['--set', `model.weights=${join(folder, 'damaged.safetensors')}`];
    const never = ['--set', 'balance.every=100'];
    for (const set of [damaged, never, ['--set', 'model.modes=1000']]) {
      const [validated, planned] = [await runCli(['validate', file, ...set]), await runCli(['plan', file, ...set])];
      expect(planned).toMatchObject({ code: validated.code, stderr: validated.stderr });
    }
    expect((await runCli(['plan', file, ...damaged])).code).toBe(2);
  });

  it('counts a step with SAM as two', async () => {
    const file = await writeRunFile(await temporaryFolder());
    const operations = async (...set: string[]) =>
      JSON.parse((await runCli(['plan', file, '--json', ...set])).stdout).stepFlops as number;
    expect(await operations('--set', 'training.sam.rho=0.05')).toBe(2 * (await operations()));
  });

  it('says that more memory is needed for a larger batch, and not where it is computed in parts', async () => {
    const file = await writeRunFile(await temporaryFolder());
    const memory = async (...set: string[]) =>
      JSON.parse((await runCli(['plan', file, '--json', ...set])).stdout).memory.hereGb as number;
    const whole = await memory('--set', 'training.batchSize=8');
    expect(whole).toBeGreaterThan(await memory('--set', 'training.batchSize=4'));
    const inParts = ['--set', 'training.batchSize=8', '--set', 'training.accumulate=2'];
    expect(await memory(...inParts)).toBe(await memory('--set', 'training.batchSize=4'));
  });

  it('goes by a price table of the user’s', async () => {
    const folder = await temporaryFolder();
    const file = await writeRunFile(folder);
    const table = join(folder, 'prices.json');
    await writeFile(
      table,
      JSON.stringify({ version: 1, date: '2026-01-02', source: 'made up', regions: { 'xx-1': prices } }),
    );
    const given = ['--target', 'cpu', '--region', 'xx-1', '--prices', table];
    const { code, stdout } = await runCli(['plan', file, '--json', ...given]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ region: 'xx-1', pricesOf: '2026-01-02' });
    const broken = {
      version: 1,
      date: '2026-01-02',
      source: 'made up',
      regions: { 'xx-1': { ...prices, s3Write: -1 } },
    };
    for (const [content, what] of [
      [JSON.stringify(broken), 'regions.xx-1.s3Write: '],
      ['', 'Unexpected end of JSON input'],
    ] as const) {
      await writeFile(table, content);
      const refused = await runCli(['plan', file, ...given]);
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toContain(`${table}: is not a price table: ${what}`);
    }
  });

  it('refuses a region without prices, and settings that are wrong, with exit code 2', async () => {
    const file = await writeRunFile(await temporaryFolder());
    const region = await runCli(['plan', file, '--region', 'us-east-2']);
    expect(region.code).toBe(2);
    expect(region.stderr).toMatch(/no prices of us-east-2 .*npx tempbalance prices --region us-east-2/s);
    expect((await runCli(['plan', file, '--set', 'training.epochs=-1'])).code).toBe(2);
    expect((await runCli(['plan', file, '--target', 'tpu'])).code).toBe(2);
  });

  it('says of a compare file how many runs there are, what they come to, and what the budget pays for', async () => {
    const { output: _, ...run } = smallRun;
    const file = join(await temporaryFolder(), 'compare.yaml');
    const comparison = {
      run: { ...run, training: { ...run.training, validation: 2 } },
      test: { last: 4 },
      arms: { plain: { balance: 'off' }, balanced: {}, longer: { 'training.epochs': 8 } },
      rates: [0.001, 0.003],
      seeds: { tuning: [101], test: [1, 2, 3] },
    };
    await writeFile(file, stringify({ ...comparison, budget: { hours: 1, usd: 1, usdPerHour: 2 } }));
    const { code, stdout, stderr } = await runCli(['plan', file]);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(
      'compare.yaml: 15 runs, 6 to tune and 9 to test, and up to 12 more where an arm does best',
    );
    expect(stdout).toMatch(/^budget +enough/m);

    const { kinds, totals } = JSON.parse((await runCli(['plan', file, '--json', '--target', 'cpu'])).stdout);
    const local = (kinds as PlannedKind[]).map(({ estimates: [estimate], ...kind }) => ({ ...kind, ...estimate! }));
    const added = (runsOf: (kind: Pick<PlannedKind, 'runs' | 'extra'>) => number) =>
      local.reduce((sum, kind) => sum + runsOf(kind) * kind.seconds, 0);
    expect(totals[0].seconds).toBeCloseTo(
      added(({ runs }) => runs),
      9,
    );
    expect(totals[0].most.seconds).toBeCloseTo(
      added(({ runs, extra }) => runs + extra),
      9,
    );
    expect(totals[0].budget).toBeCloseTo(Math.min(3600, 1800) / totals[0].seconds, 9);
    expect(totals[1]).toMatchObject({ place: 'cpu: Fargate, 4 vCPUs', parallel: 10 });
    expect(local.at(-1)!.seconds).toBeGreaterThan(local[1]!.seconds);

    await writeFile(file, stringify({ ...comparison, budget: { hours: totals[0].seconds / 7200 } }));
    expect((await runCli(['plan', file])).stdout).toMatch(/^budget +pays for about 50 % of them/m);
    await writeFile(file, stringify({ ...comparison, arms: { plain: { balance: 'of' }, balanced: {} } }));
    const wrong = await runCli(['plan', file]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('arms.plain');
  });
});

interface PlannedKind {
  readonly runs: number;
  readonly extra: number;
  readonly estimates: readonly { readonly seconds: number }[];
}
