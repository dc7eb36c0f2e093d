import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { beginRun, lockRun, newRun } from '../../shared/local/run-folder.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli, runCliProcess, startCli } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const readJson = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));
const events = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

it('trains, lists, reports, and goes on with a finished run for more epochs', async () => {
  const cwd = await temporaryFolder();
  const runFile = await writeRunFile(cwd);
  const trained = await runCli(['train', runFile], { cwd });
  expect(trained.stderr).toBe('');
  expect(trained.code).toBe(0);
  expect(trained.stdout).toContain('epoch 4/4');
  expect(trained.stdout).toContain('small: completed, all 4 epochs are trained');

  const [listed] = JSON.parse((await runCli(['runs', '--json'], { cwd })).stdout);
  expect(listed).toMatchObject({ run: 'small', outcome: 'completed', epoch: 4, epochs: 4, metric: 'nRMSE' });
  expect((await runCli(['runs'], { cwd })).stdout).toMatch(/small\s+completed\s+4\/4/);

  const report = await runCli(['report', 'small', '--out', 'page.html'], { cwd });
  expect(report.code).toBe(0);
  expect(await readFile(join(cwd, 'page.html'), 'utf8')).toContain('<svg');
  const {
    runs: [asJson],
  } = JSON.parse((await runCli(['report', 'small', '--json'], { cwd })).stdout);
  expect(asJson.epochs).toHaveLength(5);

  const more = await runCli(['resume', 'small', '--set', 'training.epochs=6'], { cwd });
  expect(more.code).toBe(0);
  expect(more.stdout).toContain('training.epochs: 4 -> 6');
  const record = await readJson(cwd, 'runs', 'small', 'run.json');
  expect(record.history.map(({ what }: { what: string }) => what)).toEqual([
    'started',
    'training.epochs: 4 -> 6',
    'resumed after epoch 4',
  ]);
});

it('says what a run on a machine with a price has cost, and refuses a budget in dollars without one', async () => {
  const cwd = await temporaryFolder();
  const runFile = await writeRunFile(cwd, { training: { epochs: 1 }, budget: { usd: 100 } });
  const refused = await runCli(['train', runFile], { cwd });
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('budget.usd: a budget in dollars needs budget.usdPerHour');

  expect((await runCli(['train', runFile, '--set', 'budget.usdPerHour=36'], { cwd })).code).toBe(0);
  const [listed] = JSON.parse((await runCli(['runs', '--json'], { cwd })).stdout);
  expect(listed.usd).toBeCloseTo(listed.seconds / 100, 12);
  expect((await runCli(['runs'], { cwd })).stdout).toMatch(/cost\nsmall .* USD/);
  const {
    runs: [report],
  } = JSON.parse((await runCli(['report', 'small', '--json'], { cwd })).stdout);
  expect(report.cost).toEqual({ usd: listed.usd, basis: 'usdPerHour' });
});

it('prints one JSON event a line', async () => {
  const folder = await temporaryFolder();
  const { stdout } = await runCli(['train', await writeRunFile(folder), '--json']);
  const epochs = events(stdout).filter(({ type }) => type === 'epoch');
  expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4]);
  expect(epochs.at(-1)).toMatchObject({ epochs: 4, metric: { name: 'nRMSE' }, secondsLeft: 0 });
  expect(epochs.at(-1).alphaStd).toBeGreaterThan(0);
  expect(events(stdout).find(({ type }) => type === 'step')).toMatchObject({ step: 1, steps: 3 });
  expect(events(stdout).find(({ type }) => type === 'finished')).toMatchObject({ run: 'small', outcome: 'completed' });
});

