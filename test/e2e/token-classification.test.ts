import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openTextModel } from '../../shared/local/open-text-model.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { writeBertFolder, writeT5Folder } from '../support/language-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** Names and places among other words. */
const sentences = Array.from({ length: 90 }, (_, row) => {
  const name = ['anna', 'bela', 'carl', 'dora'][row % 4]!;
  const more: [string, string][] = row % 3 === 0 ? [['novak', 'I-PER']] : [];
  const place = ['rome', 'paris', 'oslo'][(row >> 2) % 3]!;
  const pairs: [string, string][] = [[name, 'B-PER'], ...more, ['sings', 'O'], ['in', 'O'], [place, 'B-LOC']];
  const end: [string, string][] = Array.from({ length: row % 5 }, () => ['often', 'O']);
  return [...pairs, ...end];
});

async function done(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

it('words are tagged by a model that is trained on tagged words, by its run and its export', async () => {
  const cwd = await temporaryFolder();
  await writeBertFolder(
    join(cwd, 'bert'),
    sentences.map((pairs) => pairs.map(([word]) => word).join(' ')),
  );
  const rows = sentences.map((pairs) => ({
    tokens: pairs.map(([word]) => word),
    ner_tags: pairs.map(([, tag]) => tag),
  }));
  await writeFile(join(cwd, 'ner.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const run = {
    model: { family: 'huggingface', folder: 'bert', task: 'token-classification', maxTokens: 12, lengths: 1 },
    dataset: { format: 'jsonl', path: 'ner.jsonl' },
    training: {
      epochs: 3,
      batchSize: 10,
      accumulate: 2,
      learningRate: 0.004,
      optimizer: { name: 'adamw' },
      validation: 20,
      classWeights: { O: 0.5 },
    },
    balance: { unit: 'block' },
    output: { name: 'ner' },
  };
  await writeFile(join(cwd, 'run.yaml'), stringify(run));
  await done(['train', 'run.yaml'], cwd);
  await done(['export', 'ner', 'model'], cwd);
  const config = JSON.parse(await readFile(join(cwd, 'model/config.json'), 'utf8'));
  expect(config.architectures).toEqual(['BertForTokenClassification']);
  expect(config.label2id).toEqual({ 'B-LOC': 0, 'B-PER': 1, 'I-PER': 2, O: 3 });
  const card = await readFile(join(cwd, 'model/README.md'), 'utf8');
  expect(card).toContain('pipeline_tag: token-classification');
  expect(card).toContain('| Entities |');

  const json = await done(['predict', 'model', 'ner.jsonl', '--json'], cwd);
  const { metrics, texts } = JSON.parse(json) as { metrics: Record<string, number>; texts: object[] };
  expect(metrics.F1).toBeGreaterThan(0.8);
  expect(texts[0]).toMatchObject({ words: rows[0]!.tokens, expected: rows[0]!.ner_tags });
  const classifier = await openTextModel(join(cwd, 'runs/ner'), { localPath: async (path) => path });
  expect(classifier).toMatchObject({
    task: 'token-classification',
    labels: ['B-LOC', 'B-PER', 'I-PER', 'O'],
    epoch: 3,
  });
});

it('a T5 that writes becomes one that tags words, by its encoder alone', async () => {
  const cwd = await temporaryFolder();
  await writeT5Folder(join(cwd, 't5'), { classifier_dropout: 0.1 });
  const rows = sentences.slice(0, 24).map((pairs) => ({
    tokens: pairs.map(([word]) => word),
    ner_tags: pairs.map(([, tag]) => tag),
  }));
  await writeFile(join(cwd, 'ner.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await done(['init', 'run.yaml', '--dataset', 'ner.jsonl', '--model', 't5'], cwd);
  const started = await readFile(join(cwd, 'run.yaml'), 'utf8');
  expect(started).toContain('task: token-classification');
  const settings = ['training.epochs=1', 'model.maxTokens=48', 'model.lengths=1', 'balance=off', 'output.name=tags'];
  await done(['train', 'run.yaml', ...settings.flatMap((each) => ['--set', each])], cwd);
  const model = join(cwd, 'runs/tags/model');
  expect(JSON.parse(await readFile(join(model, 'config.json'), 'utf8'))).toMatchObject({
    architectures: ['T5ForTokenClassification'],
    is_encoder_decoder: false,
  });
  const names = (await openSafetensors(await fileSource(join(model, 'model.safetensors')))).names();
  expect(new Set(names.map((name) => name.split('.').slice(0, 2).join('.')))).toEqual(
    new Set(['classifier.bias', 'classifier.weight', 'transformer.encoder', 'transformer.shared']),
  );
  const tagged = JSON.parse(await done(['predict', 'runs/tags/model', 'ner.jsonl', '--json'], cwd));
  expect(tagged.texts[0].tags).toHaveLength(rows[0]!.tokens.length);

  await done(
    [
      'train',
      'run.yaml',
      ...settings.flatMap((each) => ['--set', each]),
      '--set',
      'model.folder=runs/tags/model',
      '--set',
      'output.name=again',
    ],
    cwd,
  );
  const written = sentences.map((pairs) => ({ text: pairs.map(([word]) => word).join(' '), summary: pairs[0]![0] }));
  await writeFile(join(cwd, 'written.jsonl'), written.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const writing = {
    model: { family: 'huggingface', folder: 'runs/tags/model', task: 'seq2seq' },
    dataset: { format: 'jsonl', path: 'written.jsonl' },
  };
  await writeFile(join(cwd, 'writing.yaml'), stringify(writing));
  const other = await runCli(['validate', 'writing.yaml'], { cwd });
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('have an encoder alone, and seq2seq needs a decoder too');
});
