import { UserError } from '../../core/errors.ts';
import { listRows, type TextRows } from '../../datasets/text/text-rows.ts';
import type { EncodedTexts, TextTokenizer } from '../../datasets/text/tokenizer.ts';

/** Which texts have no token but special ones: what the tokenizer strips, or words that are all unknown to it. */
function unreadTexts({ ids }: EncodedTexts, { specialIds }: Pick<TextTokenizer, 'specialIds'>): number[] {
  return ids.flatMap((tokens, index) => (tokens.every((id) => specialIds.has(id)) ? [index] : []));
}

/** A warning of texts of which the tokenizer knows nothing; empty: there are none. */
export function unreadWarning(
  rows: TextRows,
  encoded: EncodedTexts,
  tokenizer: Pick<TextTokenizer, 'specialIds'>,
  kind = '',
  noun = 'text',
): string[] {
  const unread = unreadTexts(encoded, tokenizer);
  if (unread.length === 0) return [];
  const listed = listRows(
    rows.unit,
    unread.map((index) => rows.rows[index]!),
  );
  const [what, have] = unread.length === 1 ? [noun, 'has'] : [`${noun}s`, 'have'];
  return [`${unread.length} ${kind}${what} ${have} no token that the tokenizer knows: ${listed}`];
}

/**
 * Texts that have a token to be guessed.
 * @param options.kind of text, and `path` of the data, for messages
 * @throws UserError when there is none.
 */
export function guessable(
  encoded: EncodedTexts,
  tokenizer: Pick<TextTokenizer, 'specialIds'>,
  { kind, path }: { kind: string; path: string },
): EncodedTexts {
  const unread = new Set(unreadTexts(encoded, tokenizer));
  if (unread.size === encoded.ids.length) {
    throw new UserError(`no ${kind} text has a token that the tokenizer knows, so there is nothing to guess`, {
      where: path,
      remedy: 'Take a model and tokenizer for the language of the texts.',
    });
  }
  const kept = <T>(list: readonly T[]) => list.filter((_, index) => !unread.has(index));
  const { ids, typeIds, truncated } = encoded;
  return { ids: kept(ids), ...(typeIds && { typeIds: kept(typeIds) }), truncated };
}
