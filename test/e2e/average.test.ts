import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

async function succeed(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** The factors of an adapter. */
async function factorsIn(path: string) {
  const tensors = await (await openSafetensors(await fileSource(path))).readAll();
  return new Map([...tensors].filter(([name]) => name.includes('.lora_')).toSorted());
}

async function manifestOf(run: string, epoch: number) {
  const folder = join(run, 'epochs', String(epoch).padStart(4, '0'));
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  return { path: (file: string) => join(folder, manifest.attempt, file), files: manifest.files };
}

it('a language model is exported, and labels texts, with the average of its weights', {
  timeout: 240_000,
}, async () => {
  const training = { learningRate: 0.05, optimizer: { name: 'muon' }, ema: { decay: 0.9 }, epochs: 5 };
  const cwd = await writeLanguageRun({}, training);
  const rows = (await readFile(join(cwd, 'texts.jsonl'), 'utf8')).trim().split('\n');
  await writeFile(join(cwd, 'held.jsonl'), rows.slice(0, 60).join('\n'));
  await writeFile(join(cwd, 'learnt.jsonl'), rows.slice(60).join('\n'));
  const data = ['path=learnt.jsonl', 'validationPath=held.jsonl', 'samples=all'];
  await succeed(['train', 'run.yaml', ...data.flatMap((setting) => ['--set', `dataset.${setting}`])], cwd);
  const {
    runs: [{ best }],
  } = JSON.parse(await succeed(['report', 'texts', '--json'], cwd));
  expect(best.epoch).toBeGreaterThan(0);
  const { path } = await manifestOf(join(cwd, 'runs/texts'), best.epoch);
  const average = await readFile(path('average.safetensors'));
  expect(average.equals(await readFile(path('model.safetensors')))).toBe(false);

  await succeed(['export', 'texts', 'out'], cwd);
  for (const folder of ['out', 'runs/texts/model']) {
    expect((await readFile(join(cwd, folder, 'model.safetensors'))).equals(average)).toBe(true);
    expect(await readFile(join(cwd, folder, 'README.md'), 'utf8')).toContain(
      'moving average of the weights (decay 0.9)',
    );
  }
  const labels = async (model: string) =>
    (await succeed(['predict', model, 'held.jsonl'], cwd))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { label: string; expected: string });
  const labelled = await labels('texts');
  const right = labelled.filter(({ label, expected }) => label === expected).length;
  expect(right / labelled.length).toBeCloseTo(best.value, 12);
  expect(await labels('out')).toEqual(labelled);
  expect(await succeed(['analyze', 'texts'], cwd)).toContain('the weights that are trained, as in the run itself');
});

it('an adapter with an average of its weights goes on to the same bits, and is exported as the average', async () => {
  const training = { optimizer: { name: 'lamb' }, learningRate: 0.01, ema: {}, sam: { rho: 0.05 }, accumulate: 2 };
  const cwd = await writeLanguageRun({ lora: { rank: 4, alpha: 8, targets: 'all-linear' } }, training);
  await succeed(['train', 'run.yaml', '--set', 'output.name=whole'], cwd);
  await succeed(['train', 'run.yaml', '--set', 'output.name=parted', '--set', 'training.epochs=2'], cwd);
  await succeed(['resume', 'parted', '--set', 'training.epochs=4'], cwd);
  const [whole, parted] = [await manifestOf(join(cwd, 'runs/whole'), 4), await manifestOf(join(cwd, 'runs/parted'), 4)];
  for (const file of ['model', 'optimizer', 'average'].map((name) => `${name}.safetensors`)) {
    expect(whole.files[file].sha256).toHaveLength(64);
    expect(parted.files[file].sha256, file).toBe(whole.files[file].sha256);
  }
  await succeed(['export', 'parted', 'out', '--epoch', '4'], cwd);
  const exported = await factorsIn(join(cwd, 'out/adapter_model.safetensors'));
  expect(exported.size).toBeGreaterThan(10);
  expect(exported).toEqual(await factorsIn(parted.path('average.safetensors')));
  expect(exported).not.toEqual(await factorsIn(parted.path('model.safetensors')));

  const refused = await runCli(['resume', 'parted', '--set', 'training.ema='], { cwd });
  expect(refused).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('training.ema: {"decay":0.999,"warmUp":true} -> not set'),
  });
});

it('muon says which excluded layers there are not', async () => {
  const cwd = await temporaryFolder();
  const optimizer = { name: 'muon', exclude: ['fc11'] };
  const { code, stderr, stdout } = await runCli(
    ['train', await writeRunFile(cwd, { training: { epochs: 1, optimizer } })],
    { cwd },
  );
  expect(code).toBe(0);
  expect(stdout + stderr).toContain('training.optimizer.exclude: "fc11" matches no layer; did you mean "fc1"?');
});
