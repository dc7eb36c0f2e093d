/** From the rows of files to texts and labels, with all that is wrong in one message. */
import { basename } from 'node:path';
import { BrokenInputError, UserError } from '../../core/errors.ts';
import { type DataPath, pathInWords } from '../data-path.ts';
import { checkIsFilledFile } from '../filled-file.ts';
import { firstBroken } from './byte-lines.ts';
import { type Chat, chatOf, textOfChat } from './chats.ts';
import type { ColumnNames } from './column-names.ts';
import { chooseColumns, namesIn, refuseOtherColumns, requireColumns, rolesIn } from './columns.ts';
import { FlagReader, LabelSetReader } from './label-sets.ts';
import { type KnownLabels, LabelReader, type TargetReader } from './labels.ts';
import { NumberReader } from './numbers.ts';
import { contradictions } from './overlaps.ts';
import { type GivenProblem, wantedOf } from './problem-type.ts';
import { RowProblems } from './row-problems.ts';
import type { ColumnSettings, PlainSettings } from './settings.ts';
import { BrokenText, type ChatProblem, type ChooseColumns, type TextContext, type TextSource } from './source.ts';
import { sampleRows } from './stratify.ts';
import { TaggedRows } from './tagged-rows.ts';
import { takeTestRows } from './test-rows.ts';
import { textFilesOf } from './text-files.ts';
import type { TextFormat } from './text-format.ts';
import { problemOf, type RowUnit, type SkippedRows, type TextData, type TextRows } from './text-rows.ts';
import { textFits, tooMuch } from './unpacked.ts';

/** The rows of one file, or of several that are one data set. */
interface Gathered {
  readonly data: TextRows;
  readonly present: readonly string[];
  readonly chosen: ColumnNames;
  /** Labels that were known before the rows were read. */
  readonly known?: KnownLabels | undefined;
  readonly warnings: readonly string[];
  readonly skipped?: SkippedRows | undefined;
}

/**
 * Reads a file of texts, or several that are one data set.
 * @param path the resolved path of the file or files; so are those of other files in the configuration.
 * @throws UserError when it can't serve; of rows, all that are wrong are counted and the first ones named.
 */
export function openTexts<Config extends PlainSettings>(
  format: TextFormat<Config>,
  config: Config,
  path: DataPath,
  context: TextContext,
): Promise<TextData> {
  const source: TextSource = { ...format, read: (file, choose) => format.read(file, choose, config, context) };
  return hasColumns(config) ? openColumns(source, config, path, context) : openPlain(source, config, path, context);
}

const hasColumns = (config: PlainSettings): config is ColumnSettings => 'columns' in config;

/** Reads a file with columns, or several. */
async function openColumns(
  source: TextSource,
  config: ColumnSettings,
  path: DataPath,
  context: TextContext,
): Promise<TextData> {
  refuseTwoNamings(config);
  const known = config.labels && { names: config.labels, byPlace: true };
  const validation = validationFile(config, path);
  const notes: string[] = [];
  const choose = (where: string, present: readonly string[]) => {
    const chosen = chooseColumns(where, present, config.columns, context);
    notes.push(...chosen.notes);
    return chosen.columns;
  };
  const given = { ...context, ...config, ...delimiterIn(config) };
  const all = await gather(source, mainFile(config, path), given, choose, known);
  const main = withoutTestRows({ ...all, warnings: [...notes, ...all.warnings] }, config, pathInWords(path));
  const { labelNames } = main.data;
  const labels = main.known ?? (labelNames && { names: labelNames, byPlace: false });
  const type = problemOf(main.data);
  const alike = type === undefined ? given : { ...given, problem: { type, from: 'the training data' } };
  return finish(main, config, validation, context, (file) =>
    gather(source, file, alike, (where, present) => requireColumns(where, present, main.chosen), labels),
  );
}

const delimiterIn = ({ labelDelimiter }: ColumnSettings) => (labelDelimiter === undefined ? {} : { labelDelimiter });

