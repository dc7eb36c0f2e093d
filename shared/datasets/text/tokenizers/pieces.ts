/** Pieces of a tokenizer whose folder has no tokenizer.json: vocab.txt, vocab.json with merges.txt, or a SentencePiece model. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BrokenInputError, messageOf, UserError } from '../../../core/errors.ts';
import type { TokenizerClass } from './classes/class.ts';
import type { Pieces } from './resolve.ts';
import { readSentencePiece } from './sentence-piece.ts';

/**
 * The pieces of a folder, from the files of its tokenizer's class.
 * @param kind of the tokenizer; undefined: no class is known that has such files.
 * @param present names of the folder's files.
 * @throws UserError when there are none of which a tokenizer can be made, or one is damaged.
 */
export async function readPieces(
  folder: string,
  kind: TokenizerClass | undefined,
  present: ReadonlySet<string>,
): Promise<Pieces> {
  const missing = kind?.files?.filter((name) => !present.has(name));
  if (!kind?.files || missing!.length > 0) throw withoutTokenizer(folder, kind, present);
  const [first, second] = kind.files.map((name) => join(folder, name)) as [string, string?];
  const bytes = await readFile(first);
  if (second !== undefined) {
    return {
      vocab: vocabOf(first, textOf(first, bytes)),
      merges: mergesOf(second, textOf(second, await readFile(second))),
    };
  }
  if (kind.kind === 'WordPiece') return { vocab: pieceByLine(textOf(first, bytes)), merges: [] };
  try {
    return readSentencePiece(bytes, kind.kind);
  } catch (cause) {
    throw damaged(first, `is not a SentencePiece model: ${messageOf(cause)}`, cause);
  }
}

/** Files of which `transformers` can make a tokenizer.json. */
const otherForms = [
  'vocab.txt',
  'vocab.json',
  'spiece.model',
  'sentencepiece.bpe.model',
  'spm.model',
  'tokenizer.model',
];

function withoutTokenizer(folder: string, kind: TokenizerClass | undefined, present: ReadonlySet<string>): UserError {
  const other = otherForms.find((name) => present.has(name));
  const needed = kind?.files?.join(' and ');
  return new UserError('there is no such file', {
    where: join(folder, 'tokenizer.json'),
    remedy: other
      ? `The folder has ${other}${needed === undefined ? '' : `, a ${kind!.names[0]!} is made of ${needed}`}; write tokenizer.json with Hugging Face transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder).`
      : 'Put the tokenizer.json of the model into the folder.',
  });
}

const damaged = (where: string, what: string, cause?: unknown) =>
  new BrokenInputError(what, { where, remedy: 'Fetch the file again.', cause });

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged(path, 'is not text in UTF-8', cause);
  }
}

/** As lines of a file are counted: what follows the last line's end is none. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

/** Spaces of Unicode at the end of a line. */
const trailing = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/u;

const pieceByLine = (text: string): Record<string, number> =>
  Object.fromEntries(linesOf(text).map((line, id) => [line.replace(trailing, ''), id]));

function vocabOf(path: string, text: string): Record<string, number> {
  let vocab: unknown;
  try {
    vocab = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, `is not JSON: ${messageOf(cause)}`, cause);
  }
  const entries = typeof vocab === 'object' && vocab !== null ? Object.entries(vocab) : [];
  if (entries.length === 0 || entries.some(([, id]) => !Number.isInteger(id))) {
    throw damaged(path, 'is not a vocabulary: pieces with their ids');
  }
  return vocab as Record<string, number>;
}

function mergesOf(path: string, text: string): string[][] {
  return linesOf(text).flatMap((line, index) => {
    if (line.startsWith('#version')) return [];
    const pair = line.split(' ');
    if (pair.length === 2) return [pair];
    throw damaged(path, `line ${index + 1} is not two pieces with a space between them`);
  });
}
