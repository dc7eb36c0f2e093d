/** What a folder of sentence-transformers says about its embeddings of texts. */
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { readJsonFile } from '../../core/json-file.ts';
import { pathKind } from '../../tensors/open-tensors.ts';
import type { Embedding } from '../language/model.ts';

/** Lists the modules that a text goes through. */
const modulesFile = 'modules.json';

const modulesSchema = z.array(z.looseObject({ path: z.string(), type: z.string() }));
const modeKey = /^pooling_mode_(.+)$/;
const poolingSchema = z
  .looseObject({ pooling_mode: z.string().optional() })
  .catchall(z.unknown())
  .transform((config) => [
    ...(config.pooling_mode === undefined ? [] : [config.pooling_mode]),
    ...Object.entries(config).flatMap(([key, on]) => (on === true ? (modeKey.exec(key)?.[1] ?? []) : [])),
  ]);
const transformerSchema = z.looseObject({
  max_seq_length: z.int().positive().nullish(),
  do_lower_case: z.boolean().nullish(),
});

/** Names in the library's files. */
const poolings: Readonly<Record<string, Embedding['pooling']>> = {
  mean_tokens: 'mean',
  mean: 'mean',
  cls_token: 'cls',
  cls: 'cls',
};

/** A sentence encoder's way to embed texts. */
export interface SentenceEncoder extends Embedding {
  /** Longest text that it was made for, in tokens; absent: not said. */
  readonly maxTokens?: number;
}

/** Whether sentence-transformers wrote a folder. */
export const isSentenceEncoder = async (folder: string): Promise<boolean> =>
  (await pathKind(join(folder, modulesFile))) === 'file';

const ownHead =
  'Set model.pooling to own for the head that transformers puts on this kind of model, or to mean or cls.';

const refused = (what: string, where: string) =>
  new UserError(`${what}, which is not supported`, { where, remedy: ownHead });

/**
 * How the sentence encoder in a folder embeds texts.
 * @throws UserError when it does more than to pool by mean or first token, and to normalise
 */
export async function readSentenceEncoder(folder: string): Promise<SentenceEncoder> {
  const path = join(folder, modulesFile);
  const modules = await readJsonFile(path, modulesSchema, 'the modules of a sentence encoder');
  const kinds = modules.map(({ type }) => type.slice(type.lastIndexOf('.') + 1));
  const [first, second, ...rest] = modules;
  if (kinds[0] !== 'Transformer' || kinds[1] !== 'Pooling' || first!.path !== '') {
    throw refused(`has the modules ${kinds.join(', ')}`, path);
  }
  const other = rest.findIndex((_, at) => kinds[at + 2] !== 'Normalize');
  if (other >= 0) throw refused(`puts a module ${kinds[other + 2]} on the pooled embeddings`, path);
  const poolingPath = join(folder, second!.path, 'config.json');
  const modes = await readJsonFile(poolingPath, poolingSchema, 'how a sentence encoder pools');
  const pooling = modes.length === 1 ? poolings[modes[0]!] : undefined;
  if (!pooling) throw refused(`pools by ${modes.join(' and ') || 'nothing'}`, poolingPath);
  const embedding = { pooling, normalise: rest.length > 0 };
  const settingsPath = join(folder, 'sentence_bert_config.json');
  if ((await pathKind(settingsPath)) !== 'file') return embedding;
  const settings = await readJsonFile(settingsPath, transformerSchema, 'the settings of a sentence encoder');
  if (settings.do_lower_case) throw refused('do_lower_case: true lower-cases texts before the tokenizer', settingsPath);
  return { ...embedding, ...(settings.max_seq_length ? { maxTokens: settings.max_seq_length } : {}) };
}
