import { UserError } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import { BrokenText } from './source.ts';
import { listRows, type RowUnit } from './text-rows.ts';

/** More different labels than this are taken for another column. */
const mostClasses = 10_000;

/** Labels that a file may have. */
export interface KnownLabels {
  /** In the order of the classes. */
  readonly names: readonly string[];
  /** Whether a number may stand for the place of a name, from 0. */
  readonly byPlace: boolean;
  /** Whether the names are in the data file itself. */
  readonly isFromFile?: boolean;
}

/** Collects the labels of a file's rows, whether they are names or numbers. */
export class LabelReader {
  readonly #known: KnownLabels | undefined;
  readonly #places: Map<string, number>;
  readonly #codes: number[] = [];
  readonly #trimmed: number[] = [];

  constructor(known: KnownLabels | undefined) {
    this.#known = known;
    this.#places = new Map(known?.names.map((name, place) => [name, place]));
  }

  /** Takes the label of the next row, or says what is wrong with it. */
  add(row: number, value: unknown): string | undefined {
    const name = typeof value === 'string' ? value.trim() : value;
    const read = typeof name === 'string' && this.#places.has(name) ? { name } : nameOf(name);
    if ('problem' in read) return read.problem;
    const place = this.#placeOf(read.name);
    if (place === undefined) return this.#unknown(read.name);
    if (name !== value) this.#trimmed.push(row);
    this.#codes.push(place);
    return undefined;
  }

  #placeOf(name: string): number | undefined {
    const place = this.#places.get(name);
    if (place !== undefined) return place;
    if (!this.#known) {
      if (this.#places.size === mostClasses) {
        throw new UserError(`has more than ${mostClasses} different labels`, {
          where: 'dataset.columns.label',
          remedy: 'Name the column of the classes; numbers to be predicted are no labels.',
        });
      }
      this.#places.set(name, this.#places.size);
      return this.#places.size - 1;
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
   * The labels as places in their names: the known ones, or numbers by size, or names in the order of their code units.
   */
  finish(unit: RowUnit): { labels: Int32Array; labelNames: readonly string[]; warnings: string[] } {
    const warnings: string[] = [];
    if (this.#trimmed.length > 0) {
      const verb = this.#trimmed.length === 1 ? 'label has' : 'labels have';
      warnings.push(
        `${this.#trimmed.length} ${verb} spaces around the name, which are left out: ${listRows(unit, this.#trimmed)}`,
      );
    }
    if (this.#known) return { labels: Int32Array.from(this.#codes), labelNames: this.#known.names, warnings };

    const found = [...this.#places.keys()];
    const areNumbers = found.every((name) => /^-?\d+$/.test(name));
    const labelNames = areNumbers ? found.toSorted((a, b) => Number(a) - Number(b)) : found.toSorted();
    const expected = areNumbers && ['0', '-1'].includes(labelNames[0]!);
    if (expected && labelNames.some((name, place) => name !== String(place))) {
      warnings.push(
        `labels are the numbers ${labelNames.slice(0, 10).join(', ')}${labelNames.length > 10 ? ', ...' : ''}, not 0 to ${labelNames.length - 1}: each becomes a class, in that order; \`dataset.labels\` can name the classes instead`,
      );
    }
    const order = new Map(labelNames.map((name, place) => [name, place]));
    const renumbered = found.map((name) => order.get(name)!);
    return { labels: Int32Array.from(this.#codes, (code) => renumbered[code]!), labelNames, warnings };
  }
}

/** `a, b, c`, of many the first ten. */
export function listNames(names: readonly string[]): string {
  return (names.length > 12 ? [...names.slice(0, 10), `${names.length - 10} more`] : names).join(', ');
}

function nameOf(value: unknown): { name: string } | { problem: string } {
  const notWhole = { problem: `is ${String(value)}, not a whole number: labels are classes` };
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
