import { describe, expect, it } from 'vitest';
import { type HuggingFaceConfig, modelOf } from '../../../shared/models/hugging-face/config.ts';
import type { LanguageTask } from '../../../shared/models/language/model.ts';
import { textWork } from '../../../shared/models/language/work.ts';
import { newAdapterConfig, usualLora, withLora } from '../../../shared/models/lora.ts';

const bert = {
  model_type: 'bert',
  vocab_size: 50,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  max_position_embeddings: 16,
  type_vocab_size: 2,
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
};
const gpt2 = {
  model_type: 'gpt2',
  vocab_size: 50,
  n_embd: 8,
  n_layer: 2,
  n_head: 2,
  n_positions: 16,
  resid_pdrop: 0,
  embd_pdrop: 0,
  attn_pdrop: 0,
};
const llama = {
  model_type: 'llama',
  vocab_size: 50,
  hidden_size: 8,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 16,
};
const modelFor = (config: HuggingFaceConfig, task: LanguageTask) =>
  modelOf(config, task, task === 'classification' ? ['a', 'b', 'c'] : [], 'config.json').model;

/** Of both blocks, in multiply-adds: queries with keys and weights with values. */
const attending = (tokens: number) => 2 * 2 * tokens ** 2 * 8;

describe('the work of a text', () => {
  const tokens = 10;

  it('is that of the layers for each token, of attention, and of a classifier once', () => {
    const [keys, others] = [2 * 8 * 8, 2 * 8 * 8 + 2 * 8 * 32];
    const head = 8 * 8 + 8 * 3;
    const { flops, activations } = textWork(modelFor(bert, 'classification'), tokens);
    // Of the last block the first token's row alone is computed, from all keys and values.
    const block = tokens * (keys + others);
    const lastBlock = tokens * keys + others;
    const pairs = tokens ** 2 + tokens;
    expect(flops).toBe(6 * (block + lastBlock + head + 2 * pairs * 8));
    const [keptKeys, keptOthers] = [2 * (8 + 8), 2 * (8 + 8) + 2 * (8 + 32)];
    const kept = 2 * tokens * keptKeys + (tokens + 1) * keptOthers;
    expect(activations).toBe(kept + (8 + 8 + 8 + 3) + 2 * pairs);
  });

  it('has the scores of all words, by the table of their embeddings or by a layer', () => {
    const block = 3 * 8 * 8 + 8 * 8 + 2 * 8 * 32;
    const scores = 8 * 50;
    expect(textWork(modelFor(gpt2, 'causal-lm'), tokens).flops).toBe(
      6 * (tokens * (2 * block + scores) + attending(tokens)),
    );
    const gated = 2 * 8 * 8 + 2 * 8 * 4 + 3 * 8 * 24;
    expect(textWork(modelFor(llama, 'causal-lm'), tokens).flops).toBe(
      6 * (tokens * (2 * gated + scores) + attending(tokens)),
    );
    const kept = 2 * (8 + 24 + 8 + 8 + 8 + 32 + 32 + 8) + (8 + 50);
    expect(textWork(modelFor(gpt2, 'causal-lm'), tokens).activations).toBe(
      tokens * kept + 2 * 2 * tokens ** 2 + 2 * tokens * 50,
    );
  });

  it('has no gradient of weights that are frozen', () => {
    const base = modelFor(llama, 'causal-lm');
    const adapted = withLora(
      base,
      newAdapterConfig(base, 'base', { ...usualLora, targets: ['q_proj'], alsoTrained: [] }),
    );
    const whole = textWork(base, tokens).flops - 6 * attending(tokens);
    expect(textWork(adapted, tokens).flops - 6 * attending(tokens)).toBe((2 / 3) * whole);
  });

  it('keeps what is dropped, and grows with the square of a long text', () => {
    const dropping = modelFor({ ...bert, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 }, 'masked-lm');
    const [plain, dropped] = [modelFor(bert, 'masked-lm'), dropping].map((model) => textWork(model, tokens));
    const sites = tokens * 8 * (1 + 2 * 2) + 2 * 2 * tokens ** 2;
    expect(dropped!.activations - plain!.activations).toBe(2 * sites);
    const [short, long] = [1000, 2000].map((length) => textWork(modelFor(bert, 'masked-lm'), length).activations);
    expect(long! / short!).toBeGreaterThan(3);
  });
});
