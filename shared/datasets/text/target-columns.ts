/** Which columns hold texts and what is to be written of them, for encoder-decoders. */
import { UserError } from '../../core/errors.ts';
import type { ColumnNames } from './column-names.ts';
import type { ColumnSettings } from './settings.ts';

/** Pairs of a text and a target by usual names, lower case. */
const usualPairs: readonly (readonly [text: string, target: string])[] = [
  ['text', 'target'],
  ['text', 'summary'],
  ['document', 'summary'],
  ['dialogue', 'summary'],
  ['article', 'highlights'],
  ['article', 'summary'],
  ['input', 'target'],
  ['input', 'output'],
  ['inputs', 'targets'],
  ['input_text', 'target_text'],
  ['source', 'target'],
  ['src', 'tgt'],
  ['prompt', 'completion'],
  ['instruction', 'output'],
  ['question', 'answer'],
  ['query', 'response'],
];

/** Columns as they stand in the file, with the roles that the settings don't name. */
interface TargetColumns {
  readonly columns: ColumnNames;
  readonly guessed: readonly ('text' | 'input' | 'target')[];
}

/**
 * The columns of texts and of targets: those that are named, or of the one pair of usual names. What an `instruction` is about stands in `input`.
 * @throws UserError when there is no such pair, or several fit
 */
export function targetColumns(
  path: string,
  present: readonly string[],
  { text, textPair: pairNamed, input, target }: ColumnSettings['columns'],
): TargetColumns {
  const textPair = pairNamed === false ? undefined : pairNamed;
  if (text !== undefined && target !== undefined) return { columns: { text, textPair, input, target }, guessed: [] };
  const inFile = (name: string) => present.find((each) => each.toLowerCase() === name);
  /** Whether the usual name is that of the named column, or is in the file; a column of an unusual name goes with any. */
  const fits = (place: 0 | 1, usual: string, named: string | undefined) =>
    named === undefined
      ? inFile(usual) !== undefined
      : named.toLowerCase() === usual || usualPairs.every((pair) => pair[place] !== named.toLowerCase());
  const found = usualPairs
    .filter(([first, second]) => fits(0, first, text) && fits(1, second, target))
    .map(([first, second]): ColumnNames => {
      const about = input ?? (first === 'instruction' ? inFile('input') : undefined);
      return { text: text ?? inFile(first), textPair, input: about, target: target ?? inFile(second) };
    });
  const distinct = [...new Map(found.map((pair) => [`${pair.text}\n${pair.target}`, pair])).values()];
  // What an instruction is about is no text by itself.
  const pairs = distinct.filter((pair) => distinct.every((other) => other.input !== pair.text));
  const [only] = pairs;
  if (!only) throw withoutPair(path, present, text === undefined, target === undefined);
  if (pairs.length > 1) throw severalFit(path, pairs);
  const named = { text, input, target };
  const roles = (['text', 'input', 'target'] as const).filter((role) => only[role] !== undefined && !named[role]);
  return { columns: only, guessed: roles };
}

/**
 * The columns of texts that something is to be written of, and of targets where the file has them: as `targetColumns` finds them. With `label: false` targets
 * are not looked for.
 * @throws UserError when several could be meant
 */
export function givenTargets(
  path: string,
  present: readonly string[],
  { text, textPair: pairNamed, input, target, label }: ColumnSettings['columns'],
): TargetColumns {
  const textPair = pairNamed === false ? undefined : pairNamed;
  const inFile = (name: string) => present.filter((each) => each.toLowerCase() === name);
  const distinct = (names: readonly string[]) => [...new Set(names)];
  const isInstruction = (name: string) => name.toLowerCase() === 'instruction';
  const usual = distinct(usualPairs.flatMap(([first]) => inFile(first)));
  // What an instruction is about is no text by itself.
  const texts =
    text === undefined ? usual.filter((name) => name.toLowerCase() !== 'input' || !usual.some(isInstruction)) : [text];
  const targetsOf = (name: string): readonly string[] => {
    if (target !== undefined) return [target];
    if (label === false) return [];
    const own = usualPairs.filter(([first]) => first === name.toLowerCase());
    return distinct((own.length > 0 ? own : usualPairs).flatMap(([, second]) => inFile(second))).filter(
      (each) => each !== name,
    );
  };
  const pairs = texts.flatMap((name) => targetsOf(name).map((each): ColumnNames => ({ text: name, target: each })));
  const found = pairs.length > 0 ? pairs : texts.map((name): ColumnNames => ({ text: name }));
  const [only = { text: text ?? 'text' }, ...others] = found;
  if (others.length > 0) throw severalFit(path, found);
  const about = input ?? (isInstruction(only.text!) ? inFile('input')[0] : undefined);
  const named = { text, input, target };
  const columns = { ...only, textPair, input: about };
  const roles = (['text', 'input', 'target'] as const).filter((role) => columns[role] !== undefined && !named[role]);
  return { columns, guessed: found.length > 0 ? roles : [] };
}

function withoutPair(path: string, present: readonly string[], noText: boolean, noTarget: boolean): UserError {
  const [what, key] = noTarget
    ? noText
      ? ['texts and targets', '`dataset.columns.text` and `dataset.columns.target`']
      : ['targets', '`dataset.columns.target`']
    : ['texts', '`dataset.columns.text`'];
  const listed = present.map((name) => JSON.stringify(name)).join(', ');
  return new UserError(
    `has no columns of usual names for ${what}, and seq2seq learns to write the target of each text`,
    {
      where: path,
      remedy: `Name them under ${key}; ${listed === '' ? 'it has none' : `it has ${listed}`}.`,
    },
  );
}

const severalFit = (path: string, pairs: readonly ColumnNames[]): UserError =>
  new UserError(
    `has several columns that could be texts and targets: ${pairs.map(({ text, target }) => (target === undefined ? `"${text}"` : `"${text}" and "${target}"`)).join(', or ')}`,
    { where: path, remedy: 'Name two under `dataset.columns.text` and `dataset.columns.target`.' },
  );
