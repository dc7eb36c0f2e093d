import { z } from 'zod';
import { bertConfig, bertNames, bertSizes, headDropout } from './bert-config.ts';
import { buildEncoder } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';

const configSchema = z.looseObject({
  ...bertConfig,
  embedding_size: z.int().positive(),
  pad_token_id: z.int().nonnegative().default(0),
});
const names = bertNames('electra');

/** ELECTRA: discriminators as classifiers, generators for masked words. Source: Clark et al. (ICLR 2020). */
export const electra = {
  kinds: { electra: 'Electra' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'electra.',
    ignored: [
      '*position_ids',
      '*token_type_ids',
      'discriminator_predictions.*',
      'generator_predictions.*',
      'generator_lm_head.*',
      'classifier.*',
      'qa_outputs.*',
    ],
  },
  isEncoder: true,
  loraTargets: ['query', 'value'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  build(config, settings) {
    const sizes = { ...bertSizes(config), embeddingSize: config.embedding_size };
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'classifier.dense',
            activation: 'gelu',
            output: 'classifier.out_proj',
            dropout: headDropout(config),
            firstDropout: headDropout(config),
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: headDropout(config) })
          : maskedWords({
              ...sizes,
              dense: 'generator_predictions.dense',
              activation: 'gelu',
              norm: 'generator_predictions.LayerNorm',
              words: names.words,
              bias: 'generator_lm_head.bias',
            });
    return buildEncoder(names, sizes, head, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
