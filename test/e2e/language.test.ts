import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { readHuggingFace } from '../../shared/models/hugging-face/folder.ts';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { writeBertFolder, writeGpt2Folder, writeLanguageRun } from '../support/language-folder.ts';

const modelBytes = (folder: string) => readFile(join(folder, 'runs/texts/model/model.safetensors'));
const metricsOf = async (folder: string, epoch: number) => {
  const at = join(folder, `runs/texts/epochs/${String(epoch).padStart(4, '0')}`);
  const { attempt } = JSON.parse(await readFile(join(at, 'manifest.json'), 'utf8')) as { attempt: string };
  return JSON.parse(await readFile(join(at, attempt, 'metrics.json'), 'utf8'));
};

it('a classifier learns its labels, and is left as a folder of Hugging Face with its tokenizer', async () => {
  const folder = await writeLanguageRun();
  const { code, stderr } = await runCli(['train', 'run.yaml'], { cwd: folder });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const [before, after] = [await metricsOf(folder, 0), await metricsOf(folder, 4)];
  expect(after.metrics.loss).toBeLessThan(before.metrics.loss);
  expect(after.classes.classes.map(({ name }: { name: string }) => name)).toEqual(['0', '1', '2']);
  expect(after.classes.confusion.flat().reduce((sum: number, count: number) => sum + count, 0)).toBe(30);

  const exported = join(folder, 'runs/texts/model');
  const { model, labels, fresh, others } = await readHuggingFace(exported, {
    task: 'classification',
    random: randomFor(1, 'head'),
  });
  expect({ labels, fresh }).toEqual({ labels: ['0', '1', '2'], fresh: [] });
  expect([...others.keys()]).toEqual(['tokenizer.json', 'tokenizer_config.json']);
  const file = await openSafetensors(bufferSource('model', await modelBytes(folder)));
  expect(file.names().toSorted()).toEqual(model.parameters.map(({ name }) => name).toSorted());
});

it('a run that is resumed gives the bits of one that was not', async () => {
  const [whole, parted] = [await writeLanguageRun(), await writeLanguageRun({}, { epochs: 2 })];
  await runCli(['train', 'run.yaml'], { cwd: whole });
  await runCli(['train', 'run.yaml'], { cwd: parted });
  const { code } = await runCli(['resume', 'runs/texts', '--set', 'training.epochs=4'], { cwd: parted });
  expect(code).toBe(0);
  expect((await modelBytes(parted)).equals(await modelBytes(whole))).toBe(true);
});

it.each(['classification', 'masked-lm'])(
  'batches of %s that are computed in parts take the same steps',
  async (task) => {
    const settings = { epochs: 1, optimizer: { name: 'sgd' }, learningRate: 0.1 };
    const losses = async (task: string, accumulate: number) => {
      const folder = await writeLanguageRun({ task }, { ...settings, accumulate, clipNorm: 1 }, 0);
      const { code } = await runCli(['train', 'run.yaml'], { cwd: folder });
      expect(code).toBe(0);
      return (await metricsOf(folder, 1)).losses as number[];
    };
    const [whole, inParts] = [await losses(task, 1), await losses(task, 3)];
    for (const [step, loss] of whole.entries()) expect(inParts[step]).toBeCloseTo(loss, 4);
  },
);

it('hidden words are learnt from texts without labels', async () => {
  const folder = await writeLanguageRun({ task: 'masked-lm' }, { learningRate: 0.005 });
  const { code } = await runCli(['train', 'run.yaml'], { cwd: folder });
  expect(code).toBe(0);
  const [before, after] = [await metricsOf(folder, 0), await metricsOf(folder, 4)];
  expect(after.metrics.loss).toBeLessThan(before.metrics.loss);
  expect(after.metrics.perplexity).toBeCloseTo(Math.exp(after.metrics.loss), 4);
});

