/** What a causal language model learns of rows: blocks of texts, or chats and completions. */
import { blocksOf } from '../../datasets/text/blocks.ts';
import type { ChatTemplate } from '../../datasets/text/chat-template.ts';
import { encodeChats } from '../../datasets/text/encode-chats.ts';
import type { TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { LanguageModelConfig } from '../../models/language/settings.ts';
import type { TokenizedTexts } from './text-problem.ts';

/** How a causal language model learns. */
export interface CausalSettings {
  /** What is learnt of rows with completions; absent: those. */
  readonly lossOn?: 'completion' | 'all' | undefined;
  /** By which chats are written; absent: the folder has none. */
  readonly template?: ChatTemplate | undefined;
}

interface Options extends CausalSettings {
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly settings: LanguageModelConfig;
  /** Of the data, for messages. */
  readonly path: string;
}

/** @throws UserError when nothing is there to be learnt. */
export async function wordsToLearn(
  rows: TextRows,
  { model, tokenizer, settings: { maxTokens }, lossOn, template, path }: Options,
): Promise<TokenizedTexts & { readonly warnings: readonly string[] }> {
  const { vocabulary } = model;
  if (rows.chats) {
    return encodeChats(rows, { tokenizer, template, learnsAll: lossOn === 'all', maxTokens, vocabulary, path });
  }
  const { ids } = await tokenizer.encode(rows.texts, undefined, { rows: vocabulary });
  return { ids: blocksOf(ids, { endId: tokenizer.special.eos, length: maxTokens }), truncated: 0, warnings: [] };
}

/** How much of the tokens is learnt, for the run's record; nothing where all are. */
export function learntIn({ ids, learnt }: TokenizedTexts): { readonly learntTokens?: string } {
  if (!learnt) return {};
  const total = ids.reduce((sum, { length }) => sum + length, 0);
  const counted = learnt.reduce((sum, mask) => sum + mask.reduce((ones, one) => ones + one, 0), 0);
  return { learntTokens: `${counted} of ${total}` };
}
