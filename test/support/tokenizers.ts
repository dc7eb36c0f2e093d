import { isDeepStrictEqual } from 'node:util';
import { buildTokenizer, type TextTokenizer } from '../../shared/datasets/text/tokenizer.ts';

interface Row {
  readonly input_ids: number[];
  readonly token_type_ids?: number[];
}

/** What `make_resolved.py` writes of a folder. */
export interface Expected {
  readonly class: string;
  readonly definition: unknown;
  readonly special: Readonly<Record<string, number>>;
  readonly paddingSide: string;
  readonly truncationSide: string;
  readonly hasTypes: boolean;
  readonly ids: number[][];
  readonly pairs: [string, string, Row][];
  readonly cut: [maxLength: number, texts: [string, string?], Row][];
}

/** Where a tokenizer is not what `AutoTokenizer` makes of the same folder, and how many things were compared. */
export async function differencesOf(
  tokenizer: TextTokenizer,
  texts: readonly string[],
  expected: Expected,
): Promise<{ differences: string[]; compared: number }> {
  const differences: string[] = [];
  let compared = 0;
  const compare = (what: string, ours: unknown, theirs: unknown) => {
    compared++;
    if (isDeepStrictEqual(ours, theirs)) return;
    differences.push(`${what}: ${JSON.stringify(ours)} and not ${JSON.stringify(theirs)}`);
  };
  const { definition, special, vocabularySize } = tokenizer;
  for (const [key, theirs] of Object.entries(expected.definition as Record<string, unknown>)) {
    compare(key, sorted(definition[key as keyof typeof definition]), sorted(theirs));
  }
  for (const [name, id] of Object.entries(expected.special)) {
    const key = name.replace('_token', '') as keyof typeof special;
    if (id < vocabularySize && ['pad', 'eos', 'bos', 'mask', 'cls', 'sep', 'unk'].includes(key))
      compare(name, special[key], id);
  }
  compare('padding side', tokenizer.paddingSide, expected.paddingSide);
  const row = (encoded: Awaited<ReturnType<TextTokenizer['encode']>>, at: number): Row => ({
    input_ids: [...encoded.ids[at]!],
    ...(expected.hasTypes && {
      token_type_ids: [...(encoded.typeIds?.[at] ?? new Int32Array(encoded.ids[at]!.length))],
    }),
  });
  const single = await tokenizer.encode(texts);
  for (const [at, text] of texts.entries()) compare(JSON.stringify(text), [...single.ids[at]!], expected.ids[at]);
  const pairs = await tokenizer.encode(
    expected.pairs.map(([text]) => text),
    expected.pairs.map(([, pair]) => pair),
  );
  for (const [at, [text, pair, theirs]] of expected.pairs.entries()) {
    compare(JSON.stringify([text, pair]), row(pairs, at), sorted(theirs));
  }
  for (const [maxLength, [text, pair], theirs] of expected.cut) {
    const ours = await tokenizer
      .encode([text], pair === undefined ? undefined : [pair], { maxLength })
      .catch(() => undefined);
    // Less room than a token of each text takes is refused here.
    if (ours) compare(`${JSON.stringify([text, pair])} cut to ${maxLength}`, row(ours, 0), sorted(theirs));
  }
  // What is exported is read as what it was.
  const again = buildTokenizer({ tokenizer: definition, config: { tokenizer_class: 'TokenizersBackend' } }, 'exported');
  compare('again', sorted(again.definition), sorted(definition));
  return { differences, compared };
}

/** The same with keys in order, merges and their like in one form. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, key === 'merges' ? mergesOf(each) : sorted(each)]));
}

const mergesOf = (merges: unknown) =>
  (merges as (string | string[])[]).map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