it('stops after the commit on Ctrl-C, says how to resume, and ends as if nothing had been', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 6 }, output: {} });
  const { child, finished } = startCli(['train', runFile, '--json', '--set', 'output.name=stopped']);
  let seen = '';
  child.stdout!.on('data', (chunk) => {
    const before = seen.includes('"type":"step"');
    seen += String(chunk);
    if (!before && seen.includes('"type":"step"')) child.kill('SIGINT');
  });
  const stopped = await finished;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain('npx tempbalance resume');
  const { epoch } = await readJson(folder, 'runs', 'stopped', 'head.json');
  expect(epoch).toBeGreaterThan(0);
  expect(epoch).toBeLessThan(6);

  expect((await runCli(['resume', join(folder, 'runs', 'stopped')])).code).toBe(0);
  expect((await runCli(['train', runFile, '--set', 'output.name=whole'])).code).toBe(0);
  const model = (run: string) => readFile(join(folder, 'runs', run, 'model', 'model.safetensors'));
  expect(await model('stopped')).toEqual(await model('whole'));
});

it('ends with 130 after the step under way on a second Ctrl-C, lets go of the run, and goes on with it', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 400, engine: 'onnx', batchSize: 1 } });
  const { child, finished } = startCli(['train', runFile, '--json']);
  let steps = 0;
  child.stdout!.on('data', (chunk) => {
    const before = steps;
    steps += String(chunk).split('"type":"step"').length - 1;
    if (before === 0 && steps > 0) {
      child.kill('SIGINT');
      setTimeout(() => child.kill('SIGINT'), 20);
    }
  });
  const stopped = await finished;
  expect([stopped.signal, stopped.code]).toEqual([null, 130]);
  expect(stopped.stderr).toContain('Go on with: npx tempbalance resume');
  expect(stopped.stdout).not.toContain('"type":"finished"');
  const [line] = JSON.parse((await runCli(['runs', join(folder, 'runs'), '--json'])).stdout);
  expect(line).toMatchObject({ run: 'small', outcome: 'running', state: 'stopped' });
});

it('ends as after two Ctrl-C when its reader goes away', { timeout: 60_000 }, async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 400, engine: 'onnx' } });
  const { child, finished } = startCli(['train', runFile, '--json']);
  child.stdout!.once('data', () => child.stdout!.destroy());
  const { code, signal } = await finished;
  expect([signal, code]).toEqual([null, 130]);
});

it('tells stopped, crashed and running runs apart, with the settings that tell runs apart', async () => {
  const cwd = await temporaryFolder();
  const begin = async (name: string, changes: Parameters<typeof writeRunFile>[1] = {}) => {
    const source = await writeRunFile(cwd, { ...changes, output: { name } });
    const config = await loadRunFile(source);
    const run = await newRun(config, { source, now: new Date() });
    await beginRun(run, config, { source });
    return run;
  };
  await begin('stopped', { balance: { control: 'inverse' } });
  const lock = await lockRun(await begin('running'), () => new Date());
  const { pid, ...gone } = await readJson(cwd, 'runs', 'running', 'lock.json');
  await begin('crashed', { balance: 'off', training: { learningRate: 0.5, seed: 8 } });
  const dead = { ...gone, pid, started: `${gone.started}0` };
  await writeFile(join(cwd, 'runs', 'crashed', 'lock.json'), JSON.stringify(dead));

  const lines = JSON.parse((await runCli(['runs', '--json'], { cwd })).stdout);
  expect(lines.map(({ run, state }: { run: string; state: string }) => [run, state])).toEqual([
    ['crashed', 'crashed'],
    ['running', 'running'],
    ['stopped', 'stopped'],
  ]);
  const table = (await runCli(['runs'], { cwd })).stdout;
  expect(table).toMatch(/^run +state +epoch +metric +best +at epoch +balance +rate +seed +time +cost$/m);
  expect(table).toMatch(/^crashed +crashed .* off +0\.5 +8 /m);
  expect(table).toMatch(/^stopped +stopped .* \w+ \(inverse\) +0\.\d+ +7 /m);
  await lock.release();
});

