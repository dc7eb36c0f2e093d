import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { toEngine } from '../../../shared/engines/transfer.ts';
import { noDropout } from '../../../shared/models/dropout.ts';
import { huggingFaceFiles } from '../../../shared/models/hugging-face/folder.ts';
import { buildLanguageModel, openModelFolder } from '../../../shared/models/hugging-face/model-folder.ts';
import { withPooling } from '../../../shared/models/hugging-face/pooling.ts';
import { readSentenceEncoder } from '../../../shared/models/hugging-face/sentence-encoder.ts';
import { sentenceFiles } from '../../../shared/models/hugging-face/sentence-files.ts';
import { languageModelSchema } from '../../../shared/models/language/settings.ts';
import { readEncoderFixture } from '../../support/encoder-fixture.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

interface Files {
  modules?: readonly string[];
  pooling?: Record<string, unknown>;
  settings?: Record<string, unknown>;
}

/** MPNet's fixture as sentence-transformers writes a folder. */
async function writeSentenceEncoder({ modules = ['Normalize'], pooling, settings }: Files = {}): Promise<string> {
  const folder = await temporaryFolder();
  await cp(fixturePath('models', 'mpnet-tiny'), folder, { recursive: true });
  const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value));
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  await write('config.json', { ...config, architectures: ['MPNetModel'] });
  const list = ['Transformer', 'Pooling', ...modules].map((name, idx) => ({
    ...{ idx, name: `${idx}`, path: idx === 0 ? '' : `${idx}_${name}`, type: `sentence_transformers.models.${name}` },
  }));
  await write('modules.json', list);
  await mkdir(join(folder, '1_Pooling'));
  const mean = { word_embedding_dimension: 16, pooling_mode_cls_token: false, pooling_mode_mean_tokens: true };
  await write('1_Pooling/config.json', pooling ?? mean);
  await write('sentence_bert_config.json', settings ?? { max_seq_length: 24, do_lower_case: false });
  return folder;
}

async function pooled(folder: string, more: Record<string, unknown> = {}) {
  const settings = languageModelSchema.parse({ family: 'huggingface', folder, maxTokens: 20, ...more });
  return withPooling(await openModelFolder(folder), settings);
}

const embeddingOf = async (...given: Parameters<typeof pooled>) =>
  (await pooled(...given)).opened.config.sentence_embedding;

it('classifies by what a sentence encoder says of its pooling, and tells so', async () => {
  const folder = await writeSentenceEncoder();
  const { opened, note } = await pooled(folder);
  expect(opened.config.sentence_embedding).toEqual({ pooling: 'mean', normalise: true });
  expect(note).toContain('is a sentence encoder: texts are classified by the mean of their tokens, normalised');
  const cls = await writeSentenceEncoder({ modules: [], pooling: { pooling_mode: 'cls' } });
  expect(await embeddingOf(cls)).toEqual({ pooling: 'cls', normalise: false });
});

it('pools as the settings say, or not at all', async () => {
  const folder = await writeSentenceEncoder();
  expect(await embeddingOf(folder, { pooling: 'own' })).toBeUndefined();
  expect(await embeddingOf(folder, { task: 'masked-lm' })).toBeUndefined();
  expect(await embeddingOf(folder, { pooling: 'cls' })).toEqual({ pooling: 'cls', normalise: false });
  expect(await embeddingOf(fixturePath('models', 'bert-tiny'))).toBeUndefined();
  expect(await embeddingOf(fixturePath('models', 'bert-tiny'), { pooling: 'mean' })).toEqual({
    pooling: 'mean',
    normalise: false,
  });
});

it.each([
  ['another module', { modules: ['Dense'] }, 'puts a module Dense on the pooled embeddings'],
  ['another pooling', { pooling: { pooling_mode_max_tokens: true } }, 'pools by max_tokens, which is not supported'],
  [
    'two poolings',
    { pooling: { pooling_mode_mean_tokens: true, pooling_mode_cls_token: true } },
    'pools by mean_tokens and cls_token',
  ],
  ['lower case', { settings: { do_lower_case: true } }, 'do_lower_case: true'],
  ['shorter texts', { settings: { max_seq_length: 16 } }, 'at most 16 tokens (max_seq_length)'],
] as const)('refuses %s by name', async (_, files, message) => {
  const folder = await writeSentenceEncoder(files);
  await expect(pooled(folder)).rejects.toThrow(message);
  expect(await embeddingOf(folder, { pooling: 'own' })).toBeUndefined();
});

