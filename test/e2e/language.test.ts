import { appendFile, readFile, rm, writeFile } from 'node:fs/promises';
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
  const counted = after.classes.confusionCells.map(([, , texts]: number[]) => texts);
  expect(counted.reduce((sum: number, texts: number) => sum + texts, 0)).toBe(30);

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

it('a run does not go on with another tokenizer or configuration than it began with', async () => {
  const folder = await writeLanguageRun({}, { epochs: 1 });
  expect((await runCli(['train', 'run.yaml'], { cwd: folder })).code).toBe(0);
  const resumed = () => runCli(['resume', 'runs/texts', '--set', 'training.epochs=2'], { cwd: folder });
  const change = async (name: string, edit: (content: Record<string, unknown>) => void) => {
    const path = join(folder, 'bert', name);
    const original = await readFile(path);
    const content = JSON.parse(original.toString());
    edit(content);
    await writeFile(path, JSON.stringify(content));
    return () => writeFile(path, original);
  };
  const restore = await Promise.all([
    change('tokenizer.json', (content) => Object.assign(content.normalizer as object, { lowercase: false })),
    change('config.json', (content) => Object.assign(content, { hidden_dropout_prob: 0.3 })),
  ]);
  const { code, stderr } = await resumed();
  expect(code).toBe(2);
  expect(stderr).toContain("bert: the model's folder is not as it was when the run began: config.json, tokenizer.json");
  for (const each of restore) await each();
  expect((await resumed()).code).toBe(0);
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

it('a model is pre-trained from scratch out of a folder that has a configuration and a tokenizer alone', async () => {
  const folder = await writeLanguageRun({ task: 'masked-lm', fresh: true }, { epochs: 1 });
  await rm(join(folder, 'bert/model.safetensors'));
  expect((await runCli(['validate', 'run.yaml'], { cwd: folder })).stdout).toContain('parameters, weights fresh');
  expect((await runCli(['train', 'run.yaml'], { cwd: folder })).code).toBe(0);
  const begun = await readHuggingFace(join(folder, 'runs/texts/model'), {
    task: 'masked-lm',
    random: randomFor(1, ''),
  });
  expect(begun.fresh).toEqual([]);
  const { code, stderr } = await runCli(['validate', 'run.yaml', '--set', 'model.fresh=false'], { cwd: folder });
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/bert: holds no weights\n.*model\.safetensors.*from scratch: model\.fresh: true/),
  });
  const adapter = ['--set', 'model.fresh=false', '--set', 'model.lora.rank=4'];
  expect((await runCli(['validate', 'run.yaml', ...adapter], { cwd: folder })).stderr).not.toContain('model.fresh');
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

it('texts that the tokenizer knows nothing of are told, and left out where words are guessed', async () => {
  const folder = await writeLanguageRun({}, { epochs: 1, batchSize: 4, accumulate: 2, validation: 0.25 });
  const unread = Array.from({ length: 60 }, (_, row) =>
    JSON.stringify({ text: `\u200b \u6570 ${'\u636e'.repeat(row)}`, label: 1 }),
  );
  await appendFile(join(folder, 'texts.jsonl'), `${unread.join('\n')}\n`);
  const all = ['run.yaml', '--set', 'dataset.samples=all'];
  const { stderr } = await runCli(['validate', ...all], { cwd: folder });
  expect(stderr).toMatch(
    /note: 44 training texts have no token that the tokenizer knows: lines 3\d\d, .* and 39 more\n/,
  );
  const guessed = await runCli(['train', ...all, '--set', 'model.task=masked-lm'], { cwd: folder });
  expect(guessed.code).toBe(0);
  expect(guessed.stdout).toMatch(/\d+ training texts have no token .* so they are left out/);
  expect((await metricsOf(folder, 1)).losses.every(Number.isFinite)).toBe(true);

  await writeFile(join(folder, 'texts.jsonl'), unread.join('\n'));
  const none = await runCli(['validate', ...all, '--set', 'model.task=masked-lm'], { cwd: folder });
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/no training text has a token that the tokenizer knows/),
  });
});

it('labels are not looked at where words are learnt, unless their column is named', async () => {
  const folder = await writeLanguageRun({ task: 'masked-lm' });
  await appendFile(join(folder, 'texts.jsonl'), '{"text": "one", "label": null}\n{"text": "two", "label": 0.5}\n');
  const { code, stderr } = await runCli(['validate', 'run.yaml'], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const named = await runCli(['validate', 'run.yaml', '--set', 'dataset.columns.label=label'], { cwd: folder });
  expect(named).toMatchObject({ code: 2, stderr: expect.stringContaining('"label": is missing') });
});

it('second texts are not learnt by a causal language model, which is told', async () => {
  const folder = await writeLanguageRun({ task: 'causal-lm', folder: 'gpt2' });
  await writeGpt2Folder(join(folder, 'gpt2'));
  const pairs = [
    '--set',
    'dataset.columns.textPair=label',
    '--set',
    'dataset.path=pairs.jsonl',
    '--set',
    'dataset.samples=all',
  ];
  const rows = Array.from({ length: 40 }, (_, row) => JSON.stringify({ text: `a text ${row}`, label: 'another' }));
  await writeFile(join(folder, 'pairs.jsonl'), rows.join('\n'));
  const { code, stderr } = await runCli(['validate', 'run.yaml', ...pairs], { cwd: folder });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'note: the second texts of pairs are not learnt: causal-lm takes one text of each row\n',
  });
});

it('the same words are hidden in evaluation, whatever the size of batches', async () => {
  const before = async (batchSize: number) => {
    const folder = await writeLanguageRun({ task: 'masked-lm' }, { epochs: 1, batchSize });
    expect((await runCli(['train', 'run.yaml'], { cwd: folder })).code).toBe(0);
    return (await metricsOf(folder, 0)).metrics.loss as number;
  };
  expect(await before(5)).toBeCloseTo(await before(8), 5);
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
