/** The files by which sentence-transformers reads a model's folder as an encoder of texts. */
import type { Embedding } from '../language/model.ts';

/** A trained encoder's way to embed texts. */
export interface EmbedsTexts {
  readonly embedding: Embedding;
  /** The length of an embedding. */
  readonly size: number;
  /** Longest text that it was trained on. */
  readonly maxTokens: number;
}

const poolingFile = '1_Pooling/config.json';

/** Names of those files. */
export const sentenceFileNames = ['modules.json', 'sentence_bert_config.json', poolingFile] as const;

/** The files of sentence-transformers that describe the encoder, by name. */
export function sentenceFiles({ embedding, size, maxTokens }: EmbedsTexts): Map<string, Uint8Array> {
  const kinds = ['Transformer', 'Pooling', ...(embedding.normalise ? ['Normalize'] : [])];
  const modules = kinds.map((kind, place) => ({
    idx: place,
    name: `${place}`,
    path: place === 0 ? '' : `${place}_${kind}`,
    type: `sentence_transformers.models.${kind}`,
  }));
  const pooling = {
    word_embedding_dimension: size,
    pooling_mode_cls_token: embedding.pooling === 'cls',
    pooling_mode_mean_tokens: embedding.pooling === 'mean',
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
  };
  const contents: Readonly<Record<(typeof sentenceFileNames)[number], unknown>> = {
    'modules.json': modules,
    'sentence_bert_config.json': { max_seq_length: maxTokens, do_lower_case: false },
    [poolingFile]: pooling,
  };
  const encode = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  return new Map(Object.entries(contents).map(([name, value]) => [name, encode(value)]));
}
