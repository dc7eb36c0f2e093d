import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { runCli } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { counting, writeHdf5 } from '../support/hdf5.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

describe('tempbalance', () => {
  it('prints its version', async () => {
    const { code, stdout } = await runCli(['--version']);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${packageJson.version}\n` });
  });

  it.each(['init', 'validate', 'plan', 'prices', 'train', 'resume', 'runs', 'report', 'rates', 'doctor'])(
    'explains %s with examples',
    async (command) => {
      const { code, stdout } = await runCli([command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain(`$ npx tempbalance ${command}`);
      expect(stdout).toContain('Exit codes:');
    },
  );

  it.each(['deploy', 'synth', 'doctor', 'submit', 'status', 'watch', 'logs', 'stop', 'resume', 'fetch'])(
    'explains cloud %s with examples',
    async (command) => {
      const { code, stdout } = await runCli(['cloud', command, '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`$ npx tempbalance cloud ${command}`);
      expect(stdout).toContain('Exit codes:');
    },
  );

  it('shows the cloud commands, and the nearest one to one that is not there', async () => {
    expect((await runCli(['cloud'])).stderr).toContain('submit [options] [run-file]');
    expect((await runCli(['cloud', 'wacth'])).stderr).toContain('Did you mean watch?');
  });

  it('answers an unknown command with the nearest one', async () => {
    const { code, stderr } = await runCli(['trian']);
    expect(code).toBe(2);
    expect(stderr).toContain('Did you mean train?');
  });

  it('answers an unknown option with exit code 2', async () => {
    expect((await runCli(['runs', '--jsn'])).code).toBe(2);
  });
});

describe('init', () => {
  it('names data and model as they are found from the folder of the run file', async () => {
    const cwd = await temporaryFolder();
    await mkdir(join(cwd, 'mine'));
    const data = '--dataset texts.csv --model models/bert'.split(' ');
    expect((await runCli(['init', 'mine/run.yaml', ...data], { cwd })).code).toBe(0);
    const text = await readFile(join(cwd, 'mine/run.yaml'), 'utf8');
    expect(text).toContain('folder: ../models/bert');
    expect(text).toContain('path: ../texts.csv');
    expect((await runCli(['init', 'f.yaml', '--dataset', '/data/a.hdf5', '--weights', 's3://b/w'], { cwd })).code).toBe(
      0,
    );
    const absolute = await readFile(join(cwd, 'f.yaml'), 'utf8');
    expect(absolute).toContain('path: /data/a.hdf5');
    expect(absolute).toContain('weights: s3://b/w');
  });

  it('writes a run file whose first line points editors to the schema', async () => {
    const cwd = await temporaryFolder();
    const { code, stdout } = await runCli(['init'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('npx tempbalance validate tempbalance.yaml');
    const [first] = (await readFile(join(cwd, 'tempbalance.yaml'), 'utf8')).split('\n');
    const schema = /^# yaml-language-server: \$schema=(.*)$/.exec(first!)?.[1];
    await expect(access(join(cwd, schema!))).resolves.toBeUndefined();
  });

  it('writes one for texts where a language model is named, and asks for it where it is not', async () => {
    const cwd = await temporaryFolder();
    const init = (...args: string[]) => runCli(['init', ...args], { cwd });
    expect((await init('a.yaml', '--dataset', 'new.csv.gz', '--model', 'bert')).code).toBe(0);
    expect(await readFile(join(cwd, 'a.yaml'), 'utf8')).toMatch(/folder: bert\n.*format: csv\n {2}path: new.csv.gz/s);
    const model = (name: string) => fixturePath('models', name);
    expect((await init('small.yaml', '--dataset', 'new.csv', '--model', model('bert-tiny'))).code).toBe(0);
    expect(await readFile(join(cwd, 'small.yaml'), 'utf8')).toMatch(
      /task: classification # or masked-lm\n {2}maxTokens: 40 /,
    );
    expect((await init('next.yaml', '--dataset', 'new.csv', '--model', model('gpt2-tiny'))).code).toBe(0);
    expect(await readFile(join(cwd, 'next.yaml'), 'utf8')).toMatch(/task: classification # or causal-lm\n/);
    await writeFile(join(cwd, 'few.csv'), `text,label\n${'a text,yes\nanother text,no\n'.repeat(24)}`);
    expect((await init('few.yaml', '--dataset', 'few.csv', '--model', 'bert')).code).toBe(0);
    expect(await readFile(join(cwd, 'few.yaml'), 'utf8')).toMatch(/patience: 10 # .* 3 steps here\n/);
    await mkdir(join(cwd, 'parts'));
    for (const part of ['train', 'validation']) {
      await writeFile(join(cwd, 'parts', `${part}.csv`), 'review,sentiment\ngood,1\nbad,0\n');
    }
    expect((await init('parts.yaml', '--dataset', 'parts', '--model', 'bert')).code).toBe(0);
    expect(await readFile(join(cwd, 'parts.yaml'), 'utf8')).toContain(
      '  format: csv\n  path: parts\n  split: train\n  validationSplit: validation\n  columns: { text: review, label: sentiment }\n',
    );
    await writeFile(join(cwd, 'parts', 'bare.jsonl'), '{"text":"good"}\n{"text":"bad"}\n');
    await writeFile(join(cwd, 'parts', 'rated.jsonl'), '{"text":"good","label":1.5}\n{"text":"bad","label":0.5}\n');
    for (const [data, task] of [
      ['bare', /task: masked-lm # or classification\n/],
      ['rated', /task: classification # or masked-lm\n {2}problemType: regression #/],
    ] as const) {
      await init('small.yaml', '--dataset', `parts/${data}.jsonl`, '--model', model('bert-tiny'), '--force');
      expect(await readFile(join(cwd, 'small.yaml'), 'utf8')).toMatch(task);
    }
    const unnamed = await init('b.yaml', '--dataset', 'new.jsonl');
    expect(unnamed).toMatchObject({ code: 2, stderr: expect.stringContaining('--model <folder>') });
    const fields = await init('b.yaml', '--dataset', 'data.hdf5', '--model', 'bert');
    expect(fields).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('A language model takes jsonl, json, csv'),
    });
    expect((await readdir(cwd)).toSorted()).toEqual([
      'a.yaml',
      'few.csv',
      'few.yaml',
      'next.yaml',
      'parts',
      'parts.yaml',
      'small.yaml',
    ]);
  });

  it.each([
    [
      'pde_1d.hdf5',
      /family: fno1d .*\n {2}format: pdebench\n.*# It holds \d+ samples of \d+ time steps on \d+ points\./s,
    ],
    ['fields.npz', /family: fno1d .*modes: 2\n.*format: fields\n.*channels: \[ u, v \]\n {2}window: 1 /s],
    ['burgers_map.mat', /format: fields\n.*key: u\n {2}inputs: \[ a \]\n {2}window: 0 # a static map/s],
  ])('writes what fits the fields of %s, and that is valid', async (name, expected) => {
    const cwd = await temporaryFolder();
    const file = fixturePath('data', name);
    expect((await runCli(['init', 'fits.yaml', '--dataset', file], { cwd })).code).toBe(0);
    expect(await readFile(join(cwd, 'fits.yaml'), 'utf8')).toMatch(expected);
    const { code, stderr } = await runCli(['validate', 'fits.yaml'], { cwd });
    expect(code, stderr).toBe(0);
  });

  it('says in the file why its fields are not known', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'broken.hdf5'), 'no fields at all');
    const broken = await runCli(['init', 'a.yaml', '--dataset', 'broken.hdf5'], { cwd });
    expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining('formats of arrays') });
    await writeHdf5(join(cwd, 'data.hdf5'), { tensor: counting([4, 3, 5, 5, 5]) });
    expect((await runCli(['init', 'b.yaml', '--dataset', 'data.hdf5'], { cwd })).code).toBe(0);
    expect(await readFile(join(cwd, 'b.yaml'), 'utf8')).toMatch(
      / {2}# .*which may be .*\n {2}# Say which is which in dataset\.axes/,
    );
  });

  it('keeps an existing file unless forced', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'mine.yaml'), 'mine');
    const refused = await runCli(['init', 'mine.yaml'], { cwd });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--force');
    expect(await readFile(join(cwd, 'mine.yaml'), 'utf8')).toBe('mine');
    expect((await runCli(['init', 'mine.yaml', '--force'], { cwd })).code).toBe(0);
  });
});

describe('validate', () => {
  it('says what the run will be', async () => {
    const folder = await temporaryFolder();
    const { code, stdout } = await runCli(['validate', await writeRunFile(folder)]);
    expect(code).toBe(0);
    expect(stdout).toContain('is valid');
    expect(stdout).toMatch(/trainingSamples\s+6/);
  });

  it('prints the settings with their defaults as JSON', async () => {
    const folder = await temporaryFolder();
    const { stdout } = await runCli(['validate', await writeRunFile(folder), '--json', '--set', 'training.epochs=9']);
    const { valid, config, parameters } = JSON.parse(stdout);
    expect(valid).toBe(true);
    expect(parameters.trained).toBe(parameters.all);
    expect(config.training).toMatchObject({ epochs: 9, weightDecay: 1e-4, optimizer: { name: 'adam', beta1: 0.9 } });
  });

  it('shows a stack trace only with --debug', async () => {
    const plain = await runCli(['validate', 'nowhere.yaml']);
    expect(plain.code).toBe(2);
    expect(plain.stderr).toContain('there is no such run file');
    expect(plain.stderr).not.toMatch(/\n\s+at /);
    const debug = await runCli(['validate', 'nowhere.yaml', '--debug']);
    expect(debug.code).toBe(2);
    expect(debug.stderr).toMatch(/\n\s+at /);
  });
});
