import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseRunFile } from '../../shared/config/parse-run-file.ts';
import { loadPlugins, refusePlugins } from '../../shared/config/plugins.ts';
import { runCli } from '../support/cli.ts';
import { smallRun, temporaryFolder } from '../support/small-run.ts';

const examples = resolve('examples/plugins');
const settings = {
  ...smallRun,
  plugins: ['./pointwise.ts', './lion.ts', './schedules.ts'],
  model: { family: 'pointwise', width: 8 },
  training: { ...smallRun.training, epochs: 1, optimizer: { name: 'lion' }, schedule: { name: 'inverseRoot' } },
  balance: { minEigenvalues: 0, assignment: { function: 'byDeviation', strength: 0.2 } },
};

it('trains a model, by an optimizer and schedules, that are not of this package; on record with their content', async () => {
  const cwd = await temporaryFolder();
  await cp(examples, cwd, { recursive: true });
  const file = join(cwd, 'run.yaml');
  await writeFile(file, stringify({ ...settings, output: { name: 'own' } }));
  expect(await runCli(['validate', file], { cwd })).toMatchObject({ code: 0 });
  const trained = await runCli(['train', file], { cwd });
  expect(trained, trained.stderr).toMatchObject({ code: 0 });
  const { config } = JSON.parse(await readFile(join(cwd, 'runs', 'own', 'run.json'), 'utf8'));
  const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(config.plugins).toEqual(
    ['pointwise', 'lion', 'schedules'].map((name) => ({ path: join(cwd, `${name}.ts`), sha256 })),
  );
  expect(config.model).toMatchObject({ family: 'pointwise', width: 8 });
  expect(config.training.optimizer).toEqual({ name: 'lion', beta1: 0.9, beta2: 0.99 });
  expect(await runCli(['resume', 'runs/own', '--set', 'training.epochs=2'], { cwd })).toMatchObject({ code: 0 });

  await writeFile(join(cwd, 'lion.ts'), `${await readFile(join(cwd, 'lion.ts'), 'utf8')}\n// changed\n`);
  const resumed = await runCli(['resume', 'runs/own', '--set', 'training.epochs=3'], { cwd });
  expect(resumed.stderr).toContain(`plugin ${join(cwd, 'lion.ts')}: has changed since the run began`);
  expect(resumed.code).toBe(2);
});

it('reads data in a format that is not of this package, whose bad rows are told as others are', async () => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'texts.tagged'), '[sun] It is warm.\n[rain] It is wet.\n\n[sun] Bright.\n[rain] Clouds.\n');
  const run = {
    plugins: [join(examples, 'tagged-lines.ts')],
    model: {
      family: 'huggingface',
      folder: resolve('examples/topics/pretrained'),
      task: 'classification',
      maxTokens: 32,
    },
    dataset: { format: 'taggedLines', path: 'texts.tagged' },
    training: { validation: 2 },
  };
  await writeFile(join(cwd, 'run.yaml'), stringify(run));
  const good = await runCli(['validate', 'run.yaml'], { cwd });
  expect(good, good.stderr).toMatchObject({ code: 0 });
  await writeFile(join(cwd, 'texts.tagged'), '[sun] It is warm.\nIt is wet.\n');
  expect((await runCli(['validate', 'run.yaml'], { cwd })).stderr).toContain('is not a label in brackets');
});

