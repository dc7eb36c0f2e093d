import { UserError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { BrokenText } from './source.ts';
import { listRows, type RowUnit, type TextTargets } from './text-rows.ts';

/** More different labels than this are taken for another column. */
const mostClasses = 10_000;

/** Labels that a file may have. */
export interface KnownLabels {
  /** The labels' names, in the order of the classes. */
  readonly names: readonly string[];
  /** Whether a number may stand for the place of a name, from 0. */
  readonly byPlace: boolean;
  /** Whether the names are in the data file itself. */
  readonly isFromFile?: boolean;
}

/** Collects what is learnt of a file's rows. */
export interface TargetReader {
  /** Takes what the next row has, or says what is wrong with it. */
  add(row: number, value: unknown): string | undefined;
  /** @throws UserError when the rows together can't serve. */
  finish(unit: RowUnit): TextTargets & { readonly warnings: readonly string[] };
}

/** The different labels of a file, each with a code. */
export class LabelCodes {
  readonly #known: KnownLabels | undefined;
  readonly #codes: Map<string, number>;
  readonly #trimmed: number[] = [];

  constructor(known: KnownLabels | undefined) {
    this.#known = known;
    this.#codes = new Map(known?.names.map((name, place) => [name, place]));
  }

  /** The code of a label as it stands in a row, or what is wrong with it. */
  codeOf(row: number, value: unknown): number | string {
    const name = typeof value === 'string' ? value.trim() : value;
    const read = typeof name === 'string' && this.#codes.has(name) ? { name } : nameOf(name);
    if ('problem' in read) return read.problem;
    const code = this.#find(read.name);
    if (code === undefined) return this.#unknown(read.name);
    if (name !== value && this.#trimmed.at(-1) !== row) this.#trimmed.push(row);
    return code;
  }

  #find(name: string): number | undefined {
    const code = this.#codes.get(name);
    if (code !== undefined) return code;
    if (!this.#known) {
      if (this.#codes.size === mostClasses) {
        throw new UserError(`has more than ${mostClasses} different labels`, {
          where: 'dataset.columns.label',
          remedy:
            'Name the column of the classes; numbers are learnt with `model.problemType: regression` of `model.task: classification`.',
        });
      }
      this.#codes.set(name, this.#codes.size);
      return this.#codes.size - 1;
    }
    const isPlace = this.#known.byPlace && /^\d+$/.test(name) && Number(name) < this.#known.names.length;
    return isPlace ? Number(name) : undefined;
  }

  #unknown(name: string): string {
    const { names, byPlace } = this.#known!;
    const places = byPlace ? `, and their places 0 to ${names.length - 1}` : '';
    const hint = didYouMean(name, names);
    return `is ${JSON.stringify(name)}, which is none of the labels (${listNames(names)}${places})${hint && `; ${hint}`}`;
  }

  /**
   * The names of the labels in their order: the known ones, or numbers by size, or names in the order of their code units.
   * @returns with the place of each code in it
   */
  ordered(unit: RowUnit): { names: readonly string[]; placeOf: (code: number) => number; warnings: string[] } {
    const warnings: string[] = [];
    if (this.#trimmed.length > 0) {
      const verb = this.#trimmed.length === 1 ? 'label has' : 'labels have';
      warnings.push(
        `${this.#trimmed.length} ${verb} spaces around the name, which are left out: ${listRows(unit, this.#trimmed)}`,
      );
    }
    if (this.#known) return { names: this.#known.names, placeOf: (code) => code, warnings };

    const found = [...this.#codes.keys()];
    const areNumbers = found.every((name) => /^-?\d+$/.test(name));
    const names = areNumbers ? found.toSorted(byNumber) : found.toSorted();
    const expected = areNumbers && ['0', '-1'].includes(names[0]!);
    if (expected && names.some((name, place) => name !== String(place))) {
      warnings.push(
        `labels are the numbers ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', ...' : ''}, not 0 to ${names.length - 1}: each becomes a class, in that order; \`dataset.labels\` can name the classes instead`,
      );
    }
    warnings.push(...nearTwins(names));
    const order = new Map(names.map((name, place) => [name, place]));
    const places = found.map((name) => order.get(name)!);
    return { names, placeOf: (code) => places[code]!, warnings };
  }
}

/** Compares whole numbers as they are written, however large. */
function byNumber(a: string, b: string): number {
  const [first, second] = [BigInt(a), BigInt(b)];
  return first < second ? -1 : Number(first > second);
}

const shownTwins = 5;

/** A warning of labels that differ in upper and lower case or in spaces alone; empty: there are none. */
function nearTwins(names: readonly string[]): string[] {
  const groups = Map.groupBy(names, (name) => name.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim());
  const twins = [...groups.values()].filter(({ length }) => length > 1);
  if (twins.length === 0) return [];
  const shown = twins.slice(0, shownTwins).map((group) => group.map((name) => JSON.stringify(name)).join(' and '));
  const more = twins.length > shownTwins ? `; and ${twins.length - shownTwins} more` : '';
  return [
    `labels differ in case or spaces alone, and are classes of their own: ${shown.join('; ')}${more}; mend the data if they mean the same`,
  ];
}

/** Collects the labels of a file's rows, whether they are names or numbers: one in each. */
export class LabelReader implements TargetReader {
  readonly #labels: LabelCodes;
  readonly #codes: number[] = [];

  constructor(known: KnownLabels | undefined) {
    this.#labels = new LabelCodes(known);
  }

  add(row: number, value: unknown): string | undefined {
    const code = this.#labels.codeOf(row, value);
    if (typeof code === 'string') return code;
    this.#codes.push(code);
    return undefined;
  }

  finish(unit: RowUnit) {
    const { names, placeOf, warnings } = this.#labels.ordered(unit);
    return { labels: Int32Array.from(this.#codes, placeOf), labelNames: names, warnings };
  }
}

/** `a, b, c`, of many the first ten. */
export function listNames(names: readonly string[]): string {
  return (names.length > 12 ? [...names.slice(0, 10), `${names.length - 10} more`] : names).join(', ');
}

function nameOf(value: unknown): { name: string } | { problem: string } {
  const notWhole = {
    problem: `is ${String(value)}, not a whole number: labels are classes, and numbers are learnt with \`model.problemType: regression\` of \`model.task: classification\``,
  };
  if (value === undefined || value === null) return { problem: 'is missing' };
  if (value instanceof BrokenText) return { problem: 'is not UTF-8' };
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return { problem: 'is NaN' };
    return Number.isInteger(value) ? { name: String(value) } : notWhole;
  }
  if (typeof value === 'bigint' || typeof value === 'boolean') return { name: String(value) };
  if (typeof value !== 'string') return { problem: `is ${Array.isArray(value) ? 'a list' : 'an object'}, not a label` };
  if (value === '') return { problem: 'is empty' };
  if (/^[+-]?nan$/i.test(value)) return { problem: 'is NaN' };
  // What pandas writes for whole numbers in a column that had gaps.
  const whole = /^(-?\d+)\.0*$/.exec(value);
  if (whole) return { name: whole[1]! };
  return /^-?\d*\.\d+$/.test(value) ? notWhole : { name: value };
}
