import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { writeGpt2Folder, writeLanguageRun } from '../support/language-folder.ts';

interface Applied {
  readonly group: string;
  readonly learningRateMultiplier: number;
  readonly layerDecay?: number;
}

const jsonIn = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'));
const attemptOf = async (folder: string, epoch: number) => {
  const at = join(folder, `runs/texts/epochs/${String(epoch).padStart(4, '0')}`);
  return join(at, (await jsonIn(at, 'manifest.json')).attempt);
};
const appliedIn = async (folder: string, epoch: number): Promise<Applied[]> =>
  (await jsonIn(await attemptOf(folder, epoch), 'metrics.json')).applied;
const weightsIn = async (path: string) =>
  (await openSafetensors(bufferSource('model', await readFile(join(path, 'model.safetensors'))))).readAll();
const modelBytes = (folder: string) => readFile(join(folder, 'runs/texts/model/model.safetensors'));
const sets = (settings: readonly string[]) => settings.flatMap((each) => ['--set', each]);

it('layers are trained with the factors of balancing times those of their depth', async () => {
  const folder = await writeLanguageRun({}, { epochs: 2, layerDecay: 0.5 });
  expect(await runCli(['train', 'run.yaml'], { cwd: folder })).toMatchObject({ code: 0 });
  const rates = await jsonIn(await attemptOf(folder, 1), 'rates.json');
  const applied = await appliedIn(folder, 2);
  const depths: Record<string, number> = { embeddings: 3, 'layer.0': 2, 'layer.1': 1, pooler: 0, classifier: 0 };
  const balanced = new Set<string>();
  for (const { group, learningRateMultiplier, layerDecay } of applied) {
    const [, depth] = Object.entries(depths).find(([part]) => group.includes(part))!;
    expect(layerDecay, group).toBe(0.5 ** depth);
    const factor: number = rates.layers[group]?.learningRate ?? 1;
    if (factor !== 1) balanced.add(group);
    expect(learningRateMultiplier, group).toBe(factor * 0.5 ** depth);
  }
  expect(balanced.size).toBe(12);

  const card = await readFile(join(folder, 'runs/texts/model/README.md'), 'utf8');
  expect(card).toContain('The learning rate decayed with the depth below the top of the model: times 0.125 to 1.');
  const report = await readFile(join(folder, 'runs/texts/report.html'), 'utf8');
  expect(report).toContain('texts: learning rate, with layer decay in the learning rate');
});

it('without balancing the report has the factors of the depth alone', async () => {
  const folder = await writeLanguageRun({}, { epochs: 1, layerDecay: 0.5 });
  expect(await runCli(['train', 'run.yaml', ...sets(['balance=off'])], { cwd: folder })).toMatchObject({ code: 0 });
  const applied = await appliedIn(folder, 1);
  expect(new Set(applied.map(({ learningRateMultiplier }) => learningRateMultiplier))).toEqual(
    new Set([0.125, 0.25, 0.5, 1]),
  );
  const report = await readFile(join(folder, 'runs/texts/report.html'), 'utf8');
  expect(report).toContain('texts: learning rate, by layer decay');
  const card = await readFile(join(folder, 'runs/texts/model/README.md'), 'utf8');
  expect(card).toContain('Layers were not balanced by their spectra. The learning rate decayed');
});

it('a decay of 1 is none: the bits are those of a run without', async () => {
  const [plain, one, decayed] = await Promise.all([
    writeLanguageRun({}, { epochs: 1 }),
    writeLanguageRun({}, { epochs: 1, layerDecay: 1 }),
    writeLanguageRun({}, { epochs: 1, layerDecay: 0.9 }),
  ]);
  for (const cwd of [plain, one, decayed]) await runCli(['train', 'run.yaml'], { cwd });
  expect((await modelBytes(one)).equals(await modelBytes(plain))).toBe(true);
  expect((await modelBytes(decayed)).equals(await modelBytes(plain))).toBe(false);
  expect((await appliedIn(one, 1)).some((rate) => 'layerDecay' in rate)).toBe(false);
});

