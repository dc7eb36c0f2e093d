import { z } from 'zod';
import { bertConfig, bertNames, bertSizes, headDropout } from './bert-config.ts';
import { buildEncoder } from './encoder.ts';
import { classifier, embeddingClassifier, maskedWords, tokenClassifier } from './encoder-heads.ts';
import type { LanguageFamily } from './model.ts';

const configSchema = z.looseObject({ ...bertConfig, pad_token_id: z.int().nonnegative().default(1) });
const names = bertNames('roberta');

/** RoBERTa. Source: Liu et al. (2019); CamemBERT and XLM-RoBERTa have its layout. */
export const roberta = {
  kinds: { roberta: 'Roberta', camembert: 'Camembert', 'xlm-roberta': 'XLMRoberta' },
  heads: {
    classification: 'ForSequenceClassification',
    'masked-lm': 'ForMaskedLM',
    'token-classification': 'ForTokenClassification',
  },
  names: {
    prefix: 'roberta.',
    ignored: ['*position_ids', '*token_type_ids', 'lm_head.*', 'roberta.pooler.*', 'classifier.*', 'qa_outputs.*'],
  },
  isEncoder: true,
  loraTargets: ['query', 'value'],
  configSchema,
  depth: ({ num_hidden_layers: stored }) => ({ key: 'num_hidden_layers', stored }),
  build(config, settings) {
    const sizes = { ...bertSizes(config), positionsAfterPadding: true };
    const head = settings.embedding
      ? embeddingClassifier(sizes.hiddenSize, settings.labels, settings.embedding)
      : settings.task === 'classification'
        ? classifier({
            ...sizes,
            labels: settings.labels,
            dense: 'classifier.dense',
            activation: 'tanh',
            output: 'classifier.out_proj',
            dropout: headDropout(config),
            firstDropout: headDropout(config),
          })
        : settings.task === 'token-classification'
          ? tokenClassifier({ ...sizes, labels: settings.labels, dropout: headDropout(config) })
          : maskedWords({
              ...sizes,
              dense: 'lm_head.dense',
              activation: 'gelu',
              norm: 'lm_head.layer_norm',
              words: names.words,
              bias: 'lm_head.bias',
            });
    return buildEncoder(names, sizes, head, settings);
  },
} satisfies LanguageFamily<z.infer<typeof configSchema>>;