it('finds no mistake in having no runs yet', async () => {
  const cwd = await temporaryFolder();
  expect(await runCli(['runs'], { cwd })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('no runs in runs yet'),
  });
  expect(await runCli(['runs', '--json'], { cwd })).toMatchObject({ code: 0, stdout: '[]\n' });
  expect(await runCli(['runs', '.'], { cwd })).toMatchObject({ code: 0 });
  expect(await runCli(['runs', 'nowhere'], { cwd })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no such folder'),
  });
});

it('changes nothing on record of a run that has ended where nothing would be trained', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  const onRecord = () =>
    Promise.all(['request.json', 'run.json', 'outcome.json'].map((file) => readFile(join(run, file), 'utf8')));
  const before = await onRecord();
  const refused = await runCli(['resume', run, '--set', 'training.learningRate=0.5']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(
    'has ended, and would not be trained on by these settings (its one epoch is trained)',
  );
  expect(refused.stderr).toContain('training.learningRate: ');
  expect(refused.stderr).toContain('--set training.epochs=2');
  expect(await onRecord()).toEqual(before);
  const both = ['--set', 'training.learningRate=0.005', '--set', 'training.epochs=2'];
  expect((await runCli(['resume', run, ...both])).code).toBe(0);
});

it('names runs by the rules for names, whatever the run file is called', async () => {
  const cwd = await temporaryFolder();
  const runFile = await writeRunFile(cwd, { output: { name: undefined } });
  const source = join(cwd, 'Größe (zwei) – neu.yaml');
  await rename(runFile, source);
  const config = await loadRunFile(source);
  const { run } = await newRun(config, { source, now: new Date('2026-11-23T10:15:00Z') });
  expect(run).toBe('Gro-e-zwei-neu-20261123-101500');
  expect((await loadRunFile(source, [parseOverride(`output.name=${run}`)])).output.name).toBe(run);
});

it('refuses a run that another live process has', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 500 } });
  const { child, finished } = startCli(['train', runFile, '--json']);
  await new Promise<void>((resolve) => child.stdout!.once('data', () => resolve()));
  const second = await runCli(['resume', join(folder, 'runs', 'small')]);
  child.kill('SIGKILL');
  await finished;
  expect(second.code).toBe(2);
  expect(second.stderr).toContain(`is in use by process ${child.pid}`);
});

it('refuses to begin a run whose name is taken', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const again = await runCli(['train', runFile]);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('npx tempbalance resume');
});

it('keeps the best epoch of a run that diverges, and goes on from it with a lower rate', {
  timeout: 60_000,
}, async () => {
  const folder = await temporaryFolder();
  const schedule = { name: 'linear', warmUpSteps: 11 };
  const runFile = await writeRunFile(folder, { training: { learningRate: 1e9, schedule, optimizer: { name: 'sgd' } } });
  const diverged = await runCli(['train', runFile]);
  expect(diverged.code).toBe(1);
  expect(diverged.stderr).toMatch(/the run diverged: .* in epoch 1/);
  expect(diverged.stderr).toContain('--set training.learningRate=250000000');
  const run = join(folder, 'runs', 'small');
  expect((await readJson(run, 'outcome.json')).outcome).toBe('diverged');
  expect((await readFile(join(run, 'model', 'model.safetensors'))).length).toBeGreaterThan(1000);

  const lower = await runCli(['resume', run, '--set', 'training.learningRate=0.001']);
  expect(lower.code).toBe(0);
  const { baseLearningRate } = await metricsOf(run, 2);
  expect(baseLearningRate).toBeCloseTo((0.001 * 3) / 11, 12);
});

async function metricsOf(run: string, epoch: number) {
  const folder = join(run, 'epochs', String(epoch).padStart(4, '0'));
  const { attempt } = await readJson(folder, 'manifest.json');
  return readJson(folder, attempt, 'metrics.json');
}

