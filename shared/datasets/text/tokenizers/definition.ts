/** What tokenizer.json holds, as far as it is looked into; its parts are handed to Hugging Face's library as they are. */

export type Json = Record<string, unknown>;

/** A token that is found in a text before the model of the tokenizer sees it. */
export interface AddedToken {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** The pieces of a tokenizer: ids by piece, or pieces with their scores in the order of their ids. */
export type Vocabulary = Readonly<Record<string, number>> | readonly (readonly [piece: string, score: number])[];

export interface Definition {
  readonly version: string;
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly (AddedToken & { readonly id: number })[];
  readonly normalizer: Json | null;
  readonly pre_tokenizer: Json | null;
  readonly post_processor: Json | null;
  readonly decoder: Json | null;
  readonly model: Json & { readonly vocab: Vocabulary };
}

export const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** An added token with the library's values for what is not said. */
export function addedToken(fields: { readonly content: string } & Partial<AddedToken>): AddedToken {
  const { content, single_word = false, lstrip = false, rstrip = false, special = false } = fields;
  return { content, single_word, lstrip, rstrip, normalized: fields.normalized ?? !special, special };
}

/** The added token that a setting describes; undefined where it describes none. */
export function asAddedToken(value: unknown): AddedToken | undefined {
  const fields = asObject(value);
  return typeof fields.content === 'string' ? addedToken(fields as { content: string }) : undefined;
}

/** Ids by piece; of a piece that occurs twice the last. */
function idsOf(vocab: Vocabulary): ReadonlyMap<string, number> {
  return new Map(Array.isArray(vocab) ? vocab.map(([piece], id) => [piece, id]) : Object.entries(vocab));
}

/** Added tokens by id, which grow as Hugging Face's library lets them grow. */
export class AddedTokens {
  readonly #tokens = new Map<number, AddedToken>();
  readonly #ids = new Map<string, number>();
  readonly #vocabulary: ReadonlyMap<string, number>;

  constructor(vocab: Vocabulary) {
    this.#vocabulary = idsOf(vocab);
  }

  /** The id of a token or a piece. */
  idOf(content: string): number | undefined {
    return this.#ids.get(content) ?? this.#vocabulary.get(content);
  }

  /** Whether there is this very token among the added ones. */
  has(token: AddedToken): boolean {
    return [...this.#tokens.values()].some((other) => isSame(other, token));
  }

  /** Adds tokens: one of the vocabulary keeps its id, others get the next; one that is there gets the new flags. */
  add(tokens: readonly AddedToken[]): void {
    for (const token of tokens) {
      if (token.content === '' || this.has(token)) continue;
      const id = this.idOf(token.content) ?? this.#next();
      this.#ids.set(token.content, id);
      this.#tokens.set(id, token);
    }
  }

  #next(): number {
    const size = this.#vocabulary.size;
    let largest = -1;
    for (const id of this.#ids.values()) largest = Math.max(largest, id);
    return largest >= size ? largest + 1 : size;
  }

  /** The added tokens, in the order of their ids. */
  list(): (AddedToken & { id: number })[] {
    return [...this.#tokens].toSorted(([a], [b]) => a - b).map(([id, token]) => ({ id, ...token }));
  }
}

const flags = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;
const isSame = (a: AddedToken, b: AddedToken): boolean =>
  a.content === b.content && flags.every((flag) => a[flag] === b[flag]);
