import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { huggingFaceFiles, readHuggingFace } from '../../../shared/models/hugging-face/folder.ts';
import { labelsOfHead, openModelFolder } from '../../../shared/models/hugging-face/model-folder.ts';
import { readHuggingFaceWeights } from '../../../shared/models/hugging-face/weights.ts';
import type { LanguageTask } from '../../../shared/models/language/model.ts';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../../shared/tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../../shared/tensors/tensor.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { brainBytes, rawSafetensors } from '../../support/safetensors.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const read = (folder: string, task: LanguageTask = 'classification', labels?: readonly string[]) =>
  readHuggingFace(folder, { task, random: randomFor(1, 'head'), ...(labels ? { labels } : {}) });

const tensorsOf = async (path: string) => (await openSafetensors(await fileSource(path))).readAll();

/** A copy of a fixture with its weights or configuration changed. */
async function changed(
  name: string,
  change: {
    weights?: (tensors: Map<string, HostTensor>) => Iterable<readonly [string, HostTensor]>;
    config?: (config: Record<string, unknown>) => Record<string, unknown>;
  },
): Promise<string> {
  const folder = await temporaryFolder();
  await cp(fixturePath('models', name), folder, { recursive: true });
  if (change.weights) {
    const tensors = new Map(change.weights(await tensorsOf(join(folder, 'model.safetensors'))));
    await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors));
  }
  if (change.config) {
    const config = change.config(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')));
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  }
  return folder;
}

const renamed = (rename: (name: string) => string | undefined) => (tensors: HostTensors) =>
  [...tensors].flatMap(([name, tensor]): [string, HostTensor][] => {
    const next = rename(name);
    return next === undefined ? [] : [[next, tensor]];
  });