it('the next word is learnt from documents one after the other', async () => {
  const folder = await writeLanguageRun({ task: 'causal-lm', folder: 'gpt2' }, { learningRate: 0.005, clipNorm: 1 });
  await writeGpt2Folder(join(folder, 'gpt2'));
  const { code, stderr } = await runCli(['train', 'run.yaml'], { cwd: folder });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const [before, after] = [await metricsOf(folder, 0), await metricsOf(folder, 4)];
  expect(before.metrics.perplexity).toBeGreaterThan(100);
  expect(after.metrics.perplexity).toBeLessThan(0.5 * before.metrics.perplexity);
});

it('a classifier is trained further on other labels where a fresh head is asked for, or the order of the labels is given', async () => {
  const folder = await writeLanguageRun({ folder: 'weather' }, { epochs: 1 });
  const lines = (await readFile(join(folder, 'texts.jsonl'), 'utf8')).trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { text: string; label: number });
  await writeBertFolder(
    join(folder, 'weather'),
    rows.map(({ text }) => text),
    { labels: ['snow', 'rain', 'sun'] },
  );
  const writeTexts = (name: string, labels: string[]) => {
    const named = rows.filter(({ label }) => labels[label]).map(({ text, label }) => ({ text, label: labels[label] }));
    return writeFile(join(folder, name), named.map((row) => JSON.stringify(row)).join('\n'));
  };
  await writeTexts('two.jsonl', ['low', 'high']);
  await writeTexts('three.jsonl', ['low', 'medium', 'high']);
  const on = (command: string, ...settings: string[]) =>
    runCli([command, 'run.yaml', ...settings.flatMap((each) => ['--set', each])], { cwd: folder });

  const refused = await on('validate', 'dataset.path=two.jsonl');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(
    "weather: the model's head tells 3 labels apart (snow, rain, sun), the data have 2 (high, low)",
  );
  expect(refused.stderr).toContain('`model.head: fresh`');
  const unclear = await on('validate', 'dataset.path=three.jsonl');
  expect({ code: unclear.code, stderr: unclear.stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('which is which is not said'),
  });
  const kept = await on('validate', 'dataset.path=three.jsonl', 'dataset.labels=[low,medium,high]');
  expect(kept.stderr).toContain('low for snow, medium for rain, high for sun');
  expect(kept.stdout).toContain('["low","medium","high"]');

  const fresh = await on('train', 'dataset.path=two.jsonl', 'model.head=fresh');
  expect(fresh.code).toBe(0);
  expect(fresh.stdout).toMatch(
    /the layer for the labels high, low was drawn from the seed, in place of .*weather's for snow, rain, sun/,
  );
  const { config, dataset } = JSON.parse(await readFile(join(folder, 'runs/texts/run.json'), 'utf8'));
  expect({ head: config.model.head, labels: dataset.labels }).toEqual({ head: 'fresh', labels: ['high', 'low'] });
  const { id2label } = JSON.parse(await readFile(join(folder, 'runs/texts/model/config.json'), 'utf8'));
  expect(id2label).toEqual({ 0: 'high', 1: 'low' });
});

it.each([
  [['--set', 'dataset.columns.label=topic'], /has no column "topic"/],
  [['--set', 'dataset.format=pdebench'], /pdebench does not go with model.family huggingface/],
  [['--set', 'convergence.metric=nRMSE'], /not measured of this model; there are: accuracy/],
  [['--set', 'model.maxTokens=600'], /takes texts of at most 64 tokens, 600 are asked for/],
  [['--set', 'model.folder=nowhere'], /nowhere\/config.json: there is no such file/],
  [['--set', 'model.task=causal-lm'], /"bert" has no head for causal-lm/],
  [
    ['--set', 'model.task=masked-lm', '--set', 'model.head=fresh'],
    /model.head: fresh is for model.task classification/,
  ],
])('what does not fit is refused: %s', async (given, message) => {
  const folder = await writeLanguageRun();
  const { code, stderr } = await runCli(['validate', 'run.yaml', ...given], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
