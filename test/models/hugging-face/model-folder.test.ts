import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { adapterFiles } from '../../../shared/models/hugging-face/adapter.ts';
import {
  buildLanguageModel,
  labelsOfFolder,
  labelsOfHead,
  openModelFolder,
} from '../../../shared/models/hugging-face/model-folder.ts';
import type { LanguageTask } from '../../../shared/models/language/model.ts';
import { languageModelSchema } from '../../../shared/models/language/settings.ts';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../../shared/tensors/safetensors.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const labels = ['low', 'middle', 'high'];
const loraOf = (lora: Record<string, unknown>) =>
  languageModelSchema.parse({ family: 'huggingface', folder: 'x', lora }).lora!;

/** A copy of a fixture's folder without the tensors of these names. */
async function without(name: string, absent: RegExp): Promise<string> {
  const folder = await temporaryFolder();
  await cp(fixturePath('models', name), folder, { recursive: true });
  const path = join(folder, 'model.safetensors');
  const tensors = await (await openSafetensors(await fileSource(path))).readAll();
  await writeFile(path, encodeSafetensors(new Map([...tensors].filter(([each]) => !absent.test(each)))));
  return folder;
}

async function newAdapterOn(folder: string, task: LanguageTask, lora: Record<string, unknown> = {}) {
  const opened = await openModelFolder(folder);
  return buildLanguageModel(opened, { task, labels, lora: loraOf(lora) });
}

describe('a new adapter', () => {
  it.each([
    ['bert-tiny', 'classification', ['query', 'value'], ['classifier']],
    ['roberta-tiny', 'classification', ['query', 'value'], ['classifier']],
    ['distilbert-tiny', 'classification', ['q_lin', 'v_lin'], ['pre_classifier', 'classifier']],
    ['gpt2-tiny', 'causal-lm', ['c_attn'], null],
    ['llama-tiny', 'causal-lm', ['q_proj', 'v_proj'], null],
  ] as const)('of %s is where PEFT puts one, and trains a head of labels', async (name, task, targets, saved) => {
    const { adapter } = await newAdapterOn(fixturePath('models', name), task);
    expect(adapter!.config).toMatchObject({
      r: 8,
      lora_alpha: 8,
      lora_dropout: 0,
      use_rslora: false,
      target_modules: targets,
      modules_to_save: saved,
      base_model_name_or_path: fixturePath('models', name),
    });
  });

  it('trains whatever its base has no weights of, and what it is told to', async () => {
    const folder = await without('bert-tiny', /classifier|pooler/);
    const { adapter, fresh, read } = await newAdapterOn(folder, 'classification', { alsoTrained: ['LayerNorm'] });
    expect(adapter!.config.modules_to_save).toEqual(['LayerNorm', 'classifier', 'bert.pooler']);
    expect(fresh).toEqual([
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      'classifier.weight',
      'classifier.bias',
    ]);
    const names = adapter!.parameters.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining([...fresh, 'bert.encoder.layer.0.output.LayerNorm.weight']));
    expect(names).not.toContain('bert.encoder.layer.0.output.dense.weight');
    const [one, other] = [await read(randomFor(1, 'a')), await read(randomFor(1, 'a'))];
    expect(other).toEqual(one);
    expect([...one.keys()].toSorted()).toEqual(
      [...adapter!.parameters, ...adapter!.frozen].map(({ name }) => name).toSorted(),
    );
  });
});

it('a folder without weights is a model whose weights are all drawn', async () => {
  const folder = await temporaryFolder();
  await cp(fixturePath('models', 'bert-tiny', 'config.json'), join(folder, 'config.json'));
  await expect(openModelFolder(folder)).rejects.toThrow('holds no weights');
  const opened = await openModelFolder(folder, { fresh: true });
  expect(await labelsOfHead(opened)).toBeUndefined();
  const { model, fresh, read } = buildLanguageModel(opened, { task: 'masked-lm', labels: [] });
  const names = model.parameters.map(({ name }) => name);
  expect(fresh).toEqual(names);
  expect([...(await read(randomFor(1, 'a'))).keys()]).toEqual(names);
});

