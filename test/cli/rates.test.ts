import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type CheckpointRates,
  checkpointRatesJsonSchema,
  checkpointRatesSchema,
} from '../../shared/schedules/checkpoint-rates.ts';
import { runCli, startCli } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

const bert = fixturePath('models', 'bert-tiny');
const small = ['--set', 'balance.minEigenvalues=4'];
const rates = (...args: string[]) => runCli(['rates', ...args]);
const ratesJson = async (...args: string[]) => {
  const { code, stdout, stderr } = await rates(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return checkpointRatesSchema.parse(JSON.parse(stdout));
};

/** Factors of the parameters that follow a layer, as a run has them on record. */
const followersOf = ({ parameters }: Pick<CheckpointRates, 'parameters'>) =>
  Object.fromEntries(
    Object.entries(parameters).flatMap(([name, { layer, learningRateFactor, weightDecayFactor }]) =>
      layer === null ? [] : [[name, { learningRate: learningRateFactor, weightDecay: weightDecayFactor }]],
    ),
  );

describe('tempbalance rates', () => {
  it('prints preset, kind, and a line for each layer', async () => {
    const { code, stdout, stderr } = await rates(bert, ...small, '--base-lr', '2e-5');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('language (config.json: bert)');
    expect(stdout).toContain('preset modelBalancing: sigmoid of alpha, a factor for each block, on the learning rate');
    expect(stdout).toMatch(/bert\.encoder\.layer\.0\.attention\.self\.query +3\.20 +1\.\d+ +0\.0000\d+ +2\n/);
    expect(stdout).toContain('41 parameters: 34 follow a layer, 7 follow none and have the base rate');
  });

  it('prints a row for each parameter as CSV', async () => {
    const lines = (await rates(bert, ...small, '--base-lr', '2e-5', '--csv')).stdout.trim().split('\r\n');
    expect(lines).toHaveLength(42);
    expect(lines[0]).toBe('name,layer,shape,learningRateFactor,learningRate,weightDecayFactor,weightDecay,rhoFactor');
    expect(lines.join('\n')).toMatch(
      /\nbert\.encoder\.layer\.0\.output\.LayerNorm\.weight,bert\.encoder\.layer\.0\.output\.dense,32,1\.\d+,/,
    );
  });

  it('gives the rates that a run of the same weights set, from its folder and from the run', async () => {
    const folder = await writeLanguageRun({ task: 'masked-lm' }, { epochs: 1 });
    const trained = await runCli(['train', join(folder, 'run.yaml'), '--json'], { cwd: folder });
    expect(trained.code).toBe(0);
    const epoch = join(folder, 'runs', 'texts', 'epochs', '0000');
    const [attempt] = await readdir(epoch);
    const recorded = JSON.parse(await readFile(join(epoch, attempt!, 'rates.json'), 'utf8'));
    const sets = ['--set', 'balance.preset=', '--set', 'balance.unit=block'];
    const ofFolder = await ratesJson(join(folder, 'bert'), ...sets);
    const ofRun = await ratesJson(join(folder, 'runs', 'texts'), '--epoch', '0');
    expect(ofRun.kindFrom).toBe('a run of huggingface');
    for (const { parameters } of [ofFolder, ofRun]) {
      expect(followersOf({ parameters })).toEqual(recorded.parameters);
    }
    expect(new Set(Object.values(ofRun.parameters).map(({ learningRateFactor }) => learningRateFactor)).size).toBe(3);
  });

  it.each(['merged', 'update'])('gives those of a run of an adapter, by spectra %s', async (spectra) => {
    const lora = { rank: 8, spectra };
    const folder = await writeLanguageRun({ task: 'classification', head: 'fresh', lora }, { epochs: 1 });
    expect((await runCli(['train', join(folder, 'run.yaml'), '--json'], { cwd: folder })).code).toBe(0);
    const run = join(folder, 'runs', 'texts');
    const [attempt] = await readdir(join(run, 'epochs', '0001'));
    const path = join(run, 'epochs', '0001', attempt!, 'rates.json');
    const recorded = JSON.parse(await readFile(path, 'utf8')).parameters;
    expect(followersOf(await ratesJson(run, '--epoch', '1'))).toEqual(recorded);
    if (spectra === 'update') return;
    const adapter = join(folder, 'adapter');
    expect((await runCli(['export', run, adapter, '--epoch', '1'], { cwd: folder })).code).toBe(0);
    const sets = ['--set', 'balance.preset=', '--set', 'balance.unit=block', '--base', join(folder, 'bert')];
    expect(followersOf(await ratesJson(adapter, ...sets))).toEqual(recorded);
  });

  it('gives those of a run of fields, by its own settings', async () => {
    const folder = await temporaryFolder();
    const balance = { unit: 'layer', spectralWeights: true, minEigenvalues: 4, conv1d: 'taps' };
    const file = await writeRunFile(folder, { training: { epochs: 1 }, balance });
    expect((await runCli(['train', file, '--json'], { cwd: folder })).code).toBe(0);
    const epoch = join(folder, 'runs', 'small', 'epochs', '0001');
    const [attempt] = await readdir(epoch);
    const recorded = JSON.parse(await readFile(join(epoch, attempt!, 'rates.json'), 'utf8'));
    const { kindFrom, settings, parameters } = await ratesJson(join(folder, 'runs', 'small'), '--epoch', '1');
    expect({ kindFrom, settings }).toMatchObject({ kindFrom: 'a run of fno1d', settings: balance });
    const factors = Object.entries(parameters).map(([name, { learningRateFactor: learningRate }]) => [
      name,
      { learningRate, weightDecay: 1 },
    ]);
    expect(Object.fromEntries(factors)).toEqual(recorded.parameters);
  });

  it('draws what a control draws by the seed', async () => {
    const control = [...small, '--set', 'balance.unit=layer', '--set', 'balance.control=shuffled'];
    const of = async (seed: string) => (await ratesJson(bert, ...control, '--seed', seed)).parameters;
    expect(await of('1')).toEqual(await of('1'));
    expect(await of('1')).not.toEqual(await of('2'));
  });

  it('gives those of the parameters of a trainer, from a checkpoint and from a file of rates', async () => {
    const folder = await temporaryFolder();
    const wanted = join(folder, 'wanted.json');
    const name = 'bert.encoder.layer.1.attention.self.query.weight';
    await writeFile(wanted, JSON.stringify({ [`module.${name}`]: [32, 32], extra: [2] }));
    const all = await ratesJson(bert, ...small);
    const { parameters, unmatched } = await ratesJson(bert, ...small, '--parameters', wanted);
    expect(Object.keys(parameters)).toEqual([`module.${name}`, 'extra']);
    expect(parameters[`module.${name}`]).toEqual(all.parameters[name]);
    expect(unmatched).toEqual(['extra']);
    const file = join(folder, 'checkpoint-1.rates.json');
    await writeFile(file, JSON.stringify(all));
    expect(await ratesJson(file)).toEqual(all);
    expect((await ratesJson(file, '--parameters', wanted)).parameters).toEqual(parameters);
    expect((await rates(file, '--base-lr', '1')).stderr).toContain('base learning rate would change nothing');
    await writeFile(wanted, '["a"]');
    expect((await rates(file, '--parameters', wanted)).stderr).toContain(
      'is not a table of parameters and their shapes',
    );
  });

  it('has a schema that is up to date', async () => {
    const { $comment: _, ...schema } = JSON.parse(await readFile('docs/rates.schema.json', 'utf8'));
    expect(schema).toEqual(JSON.parse(JSON.stringify(checkpointRatesJsonSchema())));
  });

  it.each([
    { args: ['README.md'], says: 'README.md: is not a checkpoint' },
    {
      args: [bert, '--preset', 'modelBalancin'],
      says: '--preset modelBalancin  balance.preset: can\'t be "modelBalancin"\n      did you mean "modelBalancing"?',
    },
    {
      args: [bert, '--set', 'balance.assignement.s=1'],
      says: '--set balance.assignement.s=1  balance.assignement: unknown key\n      did you mean "assignment"?',
    },
    { args: [bert, '--set', 'balance.assignment.s=big'], says: 'balance.assignment.s: is text ("big")' },
    { args: [bert, '--set', 'balance.assignment.function=rank'], says: '--set balance.preset= goes without any' },
    { args: [bert, '--set', 'training.epochs=3'], says: 'is not about balancing' },
    { args: [bert, '--set', 'balance.every=3'], says: 'says when rates are set, which your trainer decides' },
    { args: [bert, '--set', 'balance=off'], says: 'balance is off, so there are no rates' },
    { args: [bert, '--base-lr', '0'], says: 'It must be a number above 0' },
    { args: [bert, '--base-lr', 'fast'], says: 'It must be a number above 0' },
    { args: [bert, '--json', '--csv'], says: "option '--csv' cannot be used with option '--json'" },
    { args: [bert, '--watch', '.'], says: 'takes a checkpoint or --watch, not both' },
    { args: [], says: 'no checkpoint is named' },
    { args: ['--watch', 'nowhere'], says: 'nowhere: there is no such folder' },
    { args: ['--watch', '.', '--preset', 'lrr'], says: 'did you mean "llr"?' },
  ])('refuses $args', async ({ args, says }) => {
    const { code, stdout, stderr } = await rates(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
  });
});

it('watches a folder, writes rates beside a checkpoint that appears, and ends by Ctrl-C', async () => {
  const folder = await temporaryFolder();
  const { child, finished } = startCli(['rates', '--watch', folder, '--base-lr', '2e-5', ...small]);
  const said = async (text: string) => {
    let all = '';
    for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
      all += String(chunk);
      if (all.includes(text)) return;
    }
  };
  await said('watching');
  const path = join(folder, 'checkpoint-2');
  await mkdir(path);
  for (const name of ['config.json', 'model.safetensors']) await copyFile(join(bert, name), join(path, name));
  await said('checkpoint-2: wrote');
  child.kill('SIGINT');
  const { code, stdout, stderr } = await finished;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('ended; rates of 1 checkpoint were written');
  const written = checkpointRatesSchema.parse(JSON.parse(await readFile(join(path, 'rates.json'), 'utf8')));
  expect(written.parameters).toEqual((await ratesJson(bert, '--base-lr', '2e-5', ...small)).parameters);
  expect((await readdir(path)).sort()).toEqual(['config.json', 'model.safetensors', 'rates.json']);
});