it('trains on fields in a format that is not of this package, and predicts from them', async () => {
  const cwd = await temporaryFolder();
  const [rows, times, points] = [6, 7, 16];
  const value = (row: number, time: number, point: number) =>
    Math.sin((2 * Math.PI * (point + (1 + row) * time)) / points);
  const each = (size: number) => Array.from({ length: size }, (_, index) => index);
  const values = each(rows).flatMap((row) =>
    each(times).flatMap((time) => each(points).map((point) => value(row, time, point))),
  );
  await writeFile(join(cwd, 'waves.bin'), Float64Array.from(values));
  const dataset = { format: 'rawFloats', path: 'waves.bin', sizes: [times, points], double: true, window: 4 };
  const run = {
    plugins: [join(examples, 'raw-floats.ts')],
    model: { ...smallRun.model, modes: 3, width: 4 },
    dataset: { ...dataset, subsample: { space: 2 }, test: { last: 1 } },
    training: { ...smallRun.training, epochs: 1 },
    output: { name: 'raw' },
  };
  await writeFile(join(cwd, 'run.yaml'), stringify(run));
  const trained = await runCli(['train', 'run.yaml'], { cwd });
  expect(trained, trained.stderr).toMatchObject({ code: 0 });
  const record = JSON.parse(await readFile(join(cwd, 'runs', 'raw', 'run.json'), 'utf8'));
  expect(record.dataset).toMatchObject({ space: [8], channels: ['field'], rolloutSteps: 3 });
  const predicted = await runCli(['predict', 'raw', 'waves.bin', '--out', 'out.npy'], { cwd });
  expect(predicted, predicted.stderr).toMatchObject({ code: 0 });

  await writeFile(join(cwd, 'short.bin'), Float32Array.from(values).subarray(0, 100));
  const short = await runCli(['validate', 'run.yaml', '--set', 'dataset.path=short.bin'], { cwd });
  expect(short.stderr).toContain('has 400 bytes, which is no whole number of samples of 896');
});

it('knows a plugin again by the modules that it imports, too', async () => {
  const cwd = await temporaryFolder();
  const helper = join(cwd, 'helper.mjs');
  await writeFile(helper, "export const description = 'Half the rate.';\n");
  await writeFile(
    join(cwd, 'half.mjs'),
    `import { description } from './helper.mjs';
export default ({ z }) => ({
  schedules: [
    { name: 'half', configSchema: z.strictObject({ name: z.literal('half').describe(description) }), build: () => () => 0.5 },
  ],
});
`,
  );
  const text = stringify({ ...smallRun, plugins: ['./half.mjs'], training: { schedule: { name: 'half' } } });
  const { plugins } = parseRunFile(text, join(cwd, 'run.yaml'));
  const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
  expect(plugins).toEqual([{ path: join(cwd, 'half.mjs'), sha256, modules: [{ path: './helper.mjs', sha256 }] }]);
  expect(loadPlugins(plugins, '.')).toEqual(plugins);
  await writeFile(helper, "export const description = 'Half of it.';\n");
  expect(() => loadPlugins(plugins, '.')).toThrow(
    `plugin ${join(cwd, 'half.mjs')}: imports ./helper.mjs, which has changed since the run began`,
  );
});

it('checks the settings of what a plugin adds as all others', () => {
  const text = stringify({ ...settings, training: { ...settings.training, optimizer: { name: 'lion', beta3: 1 } } });
  expect(() => parseRunFile(text, join(examples, 'run.yaml'))).toThrow(/optimizer\.beta3: unknown key/);
});

it('says what is wrong with a plugin', async () => {
  const cwd = await temporaryFolder();
  const refused = (plugin: string) => () =>
    parseRunFile(stringify({ ...smallRun, plugins: [plugin] }), join(cwd, 'run.yaml'));
  await writeFile(join(cwd, 'empty.ts'), 'export const nothing = 1;\n');
  await writeFile(join(cwd, 'broken.ts'), 'throw new Error("not today");\n');
  await writeFile(
    join(cwd, 'same.ts'),
    "export default ({ z }) => ({ optimizers: [{ name: 'adam', configSchema: z.object({}) }] });\n",
  );
  expect(refused('./missing.ts')).toThrow(/missing\.ts: is not there/);
  expect(refused('no-such-package')).toThrow('there is no such file, nor a package of this name');
  expect(refused('./empty.ts')).toThrow('has no function as its default export');
  expect(refused('./broken.ts')).toThrow("can't be loaded: not today");
  expect(refused('./same.ts')).toThrow('another optimizer has this name');
});

it('deployed runs take none', () => {
  expect(() => parseRunFile(stringify({ ...smallRun, plugins: ['./lion.ts'] }), 's3://bucket/profiles/x.yaml')).toThrow(
    'deployed runs take none',
  );
  expect(() => refusePlugins(['./lion.ts'], 'run.yaml')).toThrow('run.yaml: plugins: deployed runs take none');
  refusePlugins(undefined, 'run.yaml');
});