it('an adapter may have a head for other labels than its base', async () => {
  const base = fixturePath('models', 'bert-tiny');
  const five = ['a', 'b', 'c', 'd', 'e'];
  const options = { task: 'classification', labels: five } as const;
  const whole = buildLanguageModel(await openModelFolder(base), { ...options, lora: loraOf({}), freshScores: true });
  const values = await whole.read(randomFor(1, 'a'));
  expect(values.get('classifier.weight')!.shape).toEqual([5, 32]);
  const folder = await temporaryFolder();
  for (const [name, bytes] of adapterFiles(whole.adapter!, values)) await writeFile(join(folder, name), bytes);
  const opened = await openModelFolder(folder);
  const unnamed = five.map((_, place) => `LABEL_${place}`);
  expect(await labelsOfHead(opened)).toEqual(unnamed);
  expect(await labelsOfFolder(opened)).toEqual(unnamed);
  expect(await labelsOfFolder(await openModelFolder(base))).toHaveLength(3);
  const again = buildLanguageModel(opened, options);
  expect(again.fresh).toEqual([]);
  expect((await again.read(randomFor(2, 'b'))).get('classifier.weight')).toEqual(values.get('classifier.weight'));
});

describe('the folder of an adapter', () => {
  const lora = fixturePath('models', 'roberta-tiny-lora');

  it('is a model with the adapter as it is, apart from what it is trained with', async () => {
    const opened = await openModelFolder(lora);
    const built = buildLanguageModel(opened, { task: 'classification', labels, lora: loraOf({ dropout: 0.5 }) });
    const stored = JSON.parse(await readFile(join(lora, 'adapter_config.json'), 'utf8'));
    expect(built.adapter!.config).toEqual({
      ...stored,
      modules_to_save: null,
      lora_dropout: 0.5,
      base_model_name_or_path: fixturePath('models', 'roberta-tiny'),
    });
    expect(built.fresh).toEqual([]);
    const values = await built.read(randomFor(1, 'a'));
    const tensors = await (await openSafetensors(await fileSource(join(lora, 'adapter_model.safetensors')))).readAll();
    for (const { name } of built.adapter!.parameters) {
      const prefixed = name.startsWith('base_model') ? name : `base_model.model.${name}`;
      expect(values.get(name), name).toEqual(tensors.get(prefixed));
    }
  });

  it.each([
    [{ rank: 2 }, 'has its own rank'],
    [{ targets: ['key'], alpha: 1, rankStabilised: true }, 'has its own alpha, targets, rankStabilised'],
  ])('keeps what makes it the adapter that it is: %o', async (settings, message) => {
    const opened = await openModelFolder(lora);
    const options = { task: 'classification', labels, lora: loraOf(settings) } as const;
    expect(() => buildLanguageModel(opened, options)).toThrow(message);
  });

  it('needs its base', async () => {
    const folder = await temporaryFolder();
    await cp(lora, folder, { recursive: true });
    const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));
    const base = fixturePath('models', 'roberta-tiny');
    await writeFile(
      join(folder, 'adapter_config.json'),
      JSON.stringify({ ...config, base_model_name_or_path: 'gone' }),
    );
    await expect(openModelFolder(folder)).rejects.toThrow(
      /its base, gone, is not a folder here\n.*model\.base.*--base/,
    );
    expect((await openModelFolder(folder, { base })).base).toBe(base);
    await expect(openModelFolder(base, { base })).rejects.toThrow('is not an adapter, so it has no base');
  });

  it('trains heads that neither it nor its base has, and says that they are drawn', async () => {
    const base = await without('bert-tiny', /pooler/);
    const whole = await newAdapterOn(fixturePath('models', 'bert-tiny'), 'classification');
    const folder = await temporaryFolder();
    const values = await whole.read(randomFor(1, 'a'));
    for (const [name, bytes] of adapterFiles(whole.adapter!, values)) await writeFile(join(folder, name), bytes);
    const opened = await openModelFolder(folder, { base });
    const { adapter, fresh } = buildLanguageModel(opened, { task: 'classification', labels });
    expect(fresh).toEqual(['bert.pooler.dense.weight', 'bert.pooler.dense.bias']);
    expect(adapter!.config.modules_to_save).toEqual(['classifier', 'bert.pooler']);
  });

  it('has its labels beside it, and its tokenizer there or with the base', async () => {
    const folder = await temporaryFolder();
    await cp(lora, folder, { recursive: true });
    const base = await temporaryFolder();
    await cp(fixturePath('models', 'roberta-tiny'), base, { recursive: true });
    await rm(join(base, 'tokenizer.json'), { force: true });
    const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8'));
    await writeFile(join(folder, 'base_config.json'), JSON.stringify({ ...config, id2label: { 0: 'no', 1: 'yes' } }));
    const opened = await openModelFolder(folder, { base });
    expect(opened.config.id2label).toEqual({ 0: 'no', 1: 'yes' });
    expect(opened.tokenizer).toBe(base);
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    expect((await openModelFolder(folder, { base })).tokenizer).toBe(folder);
  });
});