/** @throws UserError when labels are named twice. */
function refuseTwoNamings({ columns, labels, labelDelimiter }: ColumnSettings): void {
  if (!columns.labels) return;
  const others = [
    ...(labels ? ['`dataset.labels`'] : []),
    ...(typeof columns.label === 'string' ? ['`dataset.columns.label`'] : []),
    ...(labelDelimiter === undefined ? [] : ['`dataset.labelDelimiter`']),
  ];
  if (others.length === 0) return;
  throw new UserError(`names a column for each label, and does not go with ${others.join(' and ')}`, {
    where: 'dataset.columns.labels',
    remedy: `Leave ${others.length === 1 ? 'one of the two' : 'it, or the others,'} out.`,
  });
}

/** Reads a file of nothing but texts, or several. */
async function openPlain(
  source: TextSource,
  config: PlainSettings,
  path: DataPath,
  context: TextContext,
): Promise<TextData> {
  const validation = validationFile(config, path);
  const read = (file: NamedFile) => gather(source, file, { ...context, ...config });
  const main = withoutTestRows(await read(mainFile(config, path)), config, pathInWords(path));
  return finish(main, config, validation, context, read);
}

/** The rows of a data set, with those for testing taken out. */
interface Parted extends Gathered {
  readonly test?: TextRows;
}

/** Takes out the rows of the file that are for testing, whether they are measured on or not. */
function withoutTestRows(main: Gathered, { test }: PlainSettings, path: string): Parted {
  const divided = takeTestRows(main.data, test, path);
  if (!divided) return main;
  return { ...main, data: divided.rest, ...(test?.evaluate && { test: divided.taken }) };
}

/** The data themselves, by the settings. */
const mainFile = ({ split }: PlainSettings, path: DataPath): NamedFile => ({
  path,
  split,
  setting: 'dataset.path',
  splitSetting: 'dataset.split',
});

/** Data of their own to validate on; undefined: there are none. @throws UserError when they are named twice. */
function validationFile(
  { split, validationPath, validationSplit }: PlainSettings,
  path: DataPath,
): NamedFile | undefined {
  if (validationSplit === undefined) {
    if (validationPath === undefined) return undefined;
    const setting = 'dataset.validationPath';
    return { path: validationPath, split: undefined, setting, splitSetting: 'dataset.validationSplit' };
  }
  const refuse = (what: string, remedy: string) => new UserError(what, { where: 'dataset.validationSplit', remedy });
  if (validationPath !== undefined) {
    throw refuse('names a part of the data at `path`, and `validationPath` other data', 'Leave one of the two out.');
  }
  if (split === undefined) {
    throw refuse('names the part to validate on, and `split` does not name one to train on', 'Set `split`, too.');
  }
  if (split === validationSplit) {
    throw refuse(`names the part that is trained on (${split})`, 'Name another, or leave it out.');
  }
  return { path, split: validationSplit, setting: 'dataset.path', splitSetting: 'dataset.validationSplit' };
}

async function finish(
  main: Parted,
  config: PlainSettings,
  validation: NamedFile | undefined,
  { seed }: TextContext,
  read: (file: NamedFile) => Promise<Gathered>,
): Promise<TextData> {
  const other = validation && (await read(validation));
  const testPath = config.test?.evaluate ? config.test.path : undefined;
  const tested =
    testPath === undefined
      ? undefined
      : await read({
          path: testPath,
          split: undefined,
          setting: 'dataset.test.path',
          splitSetting: 'dataset.test.path',
        });
  const test = tested?.data ?? main.test;
  const sample = sampleRows(main.data, config.samples, seed);
  const nameOfValidation = config.validationPath ?? config.validationSplit;
  const warnings = [
    ...main.warnings,
    ...(config.split === undefined ? [] : [partsTaken(config, main, other)]),
    ...(other?.warnings ?? []).map((warning) => `${nameOfValidation}: ${warning}`),
    ...(tested?.warnings ?? []).map((warning) => `${testPath}: ${warning}`),
    ...sample.warnings,
    ...contradictions(sample.data),
  ];
  const skipped = {
    ...(main.skipped && { training: main.skipped }),
    ...(other?.skipped && { validation: other.skipped }),
    ...(tested?.skipped && { test: tested.skipped }),
  };
  return {
    kind: 'text',
    examples: sample.data,
    ...(other && { validation: other.data }),
    ...(test && { test }),
    columns: main.present,
    ...(main.present.length > 0 && { chosen: main.chosen }),
    warnings,
    ...(Object.keys(skipped).length > 0 && { skipped }),
  };
}

