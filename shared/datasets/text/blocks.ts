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
  const { length } = options;
  const endId = requireEnd(options.endId);
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
  throw nothingToPredict();
}

/** Documents each by itself, ended by `endId`. */
export interface DocumentPieces {
  /** Of at most `length` tokens and at least 2: a longer document is several, one after the other. */
  readonly ids: readonly Int32Array[];
  /** Documents that are several pieces. */
  readonly divided: number;
  /** Documents in which nothing follows the first token. */
  readonly empty: number;
}

/**
 * Documents each by itself, ended by `endId`, the longer ones cut in pieces of `length` tokens; a piece that has nothing to predict is left out.
 * @param documents ids, uncut.
 * @throws UserError when there is no token that ends a document, or nothing to predict at all.
 */
export function piecesOf(
  documents: readonly Int32Array[],
  options: { readonly endId: number | undefined; readonly length: number },
): DocumentPieces {
  const { length } = options;
  const endId = requireEnd(options.endId);
  const ids: Int32Array[] = [];
  let [divided, empty] = [0, 0];
  for (const document of documents) {
    const ended = document.at(-1) === endId ? document : withEnd(document, endId);
    if (ended.length < 2) empty++;
    if (ended.length > length) divided++;
    for (let start = 0; start + 1 < ended.length; start += length) ids.push(ended.slice(start, start + length));
  }
  if (ids.length > 0) return { ids, divided, empty };
  throw nothingToPredict();
}

function withEnd(document: Int32Array, endId: number): Int32Array {
  const ended = new Int32Array(document.length + 1);
  ended.set(document);
  ended[document.length] = endId;
  return ended;
}

function requireEnd(endId: number | undefined): number {
  if (endId !== undefined) return endId;
  throw new UserError('the tokenizer has no token that ends a text', {
    where: 'tokenizer_config.json',
    remedy: 'Set `eos_token` in it.',
  });
}

const nothingToPredict = () =>
  new UserError('the texts have no token after the first to be predicted', {
    where: 'dataset',
    remedy: 'Use more text, and blocks of at least 2 tokens.',
  });
