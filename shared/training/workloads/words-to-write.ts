/** The tokens that an encoder-decoder learns to write. */
import type { TextRows } from '../../datasets/text/text-rows.ts';
import type { TextTokenizer } from '../../datasets/text/tokenizer.ts';
import type { LanguageModel } from '../../models/language/model.ts';
import type { LanguageModelConfig } from '../../models/language/settings.ts';
import type { TokenizedTexts } from './text-problem.ts';
import { unreadWarning } from './unread-texts.ts';

/** Longest target, in tokens. */
export const mostTargetTokens = ({
  maxTokens,
  maxTargetTokens = maxTokens,
}: Pick<LanguageModelConfig, 'maxTokens' | 'maxTargetTokens'>): number => maxTargetTokens;

/** Texts and their targets as tokens, each cut to its length. */
export async function wordsToWrite(
  rows: TextRows,
  {
    model: { vocabulary },
    tokenizer,
    settings,
    kind,
  }: {
    readonly model: LanguageModel;
    readonly tokenizer: TextTokenizer;
    readonly settings: LanguageModelConfig;
    /** The kind of data, for messages. */
    readonly kind: string;
  },
): Promise<TokenizedTexts & { readonly warnings: readonly string[] }> {
  const texts = await tokenizer.encode(rows.texts, rows.pairs, { maxLength: settings.maxTokens, rows: vocabulary });
  const longest = mostTargetTokens(settings);
  const targets = await tokenizer.encode(rows.targets!, undefined, { maxLength: longest, rows: vocabulary });
  const cut = `${targets.truncated} of ${targets.ids.length} ${kind} targets are cut to ${longest} tokens`;
  return {
    ...texts,
    targets: targets.ids,
    warnings: [
      ...unreadWarning(rows, texts, tokenizer, `${kind} `),
      ...unreadWarning(rows, targets, tokenizer, `${kind} `, 'target'),
      ...(targets.truncated > 0 ? [cut] : []),
    ],
  };
}