/** `the part train is trained on (90 rows), the part validation is validated on (10 rows)` */
const partsTaken = ({ split, validationSplit }: PlainSettings, main: Gathered, other: Gathered | undefined): string =>
  [
    `the part ${split} is trained on (${main.data.rows.length} rows)`,
    ...(validationSplit !== undefined && other
      ? [`the part ${validationSplit} is validated on (${other.data.rows.length} rows)`]
      : []),
  ].join(', ');

interface NamedFile {
  readonly path: DataPath;
  readonly split: string | undefined;
  /** The key of the run file that names it. */
  readonly setting: string;
  /** The key of the run file that names the part. */
  readonly splitSetting: string;
}

/** Files of one data set, as far as they have been read. */
interface FilesRead {
  readonly unit: RowUnit;
  /** Notes that another file begins. */
  begin(file: string, before: number): void;
}

/** What counts the rows of files: of one, as its format does; of several, with their names. */
function filesRead(source: TextSource, files: readonly string[]): FilesRead {
  if (files.length === 1) return { unit: source.unit, begin() {} };
  const names = files.map((file) => basename(file));
  const areDistinct = new Set(names).size === names.length;
  const begun: { name: string; before: number }[] = [];
  return {
    unit: { unit: source.unit, files: begun },
    begin: (file, before) => begun.push({ name: areDistinct ? basename(file) : file, before }),
  };
}

