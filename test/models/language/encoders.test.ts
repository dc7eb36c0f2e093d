import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import type { Engine } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { toEngine } from '../../../shared/engines/transfer.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import { newAdapterConfig, usualLora, withLora } from '../../../shared/models/lora.ts';
import { unitOf } from '../../../shared/schedules/units.ts';
import { elementCount } from '../../../shared/tensors/tensor.ts';
import { languageLoss } from '../../../shared/training/objectives/language.ts';
import {
  type EncoderTask,
  encoderFixtures,
  readEncoderFixture,
  writerFixtures,
} from '../../support/encoder-fixture.ts';
import { gradientsOn, largestDifference, norm } from '../../support/language-step.ts';

const casesOf = (names: readonly string[], tasks: readonly EncoderTask[]) =>
  names.flatMap((name) => tasks.map((task): [string, EncoderTask] => [name, task]));
const cases = [
  ...casesOf(encoderFixtures, ['classification', 'masked-lm']),
  ...casesOf(writerFixtures, ['classification', 'seq2seq']),
];

const probe = (values: Float32Array): number =>
  values.reduce((sum, value, index) => sum + value * Math.cos(index + 1), 0);

// The slowest engine computes by the same operations as wasm.
describe.each(availableEngines().filter((name) => name !== 'cpu'))('on %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it.each(cases)('%s for %s has the logits, the loss and the gradients of transformers', async (name, task) => {
    const fixture = await readEncoderFixture(name, task);
    const results = await gradientsOn(engine, fixture);
    const found = results.get('logits')!;
    expect(found.shape).toEqual(fixture.logits.shape);
    const size = found.shape.at(-1)!;
    const mask = fixture.inputs.get('attentionMask')!.data;
    const compared = (data: Float32Array) =>
      data.filter((_, at) => task !== 'masked-lm' || mask[Math.floor(at / size)] === 1);
    expect(largestDifference(compared(found.data), compared(fixture.logits.data))).toBeLessThan(2e-5);
    expect(Math.abs(results.get('loss')!.data[0]! - fixture.expected.loss)).toBeLessThan(1e-5);
    const { gradients } = fixture.expected;
    expect(fixture.model.parameters.map((parameter) => parameter.name).toSorted()).toEqual(
      Object.keys(gradients).toSorted(),
    );
    for (const [parameter, [size, along]] of Object.entries(gradients)) {
      const { data } = results.get(parameter)!;
      const allowed = Math.max(1e-4 * size, 2e-6);
      expect(Math.abs(norm(data) - size), parameter).toBeLessThan(allowed);
      expect(Math.abs(probe(data) - along), parameter).toBeLessThan(allowed * Math.sqrt(data.length));
    }
  });
});

it.each(cases)('%s for %s drops where transformers does, in its order', async (name, task) => {
  const { model, parameters, inputs, expected } = await readEncoderFixture(name, task);
  const { tf } = await openEngine('wasm');
  const { inputIds, attentionMask, labels, ...others } = toEngine(tf, inputs);
  const [texts, tokens] = inputIds!.shape as [number, number];
  const targets = others.decoderIds?.shape[1];
  const rates = new Map(model.dropoutSites(texts, tokens, targets).map((site) => [site.name, site]));
  const sizes = expected.drops.map(([shape, rate]) => [shape.reduce((a, b) => a * b), rate] as const);
  const seen: [size: number, rate: number][] = [];
  const loss = languageLoss(
    tf,
    model,
    toEngine(tf, parameters),
    { inputIds: inputIds!, attentionMask: attentionMask!, labels: labels!, ...others },
    (x, site) => {
      const { rate, shape } = rates.get(site) ?? { rate: 0, shape: x.shape };
      expect(x.shape).toEqual(shape);
      if (rate === 0) return x;
      const whole = sizes[seen.length]![0];
      // Where a text's first token is all that is read, the others' rows are not there.
      expect([1, tokens]).toContain(whole / x.size);
      const width = shape.at(-1)!;
      const kept = Float32Array.from({ length: x.size }, (_, place) => {
        const element = Math.floor(place / width) * (whole / x.size) * width + (place % width);
        return (7 * element + 3 * seen.length) % 10 >= 2 ? 1 / (1 - rate) : 0;
      });
      seen.push([whole, rate]);
      return tf.mul(x, tf.tensor(kept, x.shape));
    },
  );
  expect(seen).toEqual(sizes);
  expect(Math.abs(loss.dataSync()[0]! - expected.lossWithDropout)).toBeLessThan(1e-5);
});