it('names a damaged committed file on resume and goes on from the last intact epoch', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder);
  expect((await runCli(['train', runFile])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  const before = await readFile(join(run, 'model', 'model.safetensors'));
  const { attempt } = await readJson(run, 'epochs', '0004', 'manifest.json');
  await writeFile(join(run, 'epochs', '0004', attempt, 'model.safetensors'), 'garbage');

  const resumed = await runCli(['resume', run]);
  expect(resumed.code).toBe(0);
  expect(resumed.stdout).toContain(`small/epochs/0004/${attempt}/model.safetensors has 7 bytes`);
  expect(resumed.stdout).toContain('went back to epoch 3');
  expect(await readFile(join(run, 'model', 'model.safetensors'))).toEqual(before);
});

it('refuses to resume with another seed or another data set', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  const seed = await runCli(['resume', run, '--set', 'training.seed=8']);
  expect(seed.code).toBe(2);
  expect(seed.stderr).toContain('training.seed: 7 -> 8');
  const data = join(folder, 'other.hdf5');
  await writeFile(data, 'other');
  const more = ['--set', 'training.epochs=2'];
  const other = await runCli(['resume', run, '--set', `dataset.path=${data}`, ...more]);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('is not the one that the run began with');
});

it('says that an edited run file is not taken, and takes it with --reload', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  await writeRunFile(folder, { training: { epochs: 2 } });
  const run = join(folder, 'runs', 'small');
  const kept = await runCli(['resume', run]);
  expect(kept.stderr).toContain('training.epochs: 1 -> 2');
  expect((await readJson(run, 'head.json')).epoch).toBe(1);
  expect((await runCli(['resume', run, '--reload'])).code).toBe(0);
  expect((await readJson(run, 'head.json')).epoch).toBe(2);
});

it('lists every tensor of the weights that does not fit the model', async () => {
  const folder = await temporaryFolder();
  const tensor = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  const weights = new Map([
    ['fc0.weight', tensor(16, 9)],
    ['fc0.bais', tensor(16)],
  ]);
  await writeFile(join(folder, 'weights.safetensors'), encodeSafetensors(weights));
  const runFile = await writeRunFile(folder, { model: { weights: 'weights.safetensors' } });
  const { code, stderr } = await runCli(['validate', runFile]);
  expect(code).toBe(2);
  expect(stderr).toContain('mis-shaped  fc0.weight: the file has [16, 9], the model needs [16, 5]');
  expect(stderr).toContain('missing     fc0.bias [16]  did you mean "fc0.bais"?');
  expect(stderr).toContain('unexpected  fc0.bais [16]');
  expect(stderr).toContain('missing     fc2.weight');
});

it('refuses data that can not serve, and begins the same run once the run file is mended', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { dataset: { samples: 1000 } });
  const { code, stderr } = await runCli(['train', runFile]);
  expect(code).toBe(2);
  expect(stderr).toContain('has 64 samples, 1000 were asked for');
  await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
});

it('says that the output folder is a file', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'taken'), '');
  const { code, stderr } = await runCli(['train', await writeRunFile(folder, { output: { folder: 'taken' } })]);
  expect(code).toBe(2);
  expect(stderr).toContain('a part of the path is a file, not a folder');
});

it('says nothing of edits when a run with overrides is resumed, and keeps them on reload', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder);
  expect((await runCli(['train', runFile, '--set', 'training.epochs=1'])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  expect((await runCli(['resume', run])).stderr).toBe('');
  expect((await runCli(['resume', run, '--reload'])).code).toBe(0);
  expect((await readJson(run, 'head.json')).epoch).toBe(1);
});

it('trains with changed balance settings from the very next epoch', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  expect((await runCli(['resume', run, '--set', 'training.epochs=2', '--set', 'balance=off'])).code).toBe(0);
  const multipliers = async (epoch: number) =>
    new Set(
      (await metricsOf(run, epoch)).applied.map(
        (each: { learningRateMultiplier: number }) => each.learningRateMultiplier,
      ),
    );
  expect((await multipliers(1)).size).toBeGreaterThan(1);
  expect(await multipliers(2)).toEqual(new Set([1]));
});

