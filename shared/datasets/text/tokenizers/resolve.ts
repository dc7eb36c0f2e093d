/** From the files of a folder to one tokenizer.json, as `transformers` (5.18) resolves them. */
import { BrokenInputError, UserError } from '../../../core/errors.ts';
import { namedTokens, type Settings, type TokenizerClass, textOf } from './classes/class.ts';
import { plainClass, tokenizerClass } from './classes/registry.ts';
import {
  type AddedToken,
  AddedTokens,
  addedToken,
  asAddedToken,
  asObject,
  type Definition,
  type Json,
  type Vocabulary,
} from './definition.ts';
import { type KnownToken, template } from './parts.ts';
import { refuseUnobeyed } from './settings.ts';

/** The files of a tokenizer, parsed; one of `tokenizer` and `pieces` is needed. */
export interface TokenizerFiles {
  /** tokenizer.json */
  readonly tokenizer?: unknown;
  /** tokenizer_config.json */
  readonly config?: unknown;
  /** special_tokens_map.json */
  readonly specialTokens?: unknown;
  /** added_tokens.json */
  readonly addedTokens?: unknown;
  /** What stands in for tokenizer.json, by the class of the tokenizer. */
  readonly pieces?: Pieces;
  /** The settings in config.json that bear on the tokenizer. */
  readonly model?: ModelHints | undefined;
}

/** The settings of config.json that bear on the tokenizer. */
export interface ModelHints {
  readonly model_type?: string | undefined;
  readonly tokenizer_class?: unknown;
}

/** Pieces from files without rules: vocab.txt, vocab.json with merges.txt, or a SentencePiece model. */
export interface Pieces {
  readonly vocab: Vocabulary;
  readonly merges: readonly unknown[];
  readonly charactersMap?: string | undefined;
  /** The pieces of a SentencePiece model. */
  readonly sentencePiece?: {
    /** Tokens that are found in a text before it is split. */
    readonly added: readonly AddedToken[];
    readonly unknownId: number;
  };
}

/** A tokenizer as `transformers` would make it. */
export interface ResolvedTokenizer {
  readonly definition: Definition;
  /** Special tokens by their settings, such as `pad_token`. */
  readonly special: ReadonlyMap<string, string>;
  readonly paddingSide: 'left' | 'right';
  readonly truncationSide: 'left' | 'right';
  /** Whether models are given the type of each token. */
  readonly hasTypes: boolean;
  /** One more than the largest id that a file gives: a class may add tokens of its own after those. */
  readonly size: number;
}

const kinds = ['WordPiece', 'BPE', 'Unigram', 'WordLevel'];

/** The class of a folder's tokenizer; undefined: the one that takes tokenizer.json as it is. */
export function classOf(
  { config, model }: Pick<TokenizerFiles, 'config' | 'model'>,
  where: string,
): TokenizerClass | undefined {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const hints = {
    named: text(asObject(config).tokenizer_class),
    modelType: model?.model_type,
    namedByModel: text(model?.tokenizer_class),
  };
  return tokenizerClass(hints, where);
}

/**
 * One tokenizer out of its files: the class that they name makes its parts by the settings, as it does in `transformers`, and settings add
 * tokens and name the special ones.
 * @param where of tokenizer.json, `configWhere` of tokenizer_config.json, for messages.
 * @throws UserError when a file asks for what is not done here.
 */
export function resolveTokenizer(files: TokenizerFiles, where: string, configWhere = where): ResolvedTokenizer {
  const config = asObject(files.config);
  refuseUnobeyed(config, configWhere);
  const kind = classOf(files, configWhere);
  const file = files.tokenizer === undefined ? undefined : checked(files.tokenizer, where);
  if (kind && file) refuseOtherKind(kind, file, where);
  const given = file ? sourceOf(file) : files.pieces!;
  const { settings, decoder } = settingsOf(files, config, kind, given);
  const source = orderedBy(kind, given, settings);
  const parts = kind ? kind.build(source, settings) : file!;
  const tokens = new AddedTokens(source.vocab);
  if (!kind && file) tokens.add(file.added_tokens);
  const special = specialOf(settings);
  tokens.add(missingTokens(tokens, decoder, special, settings));
  if (kind?.addsSpecialAgain) {
    const names = new Set([...special.values(), ...extraOf(settings)].map(textOf));
    tokens.add([...names].map((content) => addedToken({ content, special: true })));
  }
  const known = (setting: string): KnownToken => {
    const content = textOf(special.get(setting) ?? null);
    const id = tokens.idOf(content);
    if (id !== undefined) return { content, id };
    throw new UserError(`has no ${setting}, which is put around each text`, { where: configWhere });
  };
  const added = tokens.list();
  const model = kind
    ? { ...parts.model, vocab: source.vocab, ...(kind.kind === 'BPE' && { merges: source.merges }) }
    : file!.model;
  return {
    definition: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: parts.normalizer,
      pre_tokenizer: parts.pre_tokenizer,
      post_processor: around(kind, file, settings, known),
      decoder: parts.decoder,
      model: model as Definition['model'],
    },
    special: new Map([...special].map(([key, token]) => [key, textOf(token)])),
    paddingSide: sideOf(settings.padding_side) ?? kind?.paddingSide ?? 'right',
    truncationSide: sideOf(settings.truncation_side) ?? 'right',
    hasTypes: ((settings.model_input_names ?? kind?.inputNames ?? []) as unknown[]).includes('token_type_ids'),
    size: sizeByFiles(source.vocab, added, [...(file?.added_tokens ?? []), ...decoder.values()]),
  };
}

