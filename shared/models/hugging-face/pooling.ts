/** Which head a classifier gets: that of its kind in `transformers`, or a linear layer on pooled embeddings. */
import { join } from 'node:path';
import { UserError } from '../../core/errors.ts';
import { taskOfModel } from '../language/model.ts';
import { languageFamily } from '../language/registry.ts';
import type { LanguageModelConfig } from '../language/settings.ts';
import { configFile, type HuggingFaceConfig } from './config.ts';
import type { ModelFolder } from './model-folder.ts';
import { isSentenceEncoder, readSentenceEncoder } from './sentence-encoder.ts';

type Settings = Pick<LanguageModelConfig, 'task' | 'pooling' | 'lora' | 'maxTokens'>;

/**
 * A folder whose configuration says how a classifier pools, by the settings and, where they say `auto`, by the folder.
 * @returns with a note on what a user may not expect
 * @throws UserError when the folder pools in another way than can be done, or an adapter is to be trained on what is pooled
 */
export async function withPooling(
  opened: ModelFolder,
  settings: Settings,
): Promise<{ opened: ModelFolder; note?: string }> {
  const { sentence_embedding: stored, ...config } = opened.config;
  const as = (changed: Record<string, unknown>): ModelFolder => ({ ...opened, config: changed as HuggingFaceConfig });
  const isFewShot = settings.task === 'few-shot-classification';
  if (isFewShot) refuseDecoder(opened);
  if (taskOfModel(settings.task) !== 'classification' || settings.pooling === 'own') return { opened: as(config) };
  if (settings.pooling !== 'auto') {
    refuseAdapter(opened, settings);
    return { opened: as({ ...config, sentence_embedding: { pooling: settings.pooling, normalise: false } }) };
  }
  // A head that is fitted anew says nothing of how the folder pools.
  const isEncoder =
    !opened.adapter && !stored && (await isSentenceEncoder(opened.folder)) && (isFewShot || !hasOwnHead(config));
  if (!isEncoder && !stored && isFewShot) {
    refuseAdapter(opened, settings);
    return {
      opened: as({ ...config, sentence_embedding: { pooling: 'mean', normalise: false } }),
      note: `${opened.folder} does not say how texts are embedded: by the mean of their tokens; model.pooling: cls takes their first token`,
    };
  }
  if (!isEncoder && !stored) return { opened: as(config) };
  refuseAdapter(opened, settings);
  if (stored) return { opened };
  const { maxTokens, ...embedding } = await readSentenceEncoder(opened.folder);
  if (maxTokens !== undefined && settings.maxTokens > maxTokens) {
    throw new UserError(`the sentence encoder takes texts of at most ${maxTokens} tokens (max_seq_length)`, {
      where: join(opened.folder, 'sentence_bert_config.json'),
      remedy: `Set model.maxTokens to at most ${maxTokens}.`,
    });
  }
  const how = `${embedding.pooling === 'mean' ? 'the mean of their tokens' : 'their first token'}${embedding.normalise ? ', normalised' : ''}`;
  return {
    opened: as({ ...config, sentence_embedding: embedding }),
    note: `${opened.folder} is a sentence encoder: texts are classified by ${how}, as its files say, and a linear layer${isFewShot ? '' : '; model.pooling: own takes the head of transformers instead'}`,
  };
}

/** Whether the folder holds a classifier already. */
const hasOwnHead = ({ architectures }: Pick<HuggingFaceConfig, 'architectures'>): boolean =>
  (architectures ?? []).some((name) => name.endsWith('ForSequenceClassification'));

/** @throws UserError where a model makes no embeddings of texts. */
function refuseDecoder({ base, config: { model_type: kind } }: ModelFolder): void {
  const where = join(base, configFile);
  if (languageFamily(kind, 'classification', where).family.isEncoder) return;
  throw new UserError(`${kind} is no encoder, and few-shot-classification learns embeddings of texts`, {
    where,
    remedy: 'Take an encoder, best a sentence encoder, or set model.task: classification.',
  });
}

/** @throws UserError where an adapter is trained: PEFT would not find the head. */
function refuseAdapter({ folder, adapter }: ModelFolder, { lora, task }: Settings): void {
  if (!lora && !adapter) return;
  throw new UserError('adapters are not trained with a head on pooled embeddings: PEFT would not know it', {
    where: join(folder, configFile),
    remedy:
      task === 'few-shot-classification'
        ? 'Give the folder of a whole model: `npx tempbalance export <adapter> <folder> --merge` makes one of an adapter.'
        : 'Set model.pooling to own, or leave model.lora out.',
  });
}
