import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ArtifactStore } from '../../shared/checkpoints/artifact-store.ts';
import { readArtifact, readHeadManifest } from '../../shared/checkpoints/manifest.ts';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runKeys } from '../../shared/checkpoints/run-keys.ts';
import { loadRunFile, parseOverride } from '../../shared/config/parse-run-file.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { readRunRecord } from '../../shared/pipeline/records.ts';
import { readRunReport } from '../../shared/pipeline/run-report.ts';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { runCli } from '../support/cli.ts';
import { requestRun, run } from '../support/fake-run.ts';
import { fixturePath } from '../support/fixtures.ts';
import { writeBertFolder } from '../support/language-folder.ts';
import { temporaryFolder } from '../support/small-run.ts';

/** A run that learns three labels from eight texts of each, and validates on others. */
async function writeRun(): Promise<string> {
  const folder = await temporaryFolder();
  const lines = (await readFile(fixturePath('data', 'topic_keywords.jsonl'), 'utf8')).trim().split('\n');
  const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
  await writeBertFolder(join(folder, 'bert'), texts, { hiddenSize: 16, blocks: 1, dropout: 0.1 });
  await writeFile(join(folder, 'texts.jsonl'), `${lines.slice(0, 240).join('\n')}\n`);
  await writeFile(join(folder, 'others.jsonl'), `${lines.slice(240).join('\n')}\n`);
  const settings = {
    model: {
      family: 'huggingface',
      folder: 'bert',
      task: 'few-shot-classification',
      fewShot: { maxPairs: 320 },
      maxTokens: 16,
      lengths: 1,
    },
    dataset: { format: 'jsonl', path: 'texts.jsonl', validationPath: 'others.jsonl', samples: 24 },
    training: {
      epochs: 2,
      batchSize: 16,
      learningRate: 0.01,
      optimizer: { name: 'adamw' },
      ema: { decay: 0.9 },
      engine: 'wasm',
    },
  };
  await writeFile(join(folder, 'run.yaml'), stringify(settings));
  return join(folder, 'run.yaml');
}

async function train(store: ArtifactStore, runFile: string, ...settings: string[]): Promise<void> {
  await requestRun(store, await loadRunFile(runFile, settings.map(parseOverride)));
  const context = localContext(store, () => {});
  expect(await runPipeline(run, context)).toEqual({ status: 'done' });
}

async function lastWeights(store: ArtifactStore) {
  const manifest = (await readHeadManifest(store, run))!;
  const tensors = async (file: string) =>
    (await openSafetensors(bufferSource(file, (await readArtifact(store, manifest, file))!))).readAll();
  return {
    files: manifest.files,
    model: await tensors('model.safetensors'),
    average: await tensors('average.safetensors'),
  };
}

it('learns from pairs of few texts, keeps a head that fits with every epoch, and goes on to the same bits', async () => {
  const runFile = await writeRun();
  const store = memoryStore();
  await train(store, runFile);
  const report = await readRunReport(store, run);
  const accuracy = report.epochs.map(({ metrics }) => metrics.accuracy!);
  expect(accuracy).toHaveLength(3);
  expect(report.best!.epoch).toBeGreaterThan(0);
  expect(report.best!.value).toBeGreaterThan(accuracy[0]! + 0.1);
  const { drawn, dataset } = await readRunRecord(store, run);
  expect(drawn).toBeUndefined();
  expect(dataset).toMatchObject({ trainingSamples: 24, pairs: 320, stepsPerEpoch: 20 });

  const whole = await lastWeights(store);
  const head = 'sentence_classifier.weight';
  expect([...whole.model.keys()]).toContain(head);
  // Each is fitted to embeddings of its own.
  expect(whole.average.get(head)!.data).not.toEqual(whole.model.get(head)!.data);

  const parted = memoryStore();
  await train(parted, runFile, 'training.epochs=1');
  await train(parted, runFile);
  const digests = ({ files }: typeof whole) =>
    ['model', 'optimizer', 'average'].map((name) => files[`${name}.safetensors`]!.sha256);
  expect(digests(await lastWeights(parted))).toEqual(digests(whole));

  const folder = await temporaryFolder();
  const names = (await store.list(runKeys.model(run, ''))).map((key) => key.slice(runKeys.model(run, '').length));
  expect(names).toEqual(expect.arrayContaining(['modules.json', '1_Pooling/config.json', 'modeling_pooled.py']));
  for (const name of names.filter((each) => !each.includes('/'))) {
    await writeFile(join(folder, name), (await store.get(runKeys.model(run, name)))!.bytes);
  }
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain('SentenceTransformer(".")');
  const data = join(runFile, '..', 'others.jsonl');
  const { stderr } = await runCli(['predict', folder, data, '--out', join(folder, 'labels.jsonl')]);
  expect(stderr).toContain(`accuracy ${report.best!.value.toFixed(4)}`);
});

it('lists of labels are told with a remedy that is taken', async () => {
  const runFile = await writeRun();
  const folder = dirname(runFile);
  const rows = (await readFile(join(folder, 'texts.jsonl'), 'utf8')).trim().split('\n');
  const listed = rows.map((row) => JSON.stringify({ ...JSON.parse(row), label: [JSON.parse(row).label] }));
  await writeFile(join(folder, 'lists.jsonl'), listed.join('\n'));
  const validated = (...settings: string[]) =>
    runCli(['validate', runFile, ...settings.flatMap((each) => ['--set', each])], { cwd: folder });
  const told = ['dataset.path=lists.jsonl', 'dataset.validationPath='];
  const refused = await validated(...told);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain(
    'Set `model.task: classification` and `model.problemType: multi_label_classification` if that is meant',
  );
  const remedy = ['model.task=classification', 'model.problemType=multi_label_classification', 'model.fewShot='];
  expect(await validated(...told, ...remedy)).toMatchObject({ code: 0 });
});
