import { vocabulary } from './word-texts.ts';

/** The shape of BERT-base, with the words of the benches. */
export const bertBaseConfig = {
  model_type: 'bert',
  vocab_size: vocabulary,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  pad_token_id: 0,
};
