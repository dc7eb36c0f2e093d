import { z } from 'zod';
import { bertConfig, bertNames, bertSizes, headDropout } from './bert-config.ts';
import { buildEncoder } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';

const configSchema = z.looseObject({ ...bertConfig, pad_token_id: z.int().nonnegative().default(0) });
const names = bertNames('bert');

/** BERT. Source: Devlin et al. (NAACL 2019). */
export const bert = {
  kinds: { bert: 'Bert' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'bert.',
    ignored: ['*position_ids', '*token_type_ids', 'cls.*', 'bert.pooler.*', 'classifier.*', 'qa_outputs.*'],
  },
  isEncoder: true,
  loraTargets: ['query', 'value'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  build(config, settings) {
    const sizes = bertSizes(config);
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'bert.pooler.dense',
            activation: 'tanh',
            output: 'classifier',
            dropout: headDropout(config),
            pooled: true,
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: headDropout(config) })
          : maskedWords({
              ...sizes,
              dense: 'cls.predictions.transform.dense',
              norm: 'cls.predictions.transform.LayerNorm',
              words: names.words,
              bias: 'cls.predictions.bias',
            });
    return buildEncoder(names, sizes, head, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
