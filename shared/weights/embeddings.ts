import { matchesName } from '../core/name-pattern.ts';

/** Names of embedding tables by model family, as Hugging Face names them. Rows of a table are looked up, never multiplied. */
const embeddingNames: Readonly<Record<string, readonly string[]>> = {
  'bert, roberta, distilbert, electra, mpnet, albert': [
    '*embeddings.word_embeddings.weight',
    '*embeddings.position_embeddings.weight',
    '*embeddings.token_type_embeddings.weight',
  ],
  'gpt2, gpt-j, gpt-neo': ['*wte.weight', '*wpe.weight'],
  'llama, mistral, qwen, gemma, phi': ['*embed_tokens.weight'],
  'gpt-neox, pythia': ['*embed_in.weight'],
  't5, bart': ['*shared.weight', '*relative_attention_bias.weight', '*embed_positions.weight'],
  'bloom, falcon': ['*word_embeddings.weight'],
  'deberta, xlm': ['*rel_embeddings.weight', '*lang_embeddings.weight'],
  'vit, clip': ['*position_embedding.weight', '*position_embeddings', '*pos_embed', '*class_embedding', '*cls_token'],
};

/** In other families a table's last word but `weight` says what it is; `projection` and the like are ordinary layers. */
const genericTable = /(^|[._])(embed|emb|embeddings?|codebook|lookup)(_?(table|tokens|in|positions?))?(\.weight)?$/i;

/** Whether a tensor is an embedding table: by the names of known families, else by a word in its name. */
export function isEmbedding(name: string): boolean {
  return (
    Object.values(embeddingNames)
      .flat()
      .some((pattern) => matchesName(pattern, name)) || genericTable.test(name)
  );
}

/** Whether a tensor is the table of a language model's tokens. */
export const isTokenTable = (name: string): boolean =>
  /(^|\.)(word_embeddings|wte|embed_tokens|embed_in|tok_embeddings|token_embeddings?|shared)(\.weight)?$/.test(name);

/** Names under which language models keep the output head that may share its weight with the token embedding. */
export const headNames = [
  '*lm_head.weight',
  '*embed_out.weight',
  'cls.predictions.decoder.weight',
  'lm_head.decoder.weight',
  'predictions.decoder.weight',
  'decoder.weight',
];

/** Names outside blocks that a language model's head has, whatever its task. */
const headModule = /(^|\.)(lm_head|embed_out|classifier|score|head|qa_outputs|predictions|output)(\.|$)/;

/** Whether a layer of an unknown language model is the head of a task: outside blocks, and named as heads are. */
export const isHead = (layer: string): boolean => !/\.\d+\./.test(layer) && headModule.test(layer);
