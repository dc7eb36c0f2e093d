import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  configAfter,
  encodeConfig,
  givenProblem,
  modelOf,
  problemOfConfig,
} from '../../../shared/models/hugging-face/config.ts';
import { buildLanguageModel, openModelFolder } from '../../../shared/models/hugging-face/model-folder.ts';
import type { LanguageTask } from '../../../shared/models/language/model.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const bert = {
  model_type: 'bert',
  vocab_size: 30,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 12,
};
const built = (more: Record<string, unknown>, task: LanguageTask = 'classification') =>
  modelOf({ ...bert, ...more }, task, ['a', 'b'], 'config.json');

describe('what a configuration says and no part of the model reads', () => {
  it.each([
    ['attn_logit_softcapping', 50],
    ['quantization_config', { load_in_4bit: true }],
    ['is_encoder_decoder', true],
    ['partial_rotary_factor', 0.5],
    ['some_new_feature', 'on'],
  ])('is refused: %s', (key, value) => {
    expect(() => built({ [key]: value })).toThrow(
      `config.json: is not a bert that is supported:\n    ${key}: ${JSON.stringify(value)} is not read for this kind of model`,
    );
  });

  it('is all named at once, beside values that are wrong', () => {
    expect(() => built({ one: 1, two: 2, hidden_act: 'step' })).toThrow(/hidden_act.*\n.*one: 1.*\n.*two: 2/);
  });

  it.each([
    ['about the model', { transformers_version: '5.18.0', architectures: ['BertModel'], auto_map: { x: 'y' } }],
    ['for other programs', { use_cache: true, torch_dtype: 'bfloat16', gradient_checkpointing: true }],
    ['for writing texts', { temperature: 0.6, max_length: 20, eos_token_id: 2 }],
    ['turned off', { pruned_heads: {}, some_new_feature: false, another: null, more_dropout: 0 }],
    ['a note that transformers makes for itself', { _name_or_path: 'bert', _commit_hash: 'a' }],
    ['read for every classifier', { problem_type: 'multi_label_classification' }],
  ])('does no harm where it is %s', (_, more) => {
    expect(() => built(more)).not.toThrow();
  });

  it('may tell of a task that is not trained', () => {
    expect(() => built({ tie_word_embeddings: false }, 'classification')).not.toThrow();
    expect(() => built({ tie_word_embeddings: false }, 'masked-lm')).toThrow('tie_word_embeddings: false');
  });
});

describe('a number of blocks', () => {
  const keys = [
    ['bert-tiny', 'classification', 'num_hidden_layers'],
    ['roberta-tiny', 'classification', 'num_hidden_layers'],
    ['distilbert-tiny', 'classification', 'n_layers'],
    ['gpt2-tiny', 'causal-lm', 'n_layer'],
    ['llama-tiny', 'causal-lm', 'num_hidden_layers'],
  ] as const;

  it('that no model has is refused before anything is built', () => {
    expect(() => built({ num_hidden_layers: 2 ** 32 })).toThrow(
      'config.json: num_hidden_layers is 4294967296: a model has at most 1000 blocks here',
    );
  });

  it.each(keys)('of %s is held against the weights', async (name, task, key) => {
    const folder = await temporaryFolder();
    await cp(fixturePath('models', name), folder, { recursive: true });
    const path = join(folder, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, [key]: 900 }));
    const opened = await openModelFolder(folder);
    expect(() => buildLanguageModel(opened, { task, labels: ['a', 'b', 'c'] })).toThrow(
      `${path}: ${key} is 900, and the weights in ${opened.weights!.label} have 2 blocks`,
    );
  });
});

it('of a model to be drawn is refused where it is too large for any memory', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...bert, vocab_size: 1e12 }));
  const opened = await openModelFolder(folder, { fresh: true });
  expect(() => buildLanguageModel(opened, { task: 'classification', labels: ['a', 'b'] })).toThrow(
    /config\.json: describes a model of 8000000\d+ parameters, the largest tensor bert\.embeddings\.word_embeddings\.weight/,
  );
});

it('has numbers with a point in its file where transformers takes nothing else', () => {
  const config = {
    hidden_size: 8,
    initializer_range: 1,
    attn_logit_softcapping: 50,
    layer_norm_eps: 1e-12,
    nested: { norm_eps: 1 },
  };
  const text = new TextDecoder().decode(encodeConfig(config));
  expect(text).toContain('"hidden_size": 8,\n  "initializer_range": 1.0,\n  "attn_logit_softcapping": 50.0,\n');
  expect(JSON.parse(text)).toEqual(config);
});

describe('the configuration of a trained model', () => {
  const stored = {
    ...bert,
    architectures: ['BertForMaskedLM'],
    _name_or_path: '/home/someone/secret/bert',
    _commit_hash: 'a',
    num_labels: 5,
    torch_dtype: 'bfloat16',
    id2label: { 0: 'x', 1: 'y' },
    label2id: { x: 0, y: 1 },
    problem_type: 'regression' as const,
    quantization_config: { load_in_4bit: true },
    text_config: { _name_or_path: '/home/someone', hidden_size: 8 },
  };
  const architecture = { architecture: 'BertForSequenceClassification' };

  it('says what the classifier does, and nothing of the machine that it was on', () => {
    const config = configAfter(stored, architecture, ['a', 'b', 'c'], 'multi_label_classification');
    expect(config).toEqual({
      ...bert,
      architectures: ['BertForSequenceClassification'],
      torch_dtype: 'float32',
      id2label: { 0: 'a', 1: 'b', 2: 'c' },
      label2id: { a: 0, b: 1, c: 2 },
      problem_type: 'multi_label_classification',
      text_config: { hidden_size: 8 },
    });
    expect(JSON.stringify(config)).not.toContain('someone');
  });

  it('has no labels where the model has none', () => {
    expect(configAfter(stored, { architecture: 'BertForMaskedLM' }, undefined)).toEqual({
      ...bert,
      architectures: ['BertForMaskedLM'],
      torch_dtype: 'float32',
      text_config: { hidden_size: 8 },
    });
  });
});

describe('the problem type', () => {
  const settings = { folder: 'bert', head: 'keep' as const };

  it('is that of the settings, else of the configuration, else of a single label', () => {
    const named = { ...bert, problem_type: 'multi_label_classification' as const };
    expect(givenProblem(named, { ...settings, problemType: 'regression' })).toMatchObject({ type: 'regression' });
    expect(givenProblem(named, settings)).toEqual({
      type: 'multi_label_classification',
      from: 'problem_type in bert/config.json',
    });
    expect(givenProblem({ ...bert, num_labels: 1 }, settings)).toMatchObject({ type: 'regression' });
    expect(givenProblem(bert, settings)).toBeUndefined();
    expect(problemOfConfig({ ...bert, id2label: { 0: 'LABEL_0' } })).toBe('regression');
    expect(problemOfConfig(bert)).toBe('single_label_classification');
  });

  it('of a head that is replaced says nothing', () => {
    expect(givenProblem({ ...bert, problem_type: 'regression' }, { ...settings, head: 'fresh' })).toBeUndefined();
  });
});