describe('the weights of a folder', () => {
  it('are found without the prefix of the base and under the old names of norms', async () => {
    const folder = await changed('bert-tiny', {
      weights: renamed((name) =>
        name
          .replace(/^bert\./, '')
          .replace('LayerNorm.weight', 'LayerNorm.gamma')
          .replace('LayerNorm.bias', 'LayerNorm.beta'),
      ),
    });
    expect((await read(folder)).parameters).toEqual((await read(fixturePath('models', 'bert-tiny'))).parameters);
  });

  it('may be a checkpoint of PyTorch, with names that all begin with what wrapped the model', async () => {
    const folder = await temporaryFolder();
    const whole = fixturePath('models', 'bert-tiny');
    await cp(join(whole, 'config.json'), join(folder, 'config.json'));
    await cp(fixturePath('pytorch', 'bert-tiny.bin'), join(folder, 'pytorch_model.bin'));
    const notes: string[] = [];
    const { model, names } = await read(whole);
    const store = (await openModelFolder(folder)).weights!;
    const random = randomFor(1, 'head');
    const { parameters } = await readHuggingFaceWeights(store, model, names, {
      random,
      tell: (note) => notes.push(note),
    });
    expect(parameters).toEqual((await read(whole)).parameters);
    expect(notes).toEqual([expect.stringContaining('all begin with `module.`, which is left out')]);
  });

  it.each(['bert-tiny', 'roberta-tiny', 'distilbert-tiny'])(
    'of %s get a fresh head where it has none',
    async (name) => {
      const folder = await changed(name, { weights: renamed((each) => (/classifier/.test(each) ? undefined : each)) });
      const { parameters, fresh, labels } = await read(folder, 'classification', ['no', 'yes']);
      const head = [...parameters.keys()].filter((each) => /classifier/.test(each));
      expect(fresh).toEqual(head);
      expect(labels).toEqual(['no', 'yes']);
      for (const each of head) {
        const { data } = parameters.get(each)!;
        const deviation = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
        if (each.endsWith('.bias')) expect(deviation).toBe(0);
        else expect(Math.abs(deviation - 0.02)).toBeLessThan(0.004);
      }
    },
  );

  it.each([
    ['bert-tiny', 'classifier'],
    ['roberta-tiny', 'classifier.out_proj'],
    ['distilbert-tiny', 'classifier'],
  ])('of %s get a fresh last layer for other labels where it is asked for, and keep the rest', async (name, last) => {
    const folder = fixturePath('models', name);
    const options = { task: 'classification', random: randomFor(1, 'head'), freshScores: true } as const;
    const { parameters, fresh } = await readHuggingFace(folder, { ...options, labels: ['a', 'b', 'c', 'd', 'e'] });
    const stored = (await read(folder)).parameters;
    expect(fresh).toEqual([`${last}.weight`, `${last}.bias`]);
    expect(parameters.get(`${last}.weight`)!.shape).toEqual([5, 32]);
    expect(parameters.get(`${last}.bias`)!).toEqual({ shape: [5], data: new Float32Array(5) });
    for (const [each, tensor] of stored) if (!fresh.includes(each)) expect(parameters.get(each)).toEqual(tensor);
    const same = (await readHuggingFace(folder, options)).parameters.get(`${last}.weight`)!;
    expect(same.shape).toEqual(stored.get(`${last}.weight`)!.shape);
    expect(same.data).not.toEqual(stored.get(`${last}.weight`)!.data);
  });

  it('say how many labels the head is for, whatever the configuration says', async () => {
    const labels = async (folder: string) => labelsOfHead(await openModelFolder(folder));
    const named = { id2label: { 0: 'no', 1: 'maybe', 2: 'yes' } };
    expect(await labels(await changed('roberta-tiny', { config: (config) => ({ ...config, ...named }) }))).toEqual([
      'no',
      'maybe',
      'yes',
    ]);
    const two = { id2label: { 0: 'no', 1: 'yes' } };
    expect(await labels(await changed('roberta-tiny', { config: (config) => ({ ...config, ...two }) }))).toEqual([
      'LABEL_0',
      'LABEL_1',
      'LABEL_2',
    ]);
    const headless = await changed('roberta-tiny', {
      weights: renamed((each) => (/classifier/.test(each) ? undefined : each)),
    });
    expect(await labels(headless)).toBeUndefined();
  });

  it('get a fresh head for masked words, whose scores share the table of tokens', async () => {
    const { fresh, model } = await read(fixturePath('models', 'roberta-tiny'), 'masked-lm');
    expect(fresh.toSorted()).toEqual([
      'lm_head.bias',
      'lm_head.dense.bias',
      'lm_head.dense.weight',
      'lm_head.layer_norm.bias',
      'lm_head.layer_norm.weight',
    ]);
    expect(model.parameters.map(({ name }) => name)).not.toContain('lm_head.decoder.weight');
  });

  it('may hold what can be computed and heads of other tasks', async () => {
    const extra: HostTensor = { shape: [1, 40], data: new Float32Array(40) };
    const folder = await changed('bert-tiny', {
      weights: (tensors) => [
        ...tensors,
        ['bert.embeddings.position_ids', extra],
        ['cls.seq_relationship.weight', extra],
        ['cls.predictions.bias', extra],
      ],
    });
    expect((await read(folder)).fresh).toEqual([]);
  });

  it('that are missing, unexpected or mis-shaped are listed all at once', async () => {
    const folder = await changed('bert-tiny', {
      weights: (tensors) => [
        ...renamed((name) => (name.endsWith('1.output.dense.bias') ? 'bert.extra' : name))(tensors),
        ['classifier.weight', { shape: [2, 32], data: new Float32Array(64) }],
      ],
    });
    const error = await read(folder).catch(({ message }: Error) => message);
    expect(error).toContain('missing     bert.encoder.layer.1.output.dense.bias [32]');
    expect(error).toContain('unexpected  bert.extra [32]');
    expect(error).toContain('mis-shaped  classifier.weight: the file has [2, 32], the model needs [3, 32]');
  });

  it('are not taken when they hold numbers that are not finite', async () => {
    const folder = await changed('bert-tiny', {
      weights: (tensors) => [...tensors, ['classifier.bias', { shape: [3], data: Float32Array.of(1, Number.NaN, 0) }]],
    });
    await expect(read(folder)).rejects.toThrow('tensor "classifier.bias" holds NaN');
  });

  it('are read from shards of 16-bit numbers', async () => {
    const folder = await temporaryFolder();
    await cp(fixturePath('models', 'gpt2-tiny'), folder, { recursive: true });
    const tensors = [...(await tensorsOf(join(folder, 'model.safetensors')))];
    await rm(join(folder, 'model.safetensors'));
    const map: Record<string, string> = {};
    for (const [number, part] of [tensors.slice(0, 9), tensors.slice(9)].entries()) {
      const file = `model-0000${number + 1}-of-00002.safetensors`;
      const stored = part.map(([name, { shape, data }]) => [name, { dtype: 'BF16', shape, bytes: brainBytes(data) }]);
      await writeFile(join(folder, file), rawSafetensors(Object.fromEntries(stored)));
      for (const [name] of part) map[name] = file;
    }
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    const { parameters } = await read(folder, 'causal-lm');
    expect([...parameters.keys()].toSorted()).toEqual(Object.keys(map).toSorted());
    const [name, exact] = tensors[0]!;
    expect(Math.abs(parameters.get(name)!.data[0]! / exact.data[0]! - 1)).toBeLessThan(2 ** -7);
  });
});

