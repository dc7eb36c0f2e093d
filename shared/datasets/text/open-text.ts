/** From the rows of a file to texts and labels, with all that is wrong in one message. */
import { BrokenInputError, UserError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { checkIsFilledFile } from '../filled-file.ts';
import { firstBroken } from './byte-lines.ts';
import { FlagReader, LabelSetReader } from './label-sets.ts';
import { type KnownLabels, LabelReader, type TargetReader } from './labels.ts';
import { NumberReader } from './numbers.ts';
import { contradictions } from './overlaps.ts';
import { type GivenProblem, wantedOf } from './problem-type.ts';
import type { ColumnSettings, PlainSettings } from './settings.ts';
import { BrokenText, type ColumnNames, type TextContext, type TextSource } from './source.ts';
import { sampleRows } from './stratify.ts';
import { takeTestRows } from './test-rows.ts';
import { problemOf, type RowUnit, type TextData, type TextRows } from './text-rows.ts';

const shownProblems = 20;

/** What a file gave. */
interface Gathered {
  readonly data: TextRows;
  readonly present: readonly string[];
  readonly chosen: ColumnNames;
  /** Labels that were known before the rows were read. */
  readonly known?: KnownLabels | undefined;
  readonly warnings: readonly string[];
}

/**
 * Reads a file with columns.
 * @throws UserError when it can't serve; of rows, all that are wrong are counted and the first ones named.
 */
export async function openColumns(
  source: TextSource,
  config: ColumnSettings,
  path: string,
  context: TextContext,
): Promise<TextData> {
  refuseTwoNamings(config);
  const known = config.labels && { names: config.labels, byPlace: true };
  const choose = (where: string, present: readonly string[]) =>
    chooseColumns(where, present, config.columns, context.likely);
  const main = withoutTestRows(
    await gather(source, { path, setting: 'dataset.path' }, { ...context, ...delimiterIn(config) }, choose, known),
    config,
    path,
  );
  const { labelNames } = main.data;
  const labels = main.known ?? (labelNames && { names: labelNames, byPlace: false });
  const type = problemOf(main.data);
  const problem = type === undefined ? {} : { problem: { type, from: 'the training data' } };
  const alike = { ...context, ...problem, ...delimiterIn(config) };
  return finish(main, config, context, (file) =>
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

/**
 * Reads a file of nothing but texts.
 * @throws UserError as `openColumns`.
 */
export async function openPlain(
  source: TextSource,
  config: PlainSettings,
  path: string,
  context: TextContext,
): Promise<TextData> {
  const read = (file: NamedFile) => gather(source, file, context);
  const main = withoutTestRows(await read({ path, setting: 'dataset.path' }), config, path);
  return finish(main, config, context, read);
}

/** What a file gave, with rows for testing taken out of it. */
interface Parted extends Gathered {
  readonly test?: TextRows;
}

/** Takes out the rows of the file that are for testing, whether they are measured on or not. */
function withoutTestRows(main: Gathered, { test }: PlainSettings, path: string): Parted {
  const divided = takeTestRows(main.data, test, path);
  if (!divided) return main;
  return { ...main, data: divided.rest, ...(test?.evaluate && { test: divided.taken }) };
}

async function finish(
  main: Parted,
  config: PlainSettings,
  { seed }: TextContext,
  read: (file: NamedFile) => Promise<Gathered>,
): Promise<TextData> {
  const { validationPath } = config;
  const other =
    validationPath === undefined ? undefined : await read({ path: validationPath, setting: 'dataset.validationPath' });
  const testPath = config.test?.evaluate ? config.test.path : undefined;
  const tested = testPath === undefined ? undefined : await read({ path: testPath, setting: 'dataset.test.path' });
  const test = tested?.data ?? main.test;
  const sample = sampleRows(main.data, config.samples, seed);
  const warnings = [
    ...main.warnings,
    ...(other?.warnings ?? []).map((warning) => `${validationPath}: ${warning}`),
    ...(tested?.warnings ?? []).map((warning) => `${testPath}: ${warning}`),
    ...sample.warnings,
    ...contradictions(sample.data),
  ];
  return {
    kind: 'text',
    examples: sample.data,
    ...(other && { validation: other.data }),
    ...(test && { test }),
    columns: main.present,
    warnings,
  };
}

interface NamedFile {
  readonly path: string;
  /** The key of the run file that names it. */
  readonly setting: string;
}

/** @param choose absent: the file has no columns, and its rows are texts. */
async function gather(
  source: TextSource,
  { path, setting }: NamedFile,
  { keepEmpty = false, problem, labelDelimiter }: TextContext & { readonly labelDelimiter?: string },
  choose: (where: string, present: readonly string[]) => ColumnNames = () => ({ text: 'text' }),
  expected?: KnownLabels,
): Promise<Gathered> {
  await checkIsFilledFile(path, source.wanted, setting);
  const problems = new RowProblems(path, source.unit);
  const texts: string[] = [];
  const pairs: string[] = [];
  const rows: number[] = [];
  let present: readonly string[] = [];
  let chosen: ColumnNames = { text: 'text' };
  let known = expected;
  let targets: TargetReader | undefined;

  const reading = source.read(path, (all, classNames) => {
    present = all;
    chosen = choose(path, all);
    const names = chosen.label === undefined ? undefined : classNames?.(chosen.label);
    if (names) known = noteClasses(path, names, known);
    return namesIn(chosen);
  });
  let total = 0;
  for await (const item of reading) {
    // A line that is not UTF-8 is a problem, and may be a record besides.
    if (!problems.isOf(item.row)) total++;
    if ('problem' in item) {
      problems.add(item.row, item.problem, true);
      continue;
    }
    const { row, values } = item;
    const [text, ...others] = values;
    const pair = chosen.textPair === undefined ? undefined : others.shift();
    const target = chosen.labels ? others : others[0];
    const countBefore = problems.count;
    const problemOf = (value: unknown) => (keepEmpty && isEmpty(value) ? undefined : textProblem(value));
    problems.add(row, problemOf(text), false, chosen.text);
    if (chosen.textPair !== undefined) problems.add(row, problemOf(pair), false, chosen.textPair);
    if (isLearnt(chosen)) {
      targets ??= readerFor(target, { path, chosen, problem, known, labelDelimiter });
      problems.add(row, targets.add(row, target), false, chosen.label);
    }
    if (problems.count > countBefore) continue;
    texts.push(textOf(text));
    if (chosen.textPair !== undefined) pairs.push(textOf(pair));
    rows.push(row);
  }
  problems.refuse(total);
  if (total === 0) throw new BrokenInputError('holds no rows', { where: path, remedy: 'Write the file again.' });

  const { warnings, ...learnt } = targets?.finish(source.unit) ?? { warnings: [] };
  const data: TextRows = {
    kind: 'text',
    texts,
    ...(chosen.textPair !== undefined && { pairs }),
    ...learnt,
    ...(learnt.labelNames && (known || chosen.labels) && { labelsOrdered: true }),
    rows,
    unit: source.unit,
  };
  return { data, present, chosen, known, warnings };
}

const namesIn = ({ text, textPair, label, labels = [] }: ColumnNames): string[] =>
  [text, textPair, label, ...labels].filter((name) => name !== undefined);

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
      remedy: `${hasMany ? 'Set `model.problemType: multi_label_classification`' : 'Set `model.problemType: single_label_classification`'} if that is meant, or give the data so${type === 'multi_label_classification' ? '; `dataset.labelDelimiter` says what separates labels in a text' : ''}.`,
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

/** The columns of the settings, or those of likely or usual names. */
function chooseColumns(
  path: string,
  present: readonly string[],
  columns: ColumnSettings['columns'],
  likely: ColumnNames = {},
): ColumnNames {
  const found = (...names: (string | undefined)[]) =>
    names.find((name) => name !== undefined && present.includes(name));
  const likelyLabels = likely.labels?.every((name) => present.includes(name)) ? likely.labels : undefined;
  const labels = columns.labels ?? (columns.label === undefined ? likelyLabels : undefined);
  return requireColumns(path, present, {
    text: columns.text ?? found(likely.text) ?? 'text',
    textPair: columns.textPair ?? found(likely.textPair, 'text_pair'),
    ...(labels ? { labels } : {}),
    label: columns.label === false || labels ? undefined : (columns.label ?? found(likely.label, 'label')),
  });
}

/** @throws UserError when one of the columns is not there, or used twice. */
function requireColumns(path: string, present: readonly string[], columns: ColumnNames): ColumnNames {
  const wanted = Object.entries(columns).flatMap(([key, names]) =>
    [names].flat().map((name: string | undefined) => [key, name] as const),
  );
  for (const [key, name] of wanted) {
    if (name === undefined || present.includes(name)) continue;
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

/** Whether there is nothing where a text should be: no value, or spaces. */
const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

/** A value that has no problem. */
const textOf = (value: unknown): string => (isEmpty(value) ? '' : (value as string));

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

/** What is wrong with a file's rows: all are counted, the first ones kept. */
class RowProblems {
  count = 0;
  readonly #path: string;
  readonly #unit: RowUnit;
  readonly #lines: string[] = [];
  readonly #badRows = new Set<number>();
  #isBroken = false;

  constructor(path: string, unit: RowUnit) {
    this.#path = path;
    this.#unit = unit;
  }

  /** @param isBroken whether the row is at fault whatever columns and labels the settings name. */
  add(row: number, what: string | undefined, isBroken: boolean, column?: string): void {
    if (what === undefined) return;
    this.count++;
    this.#badRows.add(row);
    this.#isBroken ||= isBroken;
    if (this.#lines.length < shownProblems) {
      this.#lines.push(`  ${this.#unit} ${row}${column === undefined ? '' : `, "${column}"`}: ${what}`);
    }
  }

  /** Whether a row had one. */
  isOf(row: number): boolean {
    return this.#badRows.has(row);
  }

  /** @throws UserError when there was any. */
  refuse(total: number): void {
    if (this.count === 0) return;
    const more = this.count > this.#lines.length ? `\n  and ${this.count - this.#lines.length} more` : '';
    const bad = this.#badRows.size;
    const Refusal = this.#isBroken ? BrokenInputError : UserError;
    throw new Refusal(`${bad} of ${total} rows can't be used:\n${this.#lines.join('\n')}${more}`, {
      where: this.#path,
      remedy: `Mend or remove ${bad === 1 ? 'this row' : 'these rows'}${this.#unit === 'row' ? ' (the first is row 1)' : ''}.`,
    });
  }
}