/** A tokenizer.json whose parts are there, or null. */
function checked(tokenizer: unknown, where: string): Definition & { readonly saved: Json } {
  const file = asObject(tokenizer);
  const { type, vocab, dropout } = asObject(file.model);
  if (typeof vocab !== 'object' || vocab === null) {
    throw new BrokenInputError('has no vocabulary (`model.vocab`)', {
      where,
      remedy: 'Use a tokenizer.json as Hugging Face tokenizers writes it.',
    });
  }
  if (type !== undefined && !kinds.includes(String(type))) {
    throw new UserError(`is a tokenizer of the kind ${String(type)}`, {
      where,
      remedy: `Usable are: ${kinds.join(', ')}.`,
    });
  }
  if (typeof dropout === 'number' && dropout > 0) {
    throw new UserError(`model.dropout is ${dropout}: the same text would get other tokens each time`, {
      where,
      remedy: 'Set it to null.',
    });
  }
  const added = Array.isArray(file.added_tokens) ? file.added_tokens : [];
  const part = (key: string) => (file[key] ?? null) as Json | null;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.flatMap((token) => {
      const known = asAddedToken(token);
      return known ? [{ ...known, id: Number(asObject(token).id) }] : [];
    }),
    normalizer: part('normalizer'),
    pre_tokenizer: part('pre_tokenizer'),
    post_processor: part('post_processor'),
    decoder: part('decoder'),
    model: file.model as Definition['model'],
    saved: file,
  };
}

type CheckedFile = ReturnType<typeof checked>;

function sourceOf({ model, normalizer }: CheckedFile): Pieces {
  const normalizers =
    normalizer?.type === 'Sequence' ? (normalizer.normalizers as Json[]) : normalizer ? [normalizer] : [];
  const map = normalizers.find(({ type }) => type === 'Precompiled')?.precompiled_charsmap;
  return {
    vocab: model.vocab,
    merges: Array.isArray(model.merges) ? model.merges : [],
    charactersMap: typeof map === 'string' ? map : undefined,
  };
}

/** Refuses a class that makes another kind of tokenizer than the file is. */
function refuseOtherKind(kind: TokenizerClass, { model }: CheckedFile, where: string): void {
  const type = model.type ?? (Array.isArray(model.vocab) ? 'Unigram' : 'merges' in model ? 'BPE' : 'WordPiece');
  if (type === kind.kind) return;
  throw new UserError(
    `is a tokenizer of the kind ${String(type)}, its class ${kind.names[0]!} makes one of the kind ${kind.kind}`,
    {
      where,
      remedy: `Put "tokenizer_class": "${plainClass}" into tokenizer_config.json to take tokenizer.json as it is.`,
    },
  );
}

/** Pieces of a SentencePiece model with the places that their class gives them. */
function orderedBy(kind: TokenizerClass | undefined, source: Pieces, settings: Settings): Pieces {
  if (!source.sentencePiece || !kind?.fromSentencePiece || !Array.isArray(source.vocab)) return source;
  return { ...source, vocab: kind.fromSentencePiece(source.vocab, settings) };
}

/** The settings that a class is given, and the added tokens by id that they or the files list. */
function settingsOf(
  files: TokenizerFiles,
  config: Json,
  kind: TokenizerClass | undefined,
  source: Pieces,
): { settings: Settings; decoder: ReadonlyMap<number, AddedToken> } {
  const { tokenizer_class: _, added_tokens_decoder: listed, ...given } = config;
  const settings: Json = { ...given };
  if (settings.additional_special_tokens && !settings.extra_special_tokens) {
    settings.extra_special_tokens = settings.additional_special_tokens;
    delete settings.additional_special_tokens;
  }
  // What is put around texts is tokenizer.json's where there is one.
  if (files.tokenizer !== undefined) {
    delete settings.add_bos_token;
    delete settings.add_eos_token;
  }
  const decoder = new Map<number, AddedToken>();
  if (listed !== undefined && listed !== null) {
    for (const [id, token] of Object.entries(asObject(listed))) {
      const known = asAddedToken(token);
      if (known) decoder.set(Number(id), known);
    }
  } else {
    for (const [key, value] of Object.entries(asObject(files.specialTokens))) {
      const token = asAddedToken(value);
      settings[key] = token ? { ...token, special: true, normalized: asObject(value).normalized ?? false } : value;
    }
    const { extra_special_tokens: extra } = settings;
    const special = new Set(
      [...namedTokens.map((key) => settings[key]), ...(Array.isArray(extra) ? extra : [])].filter(Boolean).map(textOf),
    );
    for (const [content, id] of Object.entries(asObject(files.addedTokens))) {
      decoder.set(Number(id), addedToken({ content, special: special.has(content) }));
    }
    for (const token of (asObject(files.tokenizer).added_tokens as unknown[] | undefined) ?? []) {
      const known = asAddedToken(token);
      if (known) decoder.set(Number(asObject(token).id), known);
    }
  }
  const byContent = new Map([...decoder.values()].map((token) => [token.content, token]));
  for (const key of namedTokens) {
    if (settings[key] !== undefined && settings[key] !== null)
      settings[key] = byContent.get(textOf(settings[key])) ?? settings[key];
  }
  if (source.sentencePiece) {
    settings.additional_special_tokens = source.sentencePiece.added;
    settings.unk_id = source.sentencePiece.unknownId;
  }
  const merged = { ...kind?.defaults, ...settings };
  const prepared = kind?.prepare?.(merged) ?? merged;
  return { settings: { ...prepared, ...savedSides(asObject(files.tokenizer), prepared) }, decoder };
}

