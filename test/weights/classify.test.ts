import { describe, expect, it } from 'vitest';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { classifyTensors } from '../../shared/weights/classify.ts';
import { fixturePath } from '../support/fixtures.ts';

const tensors = async (...path: string[]) => openSafetensors(await fileSource(fixturePath('models', ...path)));
const made = (entries: Record<string, { shape: number[]; dtype?: 'F32' | 'I8' | 'C64' }>) => ({
  names: () => Object.keys(entries),
  entry: (name: string) => ({ dtype: 'F32' as const, ...entries[name]! }),
});
const untied = { tied: false };

describe('the layers of a checkpoint', () => {
  it('are the dense weights of a RoBERTa classifier, without embeddings, norms and biases', async () => {
    const { layers, skipped } = classifyTensors(await tensors('roberta-tiny', 'model.safetensors'), untied);
    expect(layers.map(({ name }) => name)).toEqual([
      ...[0, 1].flatMap((block) =>
        [
          'attention.self.query',
          'attention.self.key',
          'attention.self.value',
          'attention.output.dense',
          'intermediate.dense',
          'output.dense',
        ].map((name) => `roberta.encoder.layer.${block}.${name}`),
      ),
      'classifier.dense',
      'classifier.out_proj',
    ]);
    expect(skipped.filter(({ reason }) => reason === 'an embedding table').map(({ name }) => name)).toEqual([
      'roberta.embeddings.word_embeddings.weight',
      'roberta.embeddings.position_embeddings.weight',
      'roberta.embeddings.token_type_embeddings.weight',
    ]);
  });

  it('are the same by shape in GPT-2, which stores them [in, out], and Llama, which has a head of its own', async () => {
    const gpt2 = classifyTensors(await tensors('gpt2-tiny', 'model.safetensors'), { tied: true });
    expect(gpt2.layers).toHaveLength(8);
    expect(gpt2.layers[0]).toMatchObject({ name: 'transformer.h.0.attn.c_attn', kind: 'linear', shape: [32, 96] });
    const llama = await tensors('llama-tiny', 'model.safetensors');
    expect(classifyTensors(llama, untied).layers.at(-1)!.name).toBe('lm_head');
    const tied = classifyTensors(llama, { tied: true });
    expect(tied.layers).toHaveLength(14);
    expect(tied.skipped).toContainEqual({ name: 'lm_head.weight', reason: 'shares the weight of the token embedding' });
  });

  it('pool the complex weights of a spectral convolution', async () => {
    const { layers } = classifyTensors(await tensors('fno2d_c1', 'model.safetensors'), untied);
    expect(layers.find(({ name }) => name === 'conv0')).toMatchObject({
      kind: 'spectralConv',
      weights: ['conv0.weights1', 'conv0.weights2'],
      size: 2 * 8 * 8 * 4 * 4 * 2,
    });
    expect(layers.find(({ name }) => name === 'w0')).toMatchObject({ kind: 'conv2d', shape: [8, 8, 1, 1] });
  });

  it('are those of FNO 3-D, its pointwise convolutions in three dimensions', async () => {
    const { layers } = classifyTensors(await tensors('operators', 'fno3d', 'model.safetensors'), untied);
    expect(layers.find(({ name }) => name === 'conv1')).toMatchObject({
      kind: 'spectralConv',
      weights: [1, 2, 3, 4].map((corner) => `conv1.weights${corner}`),
    });
    expect(layers.find(({ name }) => name === 'w1')).toMatchObject({ kind: 'conv3d', shape: [4, 4, 1, 1, 1] });
  });

  it("are those of neuraloperator's FNO, without gates, and without Tucker factors", async () => {
    const whole = classifyTensors(await tensors('operators', 'neuralop-2d-static', 'model.safetensors'), untied);
    expect(whole.layers.find(({ name }) => name === 'fno_blocks.convs.1')).toMatchObject({
      kind: 'spectralConv',
      shape: [6, 6, 5, 4, 2],
    });
    expect(whole.skipped).toContainEqual({
      name: 'fno_blocks.channel_mlp_skips.0.weight',
      reason: 'a scale for each channel: not a matrix',
    });
    const factors = classifyTensors(await tensors('operators', 'tfno-1d', 'model.safetensors'), untied);
    expect(factors.layers.some(({ name }) => name.startsWith('fno_blocks.convs'))).toBe(false);
    expect(factors.skipped).toContainEqual({
      name: 'fno_blocks.convs.0.weight.core',
      reason: 'a Tucker factor of a spectral weight: a run measures the whole weight',
    });
  });

  it('are told apart where one tensor is named like the module of another', () => {
    const { layers } = classifyTensors(made({ 'proj.weight': { shape: [2, 3] }, proj: { shape: [4, 5] } }), untied);
    expect(layers.map(({ name, shape }) => [name, shape])).toEqual([
      ['proj.weight', [2, 3]],
      ['proj', [4, 5]],
    ]);
  });

  it('are plain convolutions, also where a kernel is two wide', () => {
    const { layers } = classifyTensors(
      made({ 'upconv4.weight': { shape: [64, 32, 2, 2] }, 'c1.conv.weight': { shape: [32, 16, 5, 2] } }),
      untied,
    );
    expect(layers).toMatchObject([
      { name: 'upconv4', kind: 'conv2d' },
      { name: 'c1.conv', kind: 'conv2d' },
    ]);
  });

  it.each([
    ['vit.embeddings.position_embeddings', [1, 197, 64], 'an embedding table'],
    ['model.pos_embed', [1, 197, 64], 'an embedding table'],
    ['transformer.token_embedding_table.weight', [99, 16], 'an embedding table'],
    ['encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight', [32, 8], 'an embedding table'],
    ['experts.gate_up_proj', [8, 64, 32], "3 axes and no name of a convolution's weight"],
    ['video.weight', [8, 4, 3, 3, 3, 3], '6 axes: neither a matrix nor a convolution in up to three dimensions'],
    ['norm.weight', [8], 'a bias or norm: not a matrix'],
    ['empty.weight', [0, 8], 'empty'],
  ])('are not: %s', (name, shape, reason) => {
    expect(classifyTensors(made({ [name]: { shape } }), untied)).toEqual({ layers: [], skipped: [{ name, reason }] });
  });

  it.each([
    ['embed_out.weight', [99, 16], 'linear'],
    ['albert.encoder.embedding_hidden_mapping_in.weight', [16, 8], 'linear'],
    ['vit.embeddings.patch_embeddings.projection.weight', [64, 3, 4, 4], 'conv2d'],
    ['wav.conv.weight', [8, 4, 5], 'conv1d'],
  ])('are: %s', (name, shape, kind) => {
    expect(classifyTensors(made({ [name]: { shape } }), untied).layers).toMatchObject([{ kind, shape }]);
  });

  it('are spectral convolutions where they are complex, whatever their names, and nothing else is', () => {
    const complex = { dtype: 'C64' as const };
    const { layers, skipped } = classifyTensors(
      made({
        'blocks.0.conv.weight': { shape: [4, 4, 3, 2], ...complex },
        'blocks.1.weight': { shape: [4, 4, 3, 3, 2], ...complex },
        'mixer.weight': { shape: [4, 4, 2], ...complex },
      }),
      untied,
    );
    expect(layers).toMatchObject([
      { name: 'blocks.0.conv', kind: 'spectralConv' },
      { name: 'blocks.1', kind: 'spectralConv' },
    ]);
    expect(skipped).toEqual([{ name: 'mixer.weight', reason: "complex numbers of 2 axes: no spectral convolution's" }]);
  });

  it('are not read from quantised tensors', () => {
    const { skipped } = classifyTensors(made({ 'fc.weight': { shape: [4, 4], dtype: 'I8' } }), untied);
    expect(skipped).toEqual([{ name: 'fc.weight', reason: 'stored as I8, not as floats' }]);
  });
});
