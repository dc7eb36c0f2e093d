/** Documents for causal language models. */
import { UserError } from '../../core/errors.ts';

/**
 * Documents one after the other, each ended by `endId`, cut in blocks of `length` tokens; the last may be shorter, and is left out
 * where it has nothing to predict.
 * @param documents ids, uncut.
 * @throws UserError when there is no token that ends a document, or nothing to predict at all.
 */
export function blocksOf(
  documents: readonly Int32Array[],
  options: { readonly endId: number | undefined; readonly length: number },
): Int32Array[] {
  const { endId, length } = options;
  if (endId === undefined) {
    throw new UserError('the tokenizer has no token that ends a text', {
      where: 'tokenizer_config.json',
      remedy: 'Set `eos_token` in it.',
    });
  }
  const isEnded = (document: Int32Array) => document.at(-1) === endId;
  const joined = new Int32Array(
    documents.reduce((total, document) => total + document.length + (isEnded(document) ? 0 : 1), 0),
  );
  let position = 0;
  for (const document of documents) {
    joined.set(document, position);
    position += document.length;
    if (!isEnded(document)) joined[position++] = endId;
  }
  const blocks = Array.from({ length: Math.ceil(joined.length / length) }, (_, index) =>
    joined.slice(index * length, (index + 1) * length),
  ).filter((block) => block.length > 1);
  if (blocks.length > 0) return blocks;
  throw new UserError('the texts have no token after the first to be predicted', {
    where: 'dataset',
    remedy: 'Use more text, and blocks of at least 2 tokens.',
  });
}