it('balances the radius of SAM with the learning rate, to the same bits when it is resumed', async () => {
  const train = async (epochs: number) => {
    const folder = await temporaryFolder();
    const training = { epochs, sam: { rho: 0.2 } };
    const balance = { target: ['learningRate', 'rho'], assignment: { function: 'linearMap' } };
    expect((await runCli(['train', await writeRunFile(folder, { training, balance })])).code).toBe(0);
    return join(folder, 'runs', 'small');
  };
  const [whole, parted] = [await train(2), await train(1)];
  expect((await runCli(['resume', parted, '--set', 'training.epochs=2'])).code).toBe(0);
  const [model, resumed] = [whole, parted].map((run) => readFile(join(run, 'model', 'model.safetensors')));
  expect((await resumed!).equals(await model!)).toBe(true);

  const { applied } = await metricsOf(whole, 2);
  const { attempt } = await readJson(whole, 'epochs', '0001', 'manifest.json');
  const rates = await readJson(whole, 'epochs', '0001', attempt, 'rates.json');
  const radii = new Set<number>();
  for (const { parameters, learningRateMultiplier, rhoMultiplier, rho } of applied) {
    for (const name of parameters) {
      const handed = rates.parameters[name]?.rho ?? 1;
      expect({ learningRateMultiplier, rhoMultiplier, rho }).toEqual({
        learningRateMultiplier: handed,
        rhoMultiplier: handed,
        rho: 0.2 * handed,
      });
      radii.add(rho);
    }
  }
  expect([Math.min(...radii), Math.max(...radii)]).toEqual([0.1, expect.closeTo(0.3, 12)]);
  expect(await readFile(join(whole, 'report.html'), 'utf8')).toContain('small: learning rate and SAM radius');
});

it('keeps the outcome of a finished run that could not be resumed', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 1 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const run = join(folder, 'runs', 'small');
  const failed = await runCli(['resume', run, '--set', 'dataset.path=nowhere.hdf5']);
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain(join(folder, 'nowhere.hdf5'));
  expect((await readJson(run, 'outcome.json')).outcome).toBe('completed');
});

it('prints the whole of a long JSON report through a pipe', async () => {
  const folder = await temporaryFolder();
  const runFile = await writeRunFile(folder, { training: { epochs: 12 } });
  expect((await runCli(['train', runFile])).code).toBe(0);
  const { stdout } = await runCliProcess(['report', join(folder, 'runs', 'small'), '--json']);
  expect(stdout.length).toBeGreaterThan(2 ** 16);
  expect(JSON.parse(stdout).runs[0].epochs).toHaveLength(13);
});

describe('data that the metric can not judge by', () => {
  const channels = ['density', 'pressure', 'Vx'];
  const small = { samples: 'all', window: 10, rolloutSteps: 'all', subsample: { space: 4, time: 1 } };
  const cases = [
    ['a channel of zeros', { path: fixturePath('data', 'zero_channel.hdf5'), channels }, 'channel Vx of every sample'],
    ['rows never written', { path: fixturePath('data', 'unwritten_rows.hdf5') }, 'sample rows 5, 6 and 7'],
  ] as const;

  it.each(cases)('is refused before training, %s by name, and trains by a metric that can', async (_, data, named) => {
    const folder = await temporaryFolder();
    const runFile = await writeRunFile(folder, { dataset: { ...small, ...data }, training: { epochs: 1, seed: 2 } });
    for (const command of ['validate', 'train']) {
      const { code, stderr } = await runCli([command, runFile]);
      expect(code).toBe(2);
      expect(stderr).toContain('no epoch has a finite nRMSE');
      expect(stderr).toContain(named);
      expect(stderr).toContain('convergence.metric: RMSE');
      expect(stderr).not.toContain('learning rate');
    }
    const trained = await runCli(['train', runFile, '--set', 'convergence.metric=RMSE']);
    expect(trained.code).toBe(0);
    expect(trained.stdout).toContain(named);
    const { metrics } = await metricsOf(join(folder, 'runs', 'small'), 1);
    expect(metrics).toMatchObject({ nRMSE: null, RMSE: expect.any(Number) });
  });
});
