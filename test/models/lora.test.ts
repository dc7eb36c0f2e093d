import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { adapterFiles, readAdapter } from '../../shared/models/hugging-face/adapter.ts';
import { modelOf } from '../../shared/models/hugging-face/config.ts';
import {
  freshAdapter,
  type LoraSettings,
  mergeAdapter,
  newAdapterConfig,
  spectraReader,
  withLora,
} from '../../shared/models/lora.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { openWeights } from '../../shared/weights/open-weights.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';
import { readLanguageFixture } from '../support/language-fixture.ts';
import { gradientsOn, largestDifference, norm, trainOn } from '../support/language-step.ts';
import { temporaryFolder } from '../support/small-run.ts';

const folder = fixturePath('models', 'roberta-tiny-lora');
const tensorsOf = async (file: string): Promise<HostTensors> =>
  (await openSafetensors(await fileSource(join(folder, `${file}.safetensors`)))).readAll();

interface Expected {
  readonly loss_f64: number;
  readonly grad_norms_f64: Readonly<Record<string, number>>;
  readonly adamw: { readonly lr: number; readonly losses_f64: readonly number[] };
}

async function adapted() {
  const base = await readLanguageFixture('roberta-tiny');
  const { model, parameters } = await readAdapter(folder, base.model);
  return {
    base,
    model,
    trained: parameters,
    parameters: new Map([...base.parameters, ...parameters]),
    inputs: base.inputs,
    expected: await readJsonFixture<Expected>('models', 'roberta-tiny-lora', 'expected.json'),
  };
}

const settings: LoraSettings = {
  rank: 4,
  alpha: 8,
  dropout: 0,
  targets: ['query', 'value'],
  rankStabilised: false,
  alsoTrained: [],
};

describe.each(availableEngines())('an adapter of PEFT on %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it('has the logits, the loss and the gradients of the reference', async () => {
    const setup = await adapted();
    const results = await gradientsOn(engine, setup);
    expect(
      largestDifference(results.get('logits')!.data, (await tensorsOf('expected')).get('logits_f64')!.data),
    ).toBeLessThan(2e-5);
    expect(Math.abs(results.get('loss')!.data[0]! - setup.expected.loss_f64)).toBeLessThan(1e-5);
    expect(setup.model.parameters.map(({ name }) => name)).toEqual(Object.keys(setup.expected.grad_norms_f64));
    for (const [name, size] of Object.entries(setup.expected.grad_norms_f64)) {
      expect(Math.abs(norm(results.get(name)!.data) / size - 1), name).toBeLessThan(1e-4);
    }
  });

  it('is where the reference is after 5 steps of AdamW', async () => {
    const setup = await adapted();
    const { lr, losses_f64: losses } = setup.expected.adamw;
    const trained = await trainOn(engine, setup, { steps: 5, rateOf: () => lr, weightDecay: 0 });
    trained.losses.forEach((loss, step) => {
      expect(Math.abs(loss - losses[step]!)).toBeLessThan(1e-4);
    });
    for (const [name, { data }] of await tensorsOf('after_5_steps')) {
      expect(largestDifference(trained.parameters.get(name)!.data, data), name).toBeLessThan(1e-3);
    }
  });

  it('merged is the model of the reference, and has the same logits', async () => {
    const setup = await adapted();
    const merged = mergeAdapter(setup.model, setup.parameters);
    for (const [name, { data }] of await tensorsOf('expected')) {
      if (name.startsWith('merged.'))
        expect(largestDifference(merged.get(name.slice(7))!.data, data)).toBeLessThan(1e-6);
    }
    const apart = await gradientsOn(engine, setup);
    const together = await gradientsOn(engine, { ...setup.base, parameters: merged });
    expect(largestDifference(together.get('logits')!.data, apart.get('logits')!.data)).toBeLessThan(1e-5);
  });
});

