/** What a causal language model learns of rows: texts, in blocks or each by itself, or chats and completions. */
import { UserError } from '../../core/errors.ts';
import { blocksOf, piecesOf } from '../../datasets/text/blocks.ts';
import type { ChatTemplate } from '../../datasets/text/chat-template.ts';
import { encodeChats } from '../../datasets/text/encode-chats.ts';
import type { TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { LanguageModelConfig } from '../../models/language/settings.ts';
import { packTexts } from './packed-texts.ts';
import type { TokenizedTexts } from './text-problem.ts';

/** The settings of a causal language model's texts. */
export interface CausalSettings {
  /** The part of rows with completions that has a loss; absent: the completion. */
  readonly lossOn?: 'completion' | 'all' | undefined;
  /** The template that chats are written by; absent: the folder has none. */
  readonly template?: ChatTemplate | undefined;
  /** Whether texts share rows, kept apart; absent: they don't. */
  readonly packing?: boolean;
}

interface Options extends CausalSettings {
  readonly model: LanguageModel;
  readonly tokenizer: TextTokenizer;
  readonly settings: LanguageModelConfig;
  /** The path of the data, for messages. */
  readonly path: string;
  /** By which texts of the same length are put into rows; absent: in their order. */
  readonly packingSeed?: number | undefined;
}

type Words = TokenizedTexts & { readonly warnings: readonly string[] };

/** @throws UserError when nothing is there to be learnt. */
export async function wordsToLearn(rows: TextRows, options: Options): Promise<Words> {
  const words = await unpackedWords(rows, options);
  return options.packing ? { ...words, ...packTexts(words, options.settings.maxTokens, options.packingSeed) } : words;
}

async function unpackedWords(
  rows: TextRows,
  { model, tokenizer, settings: { maxTokens }, lossOn, template, path, packing }: Options,
): Promise<Words> {
  const { vocabulary } = model;
  if (rows.chats) {
    return encodeChats(rows, { tokenizer, template, learnsAll: lossOn === 'all', maxTokens, vocabulary, path });
  }
  if (lossOn === 'completion') {
    throw new UserError(
      'is for chats, and for prompts with completions; these rows are texts, all of which are learnt',
      {
        where: 'dataset.lossOn',
        remedy: 'Leave it out, or name the columns of prompts and completions (`dataset.columns`).',
      },
    );
  }
  const { ids } = await tokenizer.encode(rows.texts, undefined, { rows: vocabulary });
  const documents = { endId: tokenizer.special.eos, length: maxTokens };
  if (!packing) return { ids: blocksOf(ids, documents), truncated: 0, warnings: [] };
  const { divided, empty, ids: pieces } = piecesOf(ids, documents);
  const warnings = [
    ...(divided > 0
      ? [
          `${divided} of ${ids.length} texts are longer than ${maxTokens} tokens: each piece of them is learnt by itself`,
        ]
      : []),
    ...(empty > 0 ? [`${empty} of ${ids.length} texts have nothing to predict, and are left out`] : []),
  ];
  return { ids: pieces, truncated: 0, warnings };
}

/** How much of the tokens is learnt, for the run's record; nothing where all are. */
export function learntIn({ ids, learnt }: TokenizedTexts): { readonly learntTokens?: string } {
  if (!learnt) return {};
  const total = ids.reduce((sum, { length }) => sum + length, 0);
  const counted = learnt.reduce((sum, mask) => sum + mask.reduce((ones, one) => ones + one, 0), 0);
  return { learntTokens: `${counted} of ${total}` };
}

/** Whether rows are chats that the folder's template writes, for the run's record; nothing where they are not. */
export function writtenIn({ chats }: TextRows, { template }: CausalSettings = {}): { readonly chatTemplate?: true } {
  return template && chats?.some(({ kind }) => kind !== 'completion') ? { chatTemplate: true } : {};
}
