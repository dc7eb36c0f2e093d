/** Which columns of a file hold what: by the settings, by likely names, or by names that are usual. */
import { UserError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { ColumnNames } from './column-names.ts';
import type { ColumnSettings } from './settings.ts';
import type { TextContext } from './source.ts';
import { givenTargets, targetColumns } from './target-columns.ts';

/** What a column may hold, in the order in which values of a row are read. */
const roles = [
  'text',
  'textPair',
  'label',
  'messages',
  'prompt',
  'input',
  'completion',
  'target',
  'words',
  'tags',
] as const;
export type Role = (typeof roles)[number];

/** The roles that have a column, in the order in which their values are read. */
export const rolesIn = (columns: ColumnNames): Role[] => roles.filter((role) => columns[role] !== undefined);

/** The columns that are read, in that order; those of one label each are the last. */
export const namesIn = (columns: ColumnNames): string[] => [
  ...rolesIn(columns).map((role) => columns[role]!),
  ...(columns.labels ?? []),
];

/** Columns of texts by usual names, lower case. */
const usualTexts = [
  'sentence',
  'review',
  'review_body',
  'reviewtext',
  'content',
  'document',
  'comment',
  'comment_text',
  'tweet',
  'abstract',
  'article',
  'body',
  'message',
  'utterance',
];
const usualPairs = [
  ['sentence1', 'sentence2'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
  ['question', 'passage'],
  ['question', 'sentence'],
  ['question', 'context'],
  ['query', 'passage'],
  ['query', 'document'],
  ['text1', 'text2'],
  ['text_a', 'text_b'],
  ['sentence_a', 'sentence_b'],
] as const;
const usualLabels = ['labels', 'target', 'class', 'category', 'sentiment', 'gold_label', 'intent', 'stars'];
const usualWords = ['tokens', 'words'];
const usualTags = [
  ...['ner_tags', 'tags', 'labels', 'pos_tags', 'ner', 'ner_labels', 'chunk_tags', 'upos', 'upos_tags', 'xpos', 'pos'],
  ...['token_labels', 'word_labels', 'label'],
];
const usualMessages = ['messages', 'conversations', 'conversation'];

/** Columns that were chosen, and what was guessed, in words. */
export interface ChosenColumns {
  readonly columns: ColumnNames;
  readonly notes: readonly string[];
}

/**
 * The columns of the settings, or those of likely names, or `text`, `text_pair` and `label`, or those of usual names.
 * @throws UserError when a named one is not there, or several of usual names could be meant.
 */
export function chooseColumns(
  path: string,
  present: readonly string[],
  named: ColumnSettings['columns'],
  {
    likely = {},
    guessLabels = true,
    chats = false,
    targets,
    words,
  }: Pick<TextContext, 'likely' | 'guessLabels' | 'chats' | 'targets' | 'words'>,
): ChosenColumns {
  const found = (...names: (string | undefined)[]) =>
    names.find((name) => name !== undefined && present.includes(name));
  const guessed: [Role, string][] = [];
  const guess = (role: Role, name: string) => guessed.push([role, name]);
  const ofWords = words && wordColumns(path, present, { named, likely, guess, wanted: words });
  if (ofWords) return { columns: requireColumns(path, present, ofWords), notes: guessedNotes() };
  const texts = chosenTexts();
  const used = new Set(Object.values(texts));
  const likelyLabels = likely.labels?.every((name) => present.includes(name)) ? likely.labels : undefined;
  const labels = named.labels ?? (named.label === undefined ? likelyLabels : undefined);
  const label =
    named.label === false || labels || words === 'given' || targets === 'given'
      ? undefined
      : (named.label ?? found(likely.label, 'label') ?? guessedLabel());
  const columns = requireColumns(path, present, { ...texts, ...(labels ? { labels } : {}), label });
  const notes = [
    ...guessedNotes(),
    ...(columns.messages !== undefined && present.includes('tools')
      ? ['the column "tools" is not read: chats are learnt without the descriptions of tools']
      : []),
  ];
  return { columns, notes };

  function guessedNotes(): string[] {
    return guessed.length === 0 ? [] : [`${columnsInWords(guessed)}, by the names of the columns (dataset.columns)`];
  }

  function chosenTexts(): ColumnNames {
    if (targets) {
      const ofTargets =
        targets === 'wanted' ? targetColumns(path, present, named) : givenTargets(path, present, withLikely());
      for (const role of ofTargets.guessed) guessed.push([role, ofTargets.columns[role]!]);
      return ofTargets.columns;
    }
    const text = named.text ?? found(likely.text);
    if (chats && text === undefined) {
      const ofChats = chatColumns(path, present, named, guess);
      if (ofChats) return ofChats;
    }
    const { textPair } = named;
    const pair = textPair === false ? undefined : (textPair ?? found(likely.textPair, 'text_pair'));
    const sure = text ?? found('text');
    if (sure !== undefined || typeof textPair === 'string') return { text: sure ?? 'text', textPair: pair };
    const [textName = 'text', pairName = pair] = guessedTexts();
    return { text: textName, textPair: pairName };
  }

  /** The columns that are named, and of the likely names those that the file has. */
  function withLikely(): ColumnSettings['columns'] {
    const text = named.text ?? found(likely.text);
    const target = named.target ?? found(likely.target);
    return { ...named, text, target, input: named.input ?? found(likely.input) };
  }

  function guessedTexts(): string[] {
    const usual = named.textPair === false ? [] : usualPairs;
    const pairs = usual.flatMap((names) => {
      const both = names.flatMap((name) => asPresent(present, name));
      return both.length === names.length ? [both] : [];
    });
    const inPairs = new Set(pairs.flat());
    const single = usualTexts.flatMap((name) => asPresent(present, name)).filter((name) => !inPairs.has(name));
    const candidates = [...pairs, ...single.map((name) => [name])];
    const [only = [], ...others] = candidates;
    if (others.length > 0) throw severalFit(path, 'text', candidates);
    for (const [place, name] of only.entries()) guessed.push([place === 0 ? 'text' : 'textPair', name]);
    return only;
  }

  function guessedLabel(): string | undefined {
    if (!guessLabels) return undefined;
    const candidates = usualLabels.flatMap((name) => asPresent(present, name)).filter((name) => !used.has(name));
    if (candidates.length > 1) {
      throw severalFit(
        path,
        'label',
        candidates.map((name) => [name]),
      );
    }
    const [only] = candidates;
    if (only !== undefined) guessed.push(['label', only]);
    return only;
  }
}

/** Columns of chats, or of prompts and completions; undefined: there are none, or `text` is there and none is named. */
function chatColumns(
  path: string,
  present: readonly string[],
  named: ColumnSettings['columns'],
  guess: (role: Role, name: string) => void,
): ColumnNames | undefined {
  const { messages, prompt, input, completion } = named;
  if (messages !== undefined) return { messages };
  if (prompt !== undefined || completion !== undefined) {
    return { prompt: prompt ?? 'prompt', input, completion: completion ?? 'completion' };
  }
  if (present.includes('text')) return undefined;
  const forms: ColumnNames[] = usualMessages
    .flatMap((name) => asPresent(present, name))
    .map((name) => ({ messages: name }));
  if (['prompt', 'completion'].every((name) => present.includes(name))) {
    forms.push({ prompt: 'prompt', completion: 'completion' });
  }
  if (['instruction', 'output'].every((name) => present.includes(name))) {
    forms.push({ prompt: 'instruction', input: present.find((name) => name === 'input'), completion: 'output' });
  }
  if (forms.length > 1) throw severalFit(path, 'messages', forms.map(namesIn));
  const [form] = forms;
  if (form) for (const role of rolesIn(form)) guess(role, form[role]!);
  return form;
}

interface WordOptions {
  readonly named: ColumnSettings['columns'];
  readonly likely: ColumnNames;
  readonly guess: (role: Role, name: string) => void;
  readonly wanted: NonNullable<TextContext['words']>;
}

/**
 * Columns of words and tags; undefined: there are none, and texts will do.
 * @throws UserError when there are none and they are wanted, or several could be meant
 */
function wordColumns(
  path: string,
  present: readonly string[],
  { named, likely, guess, wanted }: WordOptions,
): ColumnNames | undefined {
  if (wanted === 'likely' && present.some((name) => name.toLowerCase() === 'text')) return undefined;
  if (wanted === 'given' && named.text !== undefined) return undefined;
  const one = (
    role: 'words' | 'tags',
    usual: readonly string[],
    others: readonly string[] = [],
  ): string | undefined => {
    const sure = named[role] ?? present.find((name) => name === likely[role]);
    if (sure !== undefined) return sure;
    const candidates = usual.flatMap((name) => asPresent(present, name)).filter((name) => !others.includes(name));
    if (candidates.length > 1 && wanted !== 'likely')
      throw severalFit(
        path,
        role,
        candidates.map((name) => [name]),
      );
    const [only] = candidates;
    if (only !== undefined) guess(role, only);
    return only;
  };
  const words = one('words', usualWords);
  if (words === undefined && wanted !== 'wanted') return undefined;
  const isWithout = wanted === 'given' && named.label === false;
  const tags = words === undefined || isWithout ? named.tags : one('tags', usualTags, [words]);
  if (wanted === 'likely' && tags === undefined) return undefined;
  if (words !== undefined && (tags !== undefined || wanted === 'given')) return { words, tags };
  const [what, role] = words === undefined ? ['lists of words', 'words'] : ['lists of tags', 'tags'];
  throw new UserError(`has no column of ${what}, of which token-classification learns`, {
    where: path,
    remedy: `Name it under \`dataset.columns.${role}\`; it has ${present.map((name) => JSON.stringify(name)).join(', ')}.`,
  });
}

/** The column of that name, upper or lower case. */
const asPresent = (present: readonly string[], name: string): string[] =>
  present.filter((each) => each.toLowerCase() === name);

const quoted = (names: readonly string[]) => names.map((name) => JSON.stringify(name)).join(' and ');

const severalFit = (path: string, role: Role, candidates: readonly (readonly string[])[]) =>
  new UserError(`has several columns that could be the ${role}: ${candidates.map(quoted).join(', or ')}`, {
    where: path,
    remedy: `Name one under \`dataset.columns.${role}\`.`,
  });

const roleWords: Readonly<Record<Role, string>> = {
  text: 'texts',
  textPair: 'second texts',
  label: 'labels',
  messages: 'messages',
  prompt: 'prompts',
  input: 'inputs of prompts',
  completion: 'completions',
  target: 'targets',
  words: 'words',
  tags: 'tags',
};

/** `texts are taken from "review" and labels from "stars"` */
function columnsInWords(guessed: readonly (readonly [Role, string])[]): string {
  const parts = guessed.map(
    ([role, name], place) => `${roleWords[role]}${place === 0 ? ' are taken' : ''} from ${JSON.stringify(name)}`,
  );
  const last = parts.pop()!;
  return parts.length > 0 ? `${parts.join(', ')} and ${last}` : last;
}

/** @throws UserError when one of the columns is not there, or used twice. */
export function requireColumns(path: string, present: readonly string[], columns: ColumnNames): ColumnNames {
  const wanted = [
    ...rolesIn(columns).map((role) => [role, columns[role]!] as const),
    ...(columns.labels ?? []).map((name) => ['labels', name] as const),
  ];
  for (const [key, name] of wanted) {
    if (present.includes(name)) continue;
    const listed =
      present.length > 0 ? `It has: ${present.map((column) => JSON.stringify(column)).join(', ')}.` : 'It has none.';
    const guess = didYouMean(name, present);
    throw new UserError(`has no column "${name}"`, {
      where: path,
      remedy: [guess && `D${guess.slice(1)}`, listed, `Name the column under \`dataset.columns.${key}\`.`]
        .filter(Boolean)
        .join(' '),
    });
  }
  const names = namesIn(columns);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice === undefined) return columns;
  throw new UserError(`column "${twice}" is used for two things`, {
    where: 'dataset.columns',
    remedy: 'Name another column for one of them.',
  });
}

/** @throws UserError when a further file of a data set has other columns than its first. */
export function refuseOtherColumns(
  { path, present }: { path: string; present: readonly string[] },
  first: { path: string; present: readonly string[] },
): void {
  const missing = first.present.filter((name) => !present.includes(name));
  const extra = present.filter((name) => !first.present.includes(name));
  if (missing.length === 0 && extra.length === 0) return;
  const parts = [
    ...(missing.length > 0 ? [`without ${quoted(missing)}`] : []),
    ...(extra.length > 0 ? [`with ${quoted(extra)}`] : []),
  ];
  throw new UserError(`has other columns than ${first.path}: ${parts.join(', ')}`, {
    where: path,
    remedy: 'Give files of one table, or write them again with the same columns.',
  });
}