describe('a configuration without the kind of model', () => {
  const without = (architectures: readonly string[]) =>
    changed('gpt2-tiny', { config: ({ model_type: _, ...config }) => ({ ...config, architectures }) });

  it('has the kind of its class', async () => {
    expect((await read(await without(['GPT2LMHeadModel']), 'causal-lm')).config.model_type).toBe('gpt2');
  });

  it('is refused where its class says nothing', async () => {
    await expect(read(await without(['Unheard']), 'causal-lm')).rejects.toThrow(
      /config.json: does not say what kind of model it describes: model_type/,
    );
  });
});

describe('a folder that is not supported', () => {
  it('is refused with the kinds that are', async () => {
    const folder = await changed('bert-tiny', { config: (config) => ({ ...config, model_type: 'bart' }) });
    await expect(read(folder)).rejects.toThrow(
      /models of type "bart" are not supported\n.*bert, roberta, camembert, xlm-roberta, distilbert, electra/,
    );
  });

  it('is refused for a task without a head, with what it can do', async () => {
    await expect(read(fixturePath('models', 'gpt2-tiny'), 'masked-lm')).rejects.toThrow(
      /"gpt2" has no head for masked-lm\n.*It can do classification, causal-lm/,
    );
  });

  it('is refused with every setting that is not supported', async () => {
    const folder = await changed('bert-tiny', {
      config: (config) => ({ ...config, position_embedding_type: 'relative_key', hidden_act: 'mish' }),
    });
    const error = await read(folder).catch(({ message }: Error) => message);
    expect(error).toMatch(/position_embedding_type: .*absolute/);
    expect(error).toMatch(/hidden_act: .*gelu/);
  });
});

describe('a folder that is written', () => {
  it('reads as the model that it was, with labels, tokenizer and other settings kept', async () => {
    const folder = await changed('bert-tiny', {
      config: (config) => ({ ...config, torch_dtype: 'float16', problem_type: 'single_label_classification' }),
    });
    await writeFile(join(folder, 'tokenizer.json'), '{"version": "1.0"}');
    const before = await read(folder, 'classification', ['low', 'middle', 'high']);
    const written = await temporaryFolder();
    for (const [name, bytes] of huggingFaceFiles(before, before.parameters))
      await writeFile(join(written, name), bytes);
    const after = await read(written);
    expect(after.parameters).toEqual(before.parameters);
    expect(after.labels).toEqual(['low', 'middle', 'high']);
    expect(await readFile(join(written, 'tokenizer.json'), 'utf8')).toBe('{"version": "1.0"}');
    expect(after.config).toEqual({
      ...before.config,
      torch_dtype: 'float32',
      id2label: { 0: 'low', 1: 'middle', 2: 'high' },
      label2id: { low: 0, middle: 1, high: 2 },
    });
    const stored = await openSafetensors(await fileSource(join(written, 'model.safetensors')));
    expect(stored.metadata).toEqual({ format: 'pt' });
  });
});