/** @param choose absent: the files have no columns, and their rows are texts. */
async function gather(
  source: TextSource,
  named: NamedFile,
  {
    keepEmpty = false,
    skipBadRows,
    lossOn,
    problem,
    labelDelimiter,
    words: ofWords,
    chatProblems,
  }: TextContext & ReadSettings,
  choose: (where: string, present: readonly string[]) => ColumnNames = () => ({ text: 'text' }),
  expected?: KnownLabels,
): Promise<Gathered> {
  const { filesOf = textFilesOf } = source;
  const files = await filesOf(named.path, { endings: source.endings, ...named });
  const path = files.length === 1 ? files[0]! : pathInWords(named.path);
  const { unit, begin } = filesRead(source, files);
  const problems = new RowProblems(path, unit);
  const texts: string[] = [];
  const pairs: string[] = [];
  const written: string[] = [];
  const chats: Chat[] = [];
  const rows: number[] = [];
  let first: { path: string; present: readonly string[]; hasNames: boolean } | undefined;
  let chosen: ColumnNames = { text: 'text' };
  let known = expected;
  let targets: TargetReader | undefined;
  let tagged: TaggedRows | undefined;
  let problemOfChat: ChatProblem | undefined;
  let [total, before, last, held] = [0, 0, 0, 0];
  const fits = textFits();

  for (const file of files) {
    await checkIsFilledFile(file, source.wanted, named.setting);
    before = last;
    begin(file, before);
    for await (const item of source.read(file, (all, classNames) => columnsOf(file, all, classNames))) {
      const row = before + item.row;
      last = Math.max(last, row);
      // A line that is not UTF-8 is a problem, and may be a record besides.
      if (!problems.isOf(row)) total++;
      if ('problem' in item) problems.add(row, item.problem, item.isFatal ? 'fatal' : 'broken');
      else {
        if (chatProblems && isOfChats(chosen)) problemOfChat ??= await chatProblems();
        take(row, item.values);
      }
    }
  }
  const skipped = problems.finish(total, skipBadRows);
  if (total === 0) throw new BrokenInputError('holds no rows', { where: path, remedy: 'Write the file again.' });

  const { warnings, ...learnt } = (tagged ?? targets)?.finish(unit) ?? { warnings: [] };
  const data: TextRows = {
    kind: 'text',
    texts,
    ...(chosen.textPair !== undefined && { pairs }),
    ...(chosen.target !== undefined && { targets: written }),
    ...(isOfChats(chosen) && { chats }),
    ...learnt,
    ...(learnt.labelNames && (known || chosen.labels) && { labelsOrdered: true }),
    rows,
    unit,
  };
  const leftOut = skipped ? [skippedInWords(skipped)] : [];
  return { data, present: first?.present ?? [], chosen, known, warnings: [...leftOut, ...warnings], skipped };

  function columnsOf(file: string, present: readonly string[], classNames: Parameters<ChooseColumns>[1]): string[] {
    if (first && source.hasSchema) refuseOtherColumns({ path: file, present }, first);
    chosen = first ? requireColumns(file, present, chosen) : choose(file, present);
    const ofTags = chosen.tags !== undefined;
    const column = chosen.tags ?? chosen.label;
    const names = column === undefined ? undefined : classNames?.(column, ofTags);
    if (names && first && !first.hasNames) throw namesOfOne(file, first.path);
    if (names) known = noteClasses(file, names, known);
    first ??= { path: file, present, hasNames: names !== undefined };
    return namesIn(chosen);
  }

  function take(row: number, values: readonly unknown[]): void {
    const roles = rolesIn(chosen);
    const value = Object.fromEntries(roles.map((role, place) => [role, values[place]]));
    const countBefore = problems.count;
    const problemOf = (of: unknown) => (keepEmpty && isEmpty(of) ? undefined : textProblem(of));
    if (chosen.words !== undefined || ofWords === 'given') {
      tagged ??= new TaggedRows(known, { hasTags: chosen.tags !== undefined, keepEmpty });
      const found = tagged.add(row, chosen.words === undefined ? value.text : value.words, value.tags);
      if ('problem' in found) problems.add(row, found.problem, undefined, chosen[found.of] ?? chosen.text);
      else keep(row, found.text);
      return;
    }
    if (chosen.text !== undefined) problems.add(row, problemOf(value.text), undefined, chosen.text);
    if (chosen.textPair !== undefined) problems.add(row, problemOf(value.textPair), undefined, chosen.textPair);
    if (chosen.target !== undefined) problems.add(row, textProblem(value.target), undefined, chosen.target);
    if (!isOfChats(chosen) && !isEmpty(value.input)) {
      problems.add(row, textProblem(value.input), undefined, chosen.input);
    }
    const chat = isOfChats(chosen)
      ? chatOf(chosen, value, { needsCompletion: lossOn !== 'all', textProblem })
      : undefined;
    if (chat && 'problem' in chat) problems.add(row, chat.problem, undefined, chat.column);
    else if (chat) problems.add(row, problemOfChat?.(chat.chat), undefined, chosen.messages ?? chosen.completion);
    // A row that is left out has no label: the labels go with the rows.
    if (isLearnt(chosen) && (!skipBadRows || problems.count === countBefore)) {
      const target = chosen.labels ? values.slice(roles.length) : value.label;
      targets ??= readerFor(target, { path, chosen, problem, known, labelDelimiter });
      problems.add(row, targets.add(row, target), undefined, chosen.label);
    }
    if (problems.count > countBefore) return;
    const text = chat && 'chat' in chat ? textOfChat(chat.chat) : wholeText(value);
    if (chosen.textPair !== undefined) pairs.push(textOf(value.textPair));
    if (chosen.target !== undefined) written.push(textOf(value.target));
    if (chat && 'chat' in chat) chats.push(chat.chat);
    keep(row, text);
  }

  function keep(row: number, text: string): void {
    texts.push(text);
    rows.push(row);
    held += text.length + (pairs.at(-1)?.length ?? 0) + (written.at(-1)?.length ?? 0);
    const now = { rows: rows.length, bytes: held };
    if (!fits(now)) throw tooMuch(pathInWords(named.path), now);
  }
}

/** Settings of how rows are read. */
interface ReadSettings extends Pick<PlainSettings, 'skipBadRows'> {
  /** The part of the rows that has a loss, where they have a completion. */
  readonly lossOn?: ColumnSettings['lossOn'];
  readonly labelDelimiter?: string;
}

const isOfChats = ({ messages, completion }: ColumnNames): boolean => (messages ?? completion) !== undefined;

const namesOfOne = (path: string, first: string) =>
  new UserError(`names the classes of its labels, and ${first} does not`, {
    where: path,
    remedy: 'Set `dataset.labels`, and write the files again alike.',
  });

/** `3 of 100 rows can't be used and are left out (dataset.skipBadRows): line 3, "text": is missing; ...` */
function skippedInWords({ count, of, rows }: SkippedRows): string {
  const more = count > rows.length ? `\n  and ${count - rows.length} more` : '';
  const lines = rows.map((row) => `\n  ${row}`).join('');
  const are = count === 1 ? 'is' : 'are';
  return `${count} of ${of} rows can't be used and ${are} left out (dataset.skipBadRows):${lines}${more}`;
}