it('the factors of an adapter are those of the layers that it is put on', async () => {
  const model = { lora: { targets: ['query'] } };
  const folder = await writeLanguageRun(model, { epochs: 1, layerDecay: 0.5, learningRate: 0.01 });
  expect(await runCli(['train', 'run.yaml', ...sets(['balance=off'])], { cwd: folder })).toMatchObject({ code: 0 });
  const applied = await appliedIn(folder, 1);
  expect(applied.map(({ group, learningRateMultiplier }) => [group, learningRateMultiplier])).toEqual([
    ['bert.encoder.layer.0.attention.self.query', 0.25],
    ['bert.encoder.layer.1.attention.self.query', 0.5],
    ['bert.pooler.dense', 1],
    ['bert.pooler.dense', 1],
    ['classifier.weight', 1],
    ['classifier.bias', 1],
  ]);
});

it('a run with both goes on to the same bits', async () => {
  const write = (epochs: number) => writeLanguageRun({ reinitialise: 1 }, { epochs, layerDecay: 0.8 });
  const [whole, parted] = [await write(3), await write(1)];
  await runCli(['train', 'run.yaml'], { cwd: whole });
  await runCli(['train', 'run.yaml'], { cwd: parted });
  const resumed = await runCli(['resume', 'runs/texts', ...sets(['training.epochs=3'])], { cwd: parted });
  expect(resumed).toMatchObject({ code: 0 });
  expect((await modelBytes(parted)).equals(await modelBytes(whole))).toBe(true);
  expect(await runCli(['resume', 'runs/texts', ...sets(['model.reinitialise=2'])], { cwd: parted })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('model.reinitialise: 1 -> 2'),
  });
});

it('a run begins with top blocks that are drawn anew, and says so', async () => {
  const folder = await writeLanguageRun({ task: 'causal-lm', folder: 'gpt2', reinitialise: 1 }, { epochs: 1 });
  await writeGpt2Folder(join(folder, 'gpt2'));
  const told = 'model.reinitialise: the top one of 2 blocks was drawn anew, in place of';
  const { stderr } = await runCli(['validate', 'run.yaml'], { cwd: folder });
  expect(stderr).toContain(`note: ${told}`);
  const { code, stdout } = await runCli(['train', 'run.yaml'], { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(told) });

  const [begun, given] = [await weightsIn(await attemptOf(folder, 0)), await weightsIn(join(folder, 'gpt2'))];
  const changed = [...begun].filter(([name, { data }]) =>
    data.some((value, at) => value !== given.get(name)!.data[at]),
  );
  expect(changed.map(([name]) => name).filter((name) => !name.startsWith('transformer.h.1.'))).toEqual([]);
  expect(changed).toHaveLength(4);

  expect((await jsonIn(folder, 'runs/texts/run.json')).config.model.reinitialise).toBe(1);
  const sentence = 'Before training, the top one of 2 blocks was drawn anew from the seed.';
  for (const file of ['model/README.md', 'report.html']) {
    expect(await readFile(join(folder, 'runs/texts', file), 'utf8')).toContain(sentence);
  }
});

it.each([
  [['training.layerDecay=0'], /training.layerDecay: .*0/],
  [['training.layerDecay=1.1'], /training.layerDecay: .*1/],
  [['model.reinitialise=0'], /model.reinitialise: /],
  [['model.reinitialise=-1'], /model.reinitialise: /],
  [['model.reinitialise=3'], /model.reinitialise: the model has 2 blocks, 3 are to be drawn anew\n.*at most 2/],
  [['model.reinitialise=1', 'model.fresh=true'], /model.reinitialise: does not go with model.fresh/],
  [['model.reinitialise=1', 'model.lora.rank=4'], /model.reinitialise: does not go with an adapter/],
  [['model.reinitialise=1', 'model.folder=adapter'], /model.reinitialise: does not go with an adapter .*folder/],
])('what does not fit is refused: %s', async (given, message) => {
  const folder = await writeLanguageRun();
  if (given.includes('model.folder=adapter')) {
    const lora = ['model.lora.rank=4', 'training.epochs=1'];
    expect(await runCli(['train', 'run.yaml', ...sets(lora)], { cwd: folder })).toMatchObject({ code: 0 });
    await runCli(['export', 'texts', 'adapter'], { cwd: folder });
  }
  const { code, stderr } = await runCli(['validate', 'run.yaml', ...sets(given)], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  expect(stderr).not.toMatch(/\n +at /);
});