describe('a new adapter', () => {
  it('begins as its base, with modules that are trained as a whole', async () => {
    const base = await readLanguageFixture('roberta-tiny');
    const config = newAdapterConfig(base.model, base.folder, { ...settings, alsoTrained: ['classifier'] });
    const model = withLora(base.model, config);
    const trained = freshAdapter(model, base.parameters, randomFor(1, 'adapter'));
    expect([...trained.keys()].filter((name) => !name.includes('lora'))).toEqual([
      'classifier.dense.weight',
      'classifier.dense.bias',
      'classifier.out_proj.weight',
      'classifier.out_proj.bias',
    ]);
    expect(model.frozen.length + 4).toBe(base.model.parameters.length);
    const merged = mergeAdapter(model, new Map([...base.parameters, ...trained]));
    expect(merged).toEqual(base.parameters);
    const bound = 1 / Math.sqrt(32);
    const first = trained.get(model.updates[0]!.a)!.data;
    expect(Math.max(...first.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...first)).toBeGreaterThan(0.8 * bound);
  });

  it('is read as it was written, and its layers are those that an analysis finds', async () => {
    const base = await readLanguageFixture('gpt2-tiny');
    const chosen: LoraSettings = { ...settings, targets: 'all-linear', rankStabilised: true, dropout: 0.1 };
    const model = withLora(base.model, newAdapterConfig(base.model, base.folder, chosen));
    expect(model.config.fan_in_fan_out).toBe(true);
    const random = randomFor(1, 'adapter');
    const trained: HostTensors = new Map(
      [...freshAdapter(model, base.parameters, random)].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map(() => random.normal()) },
      ]),
    );
    const written = await temporaryFolder();
    for (const [name, bytes] of adapterFiles(model, trained)) await writeFile(join(written, name), bytes);
    const read = await readAdapter(written, base.model);
    expect(read.parameters).toEqual(trained);
    expect(read.model.dropoutSites(2, 3)).toHaveLength(base.model.dropoutSites(2, 3).length + 8);
    const source = await openWeights(written);
    const from = (values: HostTensors) => async (name: string) => values.get(name)!;
    const ours = spectraReader(model, 'merged', { base: from(base.parameters), adapter: from(trained) });
    const layers = source.layers.filter(({ matrix }) => matrix === 'W + scale * BA');
    expect(layers.map(({ name }) => name)).toEqual(model.layers.map(({ name }) => name));
    for (const { weights } of layers) {
      const [weight] = weights as [string];
      expect(largestDifference((await source.read(weight)).data, (await ours(weight)).data)).toBeLessThan(1e-12);
    }
  });

  it('on the head of a causal model has a part in its loss', async () => {
    const base = await readLanguageFixture('llama-tiny');
    const model = withLora(
      base.model,
      newAdapterConfig(base.model, base.folder, { ...settings, targets: ['lm_head'] }),
    );
    const trained = freshAdapter(model, base.parameters, randomFor(1, 'adapter'));
    const parameters = new Map([...base.parameters, ...trained]);
    const results = await gradientsOn(await openEngine('wasm'), { model, parameters, inputs: base.inputs });
    expect(norm(results.get(model.updates[0]!.b)!.data)).toBeGreaterThan(0.01);
  });

  it.each([
    ['bert-tiny', { layers_to_transform: [1] }, ['1.attention.self.query', '1.attention.self.value']],
    [
      'bert-tiny',
      { layers_to_transform: 0, layers_pattern: 'layer' },
      ['0.attention.self.query', '0.attention.self.value'],
    ],
    ['bert-tiny', { layers_to_transform: [0], layers_pattern: ['h'] }, []],
    ['bert-tiny', { exclude_modules: ['layer.0.attention.self.query', 'value'] }, ['1.attention.self.query']],
    ['bert-tiny', { exclude_modules: '.*\\.layer\\.1\\..*' }, ['0.attention.self.query', '0.attention.self.value']],
    ['bert-tiny', { target_modules: '.*\\.1\\..*\\.key', layers_to_transform: [0] }, ['1.attention.self.key']],
  ])('of PEFT on %s with %o is on the layers that PEFT takes', async (name, chosen, layers) => {
    const { model, folder } = await readLanguageFixture(name);
    const config = { ...newAdapterConfig(model, folder, settings), ...chosen };
    const adapted = () => withLora(model, config).updates.map(({ layer }) => layer.name.replace(/^.*layer\./, ''));
    if (layers.length === 0) expect(adapted).toThrow('no dense layer is a target');
    else expect(adapted()).toEqual(layers);
  });

  it.each([
    [
      'distilbert-tiny',
      'classifier',
      ['pre_classifier.weight', 'pre_classifier.bias', 'classifier.weight', 'classifier.bias'],
    ],
    [
      'llama-tiny',
      'norm',
      ['input_layernorm', 'post_attention_layernorm', 'input_layernorm', 'post_attention_layernorm', 'norm'],
    ],
  ])('of %s saves every module whose name ends in %s, as PEFT does', async (name, saved, expected) => {
    const { model, folder } = await readLanguageFixture(name);
    const targets = name === 'llama-tiny' ? ['q_proj'] : ['q_lin'];
    const config = newAdapterConfig(model, folder, { ...settings, targets, alsoTrained: [saved] });
    const names = withLora(model, config)
      .parameters.map((spec) => spec.name)
      .filter((each) => !each.includes('lora'));
    expect(names.map((each) => each.replace(/^model\.(layers\.\d+\.)?(.*)\.weight$/, '$2'))).toEqual(expected);
  });

  it.each([
    ['bert-tiny', 'masked-lm', 'query', ['cls', 'predictions', 'word_embeddings'], 'transform'],
    ['roberta-tiny', 'masked-lm', 'query', ['lm_head', 'embeddings'], 'lm_head.dense'],
    ['distilbert-tiny', 'masked-lm', 'q_lin', ['vocab_projector'], 'vocab_transform'],
    ['gpt2-tiny', 'causal-lm', 'c_attn', ['wte'], 'wpe'],
    ['bert-tiny', 'classification', 'query', [], 'word_embeddings'],
  ] as const)(
    'of %s for %s does not train whole what words are scored by',
    async (name, task, target, refused, taken) => {
      const { config } = await readLanguageFixture(name);
      const { model } = modelOf(config, task, ['a', 'b', 'c'], name);
      const saving = (module: string) =>
        withLora(model, newAdapterConfig(model, '', { ...settings, targets: [target], alsoTrained: [module] }));
      for (const module of refused) {
        expect(() => saving(module), module).toThrow(`${module} can't be trained whole beside an adapter`);
      }
      expect(saving(taken).parameters.length).toBeGreaterThan(saving(taken).updates.length * 2);
    },
  );

  it('is refused where no layer is its target, with those that could be', async () => {
    const { model } = await readLanguageFixture('roberta-tiny');
    expect(() => newAdapterConfig(model, '', { ...settings, targets: ['q_proj'] })).toThrow(
      /no dense layer is a target of the adapter: q_proj\n.*attention\.self\.query/,
    );
  });

  it('is refused on a base of another size, with every tensor', async () => {
    const base = await readLanguageFixture('bert-tiny');
    await expect(readAdapter(folder, base.model)).rejects.toThrow(
      /missing .*bert.encoder.layer.0.attention.self.query/,
    );
  });
});