const isLearnt = ({ label, labels }: ColumnNames): boolean => label !== undefined || labels !== undefined;

/** Rows of lists have any number of labels, whatever nobody says. */
const isList = (value: unknown): boolean =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof BrokenText));

/**
 * What collects the labels or numbers of a file, by what is asked for, or else by what the first row has.
 * @throws UserError when the two contradict each other.
 */
function readerFor(
  first: unknown,
  options: {
    readonly path: string;
    readonly chosen: ColumnNames;
    readonly problem: GivenProblem | undefined;
    readonly known: KnownLabels | undefined;
    readonly labelDelimiter: string | undefined;
  },
): TargetReader {
  const { path, chosen, problem, known, labelDelimiter } = options;
  const inColumns = chosen.labels !== undefined;
  const hasMany = inColumns || labelDelimiter !== undefined || isList(first);
  const type = problem?.type ?? (hasMany ? 'multi_label_classification' : 'single_label_classification');
  // A text may be a list written out; a list of one number is a number.
  const mayBeList = hasMany || typeof first === 'string' || first === null || first === undefined;
  const found = hasMany ? wantedOf.multi_label_classification : wantedOf.single_label_classification;
  const contradicts = type === 'multi_label_classification' ? !mayBeList : type === 'regression' ? inColumns : hasMany;
  const isName =
    type === 'multi_label_classification' && !hasMany && typeof first === 'string' && !/^\s*\[/.test(first);
  if (problem && (contradicts || isName)) {
    throw new UserError(`has ${found}, and ${problem.from} asks for ${problem.type}: ${wantedOf[problem.type]}`, {
      where: path,
      remedy: `Set ${problem.needed ? `\`${problem.needed}\` and ` : ''}\`model.problemType: ${hasMany ? 'multi_label_classification' : 'single_label_classification'}\` if that is meant, or give the data so${type === 'multi_label_classification' ? '; `dataset.labelDelimiter` says what separates labels in a text' : ''}.`,
    });
  }
  if (type === 'regression') return new NumberReader();
  if (type === 'single_label_classification') return new LabelReader(known);
  return inColumns ? new FlagReader(chosen.labels) : new LabelSetReader(known, labelDelimiter);
}

/** Labels by the names that the file has for them, unless others are given. @throws UserError when another file has others. */
function noteClasses(path: string, names: readonly string[], known: KnownLabels | undefined): KnownLabels {
  if (!known) return { names, byPlace: true, isFromFile: true };
  if (!known.isFromFile || known.names.join('\n') === names.join('\n')) return known;
  throw new UserError(`names its classes ${names.join(', ')}, and the training data ${known.names.join(', ')}`, {
    where: path,
    remedy: 'Set `dataset.labels` if the order of the classes is the same in both.',
  });
}

/** Whether there is nothing where a text should be: no value, or spaces. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

/** A value that has no problem. */
const textOf = (value: unknown): string => (isEmpty(value) ? '' : (value as string));

/** The text of a row; an instruction is followed by what it is about. */
const wholeText = ({ text, input }: Readonly<Record<string, unknown>>): string =>
  [textOf(text), textOf(input)].filter((part) => part !== '').join('\n\n');

/** What is wrong with a value that should be a text; undefined: nothing. */
function textProblem(value: unknown): string | undefined {
  if (typeof value === 'string') {
    if (isEmpty(value)) return 'is empty';
    return value.isWellFormed()
      ? undefined
      : 'has half of a UTF-16 pair (an escape such as \\ud83d without its other half)';
  }
  if (isEmpty(value)) return 'is missing';
  if (value instanceof BrokenText) return `is not UTF-8: byte ${firstBroken(Buffer.from(value.bytes))} of the text`;
  if (Array.isArray(value)) return 'is a list, not text';
  const shown = typeof value === 'object' ? '' : ` (${String(value)})`;
  return `is ${typeof value === 'object' ? 'an object' : `a ${typeof value === 'bigint' ? 'number' : typeof value}`}${shown}, not text`;
}
