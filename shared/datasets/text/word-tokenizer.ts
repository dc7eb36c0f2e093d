/** The tokenizer of a model that tags words: texts come to it word by word. */
import { buildTokenizer, readTokenizerFiles, type TextTokenizer } from './tokenizer.ts';
import { asObject, type Json } from './tokenizers/definition.ts';
import type { ModelHints, TokenizerFiles } from './tokenizers/resolve.ts';

/** A tokenizer for words. */
export interface WordTokenizer {
  readonly tokenizer: TextTokenizer;
  /** Its files that are others than those in the folder, by name: an exported model goes with these. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** A sentence about behaviour that a user may not expect. */
  readonly note?: string;
}

/**
 * Opens the tokenizer in a folder. One that tells words by the space before them (RoBERTa, GPT-2) gets `add_prefix_space`, as
 * words come without.
 * @throws UserError as `openTokenizer` does
 */
export async function openWordTokenizer(folder: string, model?: ModelHints): Promise<WordTokenizer> {
  const { files, where, configWhere } = await readTokenizerFiles(folder, model);
  const tokenizer = buildTokenizer(files, where, configWhere);
  const splitter = tokenizer.definition.pre_tokenizer;
  if (isWithoutSpace(splitter)) {
    const changed = withSpace(files);
    return {
      tokenizer: buildTokenizer(changed, where, configWhere),
      files: new Map([
        ['tokenizer_config.json', encoded(changed.config)],
        ...(changed.tokenizer === undefined ? [] : [['tokenizer.json', encoded(changed.tokenizer)] as const]),
      ]),
      note: 'the tokenizer tells words by the space before them: add_prefix_space is set, here and in the exported tokenizer, as words come without',
    };
  }
  const parts = (asObject(splitter).pretokenizers ?? []) as readonly Json[];
  if (!parts.some(isWithoutSpace)) return { tokenizer, files: new Map() };
  return {
    tokenizer,
    files: new Map(),
    note: 'the tokenizer puts no space before a word, so words are read as if none stood between them, as transformers reads them (is_split_into_words)',
  };
}

const isWithoutSpace = (part: Json | null): boolean => part?.type === 'ByteLevel' && part.add_prefix_space === false;

const encoded = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);

function withSpace(files: TokenizerFiles): TokenizerFiles {
  const config = { ...asObject(files.config), add_prefix_space: true };
  const { tokenizer } = files;
  if (tokenizer === undefined) return { ...files, config };
  const { pre_tokenizer: splitter, ...others } = asObject(tokenizer);
  const changed = { ...asObject(splitter), add_prefix_space: true };
  return { ...files, config, tokenizer: { ...others, pre_tokenizer: changed } };
}