it('embeds texts for few shots as the folder says, or by the mean, whatever head it has', async () => {
  const task = { task: 'few-shot-classification' };
  const folder = await writeSentenceEncoder();
  expect(await embeddingOf(folder, task)).toEqual({ pooling: 'mean', normalise: true });
  const { opened, note } = await pooled(fixturePath('models', 'bert-tiny'), task);
  expect(opened.config.sentence_embedding).toEqual({ pooling: 'mean', normalise: false });
  expect(note).toContain('does not say how texts are embedded: by the mean of their tokens');
  await expect(pooled(fixturePath('models', 'llama-tiny'), task)).rejects.toThrow('llama is no encoder, and few-shot');
  await expect(pooled(fixturePath('models', 'roberta-tiny-lora'), task)).rejects.toThrow('adapters are not trained');
});

it('is written so that it is read again as it is', async () => {
  const folder = await writeSentenceEncoder();
  const embedding = { pooling: 'cls', normalise: true } as const;
  for (const [name, bytes] of sentenceFiles({ embedding, size: 16, maxTokens: 24 })) {
    await writeFile(join(folder, name), bytes);
  }
  expect(await readSentenceEncoder(folder)).toEqual({ ...embedding, maxTokens: 24 });
});

it('refuses adapters on pooled embeddings, and models that are no encoders', async () => {
  await expect(pooled(await writeSentenceEncoder(), { lora: {} })).rejects.toThrow('adapters are not trained');
  const { opened } = await pooled(fixturePath('models', 'llama-tiny'), { pooling: 'mean' });
  expect(() => buildLanguageModel(opened, { task: 'classification', labels: ['a', 'b'] })).toThrow(
    'llama is no encoder',
  );
});

it('is exported with the class that pools, and read again as it is', async () => {
  const { opened } = await pooled(await writeSentenceEncoder());
  const labels = ['a', 'b', 'c'];
  const built = buildLanguageModel(opened, { task: 'classification', labels });
  expect(built.fresh).toEqual(['sentence_classifier.weight', 'sentence_classifier.bias']);
  const parameters = await built.read(randomFor(1, 'head'));
  const files = huggingFaceFiles({ ...built, config: opened.config, labels, others: new Map() }, parameters);
  const text = (name: string) => new TextDecoder().decode(files.get(name));
  expect(JSON.parse(text('config.json'))).toMatchObject({
    architectures: ['PooledForSequenceClassification'],
    auto_map: { AutoModelForSequenceClassification: 'modeling_pooled.PooledForSequenceClassification' },
    sentence_embedding: { pooling: 'mean', normalise: true },
  });
  expect(text('modeling_pooled.py')).toContain('config_class = CONFIG_MAPPING["mpnet"]');

  const folder = await temporaryFolder();
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  const again = await pooled(folder);
  const rebuilt = buildLanguageModel(again.opened, { task: 'classification', labels });
  expect(rebuilt.fresh).toEqual([]);
  expect(await rebuilt.read(randomFor(2, 'head'))).toEqual(parameters);
});

it('embeds a text as the mean of its tokens, whatever padding follows', async () => {
  const { model, parameters, inputs } = await readEncoderFixture('mpnet-tiny', 'classification');
  const { tf } = await openEngine('wasm');
  const values = toEngine(tf, parameters);
  const { inputIds, attentionMask } = toEngine(tf, inputs);
  const embed = (tokens: number, normalise: boolean) => {
    const cut = (x: typeof inputIds) => tf.slice(x!, [0, 0], [3, tokens]);
    const batch = { inputIds: cut(inputIds), attentionMask: cut(attentionMask) };
    return model.embed!(tf, values, batch, noDropout, { pooling: 'mean', normalise }).arraySync() as number[][];
  };
  const [whole, short] = [embed(20, false), embed(6, false)];
  // The third text has five tokens.
  whole[2]!.forEach((value, at) => {
    expect(short[2]![at]).toBeCloseTo(value, 5);
  });
  for (const row of embed(20, true)) expect(Math.hypot(...row)).toBeCloseTo(1, 5);
});