/** Sides and padding token that tokenizer.json was saved with, where the settings say nothing. */
function savedSides({ truncation, padding }: Json, settings: Settings): Settings {
  const [cut, filled] = [asObject(truncation), asObject(padding)];
  const lower = (side: unknown) => (typeof side === 'string' ? side.toLowerCase() : undefined);
  return Object.fromEntries(
    Object.entries({
      truncation_side: lower(cut.direction),
      padding_side: lower(filled.direction),
      pad_token: filled.pad_token,
    }).filter(([key, value]) => value !== undefined && !(key in settings)),
  );
}

/** Special tokens by their settings, in the order in which they get ids: the named ones, then those of a model's own. */
function specialOf(settings: Settings): Map<string, unknown> {
  const isToken = (value: unknown) => typeof value === 'string' || asAddedToken(value) !== undefined;
  const extra = settings.extra_special_tokens;
  const own = Object.entries(settings).filter(
    ([key]) => key.endsWith('_token') && !(namedTokens as readonly string[]).includes(key),
  );
  const entries = [
    ...namedTokens.map((key) => [key, settings[key]] as const),
    ...own,
    ...(Array.isArray(extra) ? [] : Object.entries(asObject(extra))),
  ];
  return new Map(entries.filter(([, value]) => isToken(value)));
}

/** Special tokens without a name. */
function extraOf(settings: Settings): unknown[] {
  const extra = settings.extra_special_tokens ?? settings.additional_special_tokens;
  return Array.isArray(extra) ? extra : [];
}

/** Tokens that are not there yet: those listed by id, then special ones. */
function missingTokens(
  tokens: AddedTokens,
  decoder: ReadonlyMap<number, AddedToken>,
  special: ReadonlyMap<string, unknown>,
  settings: Settings,
): AddedToken[] {
  const names = new Set([...special.values()].map(textOf));
  const listed = [...decoder]
    .toSorted(([a], [b]) => a - b)
    .map(([, token]) => token)
    .filter((token) => !tokens.has(token));
  const contents = new Set([...tokens.list(), ...listed].map(({ content }) => content));
  const missing: AddedToken[] = [...listed];
  for (const value of [...special.values(), ...extraOf(settings)]) {
    const content = textOf(value);
    if (contents.has(content) || missing.some((token) => token.content === content)) continue;
    missing.push(asAddedToken(value) ?? addedToken({ content, special: true }));
  }
  return missing.map((token) => (names.has(token.content) ? { ...token, special: true } : token));
}

/** What is put around texts: what the class makes, what tokenizer.json has, or the ends that the settings ask for. */
function around(
  kind: TokenizerClass | undefined,
  file: CheckedFile | undefined,
  settings: Settings,
  known: (setting: string) => KnownToken,
): Json | null {
  const saved = file?.post_processor;
  if (kind?.around && !(kind.givesWay && saved)) return kind.around(known, settings);
  if (saved) return saved;
  const [hasStart, hasEnd] = [settings.add_bos_token === true, settings.add_eos_token === true];
  const start = hasStart && settings.bos_token ? known('bos_token') : undefined;
  const end = hasEnd && settings.eos_token ? known('eos_token') : undefined;
  const framed = (text: string, type: number) =>
    [start && `${start.content}:${type}`, `${text}:${type}`, end && `${end.content}:${type}`].filter(Boolean).join(' ');
  const single = framed('$A', 0);
  return template(
    single,
    `${single} ${framed('$B', 1)}`,
    [start, end].filter((token) => token !== undefined),
  );
}

const sideOf = (side: unknown) => (side === 'left' || side === 'right' ? side : undefined);

/** One more than the largest id of the vocabulary and of the added tokens that are in files too. */
function sizeByFiles(
  vocab: Vocabulary,
  added: readonly (AddedToken & { id: number })[],
  inFiles: readonly AddedToken[],
): number {
  const names = new Set(inFiles.map(({ content }) => content));
  let largest = -1;
  if (Array.isArray(vocab)) largest = vocab.length - 1;
  else for (const id of Object.values(vocab)) largest = Math.max(largest, id);
  for (const { id, content } of added) if (names.has(content)) largest = Math.max(largest, id);
  return largest + 1;
}