it.each(['albert-tiny', 'deberta-v3-tiny'])('an adapter on %s drops anew at each use of a layer', async (name) => {
  const { model: base, parameters, inputs } = await readEncoderFixture(name, 'classification');
  const settings = { ...usualLora, dropout: 0.25, targets: 'all-linear', alsoTrained: [] } as const;
  const model = withLora(base, newAdapterConfig(base, 'base', settings));
  const { tf } = await openEngine('wasm');
  const { inputIds, attentionMask } = toEngine(tf, inputs);
  const [texts, tokens] = inputIds!.shape as [number, number];
  const sites = new Map(model.dropoutSites(texts, tokens).map((site) => [site.name, site.shape]));
  const seen = new Map<string, number[]>();
  const values = { ...toEngine(tf, model.initialise(randomFor(1, 'adapter'))), ...toEngine(tf, parameters) };
  model.forward(tf, values, { inputIds: inputIds!, attentionMask: attentionMask! }, (x, site) => {
    expect(seen.has(site), site).toBe(false);
    seen.set(site, x.shape);
    return x;
  });
  for (const [site, shape] of sites) expect(seen.get(site), site).toEqual(shape);
  for (const site of seen.keys()) if (site.endsWith('lora_dropout')) expect([...sites.keys()]).toContain(site);
});

const sizes = (size: number, blocks: number, heads: number) => ({
  ...{ hidden_size: size, num_hidden_layers: blocks, num_attention_heads: heads, intermediate_size: 4 * size },
  ...{ hidden_act: 'gelu', hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, initializer_range: 0.02 },
});

it.each([
  [
    {
      ...{ model_type: 'modernbert', architectures: ['ModernBertForMaskedLM'], attention_bias: false },
      ...{ attention_dropout: 0, bos_token_id: 50281, classifier_activation: 'gelu', classifier_bias: false },
      ...{ classifier_dropout: 0, classifier_pooling: 'mean', cls_token_id: 50281, decoder_bias: true },
      ...{ deterministic_flash_attn: false, embedding_dropout: 0, eos_token_id: 50282, global_attn_every_n_layers: 3 },
      ...{ global_rope_theta: 160000, gradient_checkpointing: false, hidden_activation: 'gelu', hidden_size: 768 },
      ...{ initializer_cutoff_factor: 2, initializer_range: 0.02, intermediate_size: 1152, layer_norm_eps: 1e-5 },
      ...{ local_attention: 128, local_rope_theta: 10000, max_position_embeddings: 8192, mlp_bias: false },
      ...{ mlp_dropout: 0, norm_bias: false, norm_eps: 1e-5, num_attention_heads: 12, num_hidden_layers: 22 },
      ...{ pad_token_id: 50283, position_embedding_type: 'absolute', sep_token_id: 50282, tie_word_embeddings: true },
      ...{ torch_dtype: 'float32', transformers_version: '4.47.0.dev0', vocab_size: 50368 },
    },
    149_655_232,
  ],
  [
    {
      ...{ model_type: 'deberta-v2', ...sizes(768, 12, 12), max_position_embeddings: 512, relative_attention: true },
      ...{ position_buckets: 256, norm_rel_ebd: 'layer_norm', share_att_key: true, pos_att_type: 'p2c|c2p' },
      ...{ layer_norm_eps: 1e-7, max_relative_positions: -1, position_biased_input: false, type_vocab_size: 0 },
      ...{ vocab_size: 128100, pad_token_id: 0 },
    },
    184_551_780,
  ],
  [
    {
      ...{ model_type: 'mpnet', architectures: ['MPNetForMaskedLM'], ...sizes(768, 12, 12), vocab_size: 30527 },
      ...{ bos_token_id: 0, eos_token_id: 2, pad_token_id: 1, layer_norm_eps: 1e-12, max_position_embeddings: 512 },
      ...{ relative_attention_num_buckets: 32 },
    },
    109_516_991,
  ],
  [
    {
      ...{ model_type: 'albert', architectures: ['AlbertForMaskedLM'], ...sizes(768, 12, 12), hidden_act: 'gelu_new' },
      ...{ classifier_dropout_prob: 0.1, down_scale_factor: 1, embedding_size: 128, gap_size: 0, inner_group_num: 1 },
      ...{ layer_norm_eps: 1e-12, max_position_embeddings: 512, net_structure_type: 0, num_hidden_groups: 1 },
      ...{ num_memory_blocks: 0, type_vocab_size: 2, vocab_size: 30000, pad_token_id: 0, bos_token_id: 2 },
    },
    11_221_680,
  ],
] as const)(
  'a configuration as it is published is taken, with as many parameters as in transformers: %#',
  (config, parameters) => {
    const { model } = modelOf(config as never, 'masked-lm', [], 'config.json');
    const counted = model.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(counted).toBe(parameters);
  },
);

it('ALBERT has a spectrum for each layer that blocks share', async () => {
  const { model } = await readEncoderFixture('albert-tiny', 'classification');
  const inGroups = model.layers.filter(({ name }) => name.includes('albert_layers'));
  expect(inGroups).toHaveLength(2 * 2 * 6);
  expect(new Set(inGroups.map(({ name }) => unitOf(name, 'block')))).toEqual(new Set(['0', '1']));
});
