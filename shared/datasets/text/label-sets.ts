/** Rows that have any number of labels. */
import { messageOf, UserError } from '../../core/errors.ts';
import { type KnownLabels, LabelCodes, type TargetReader } from './labels.ts';
import { parseJson } from './parse-json.ts';
import { BrokenText } from './source.ts';
import { listRows, type RowUnit } from './text-rows.ts';

/** Zeros and ones, one for each label. */
const isFlag = (value: unknown): boolean => value === 0 || value === 1 || value === 0n || value === 1n;

/**
 * Collects lists of labels: names, numbers, or a zero or one for each label, which is taken for that where a row has as many zeros or ones as every other
 * row and one of them twice, as no list of labels has.
 */
export class LabelSetReader implements TargetReader {
  readonly #known: KnownLabels | undefined;
  readonly #delimiter: string | undefined;
  readonly #labels: LabelCodes;
  readonly #rows: number[] = [];
  readonly #sets: (readonly number[])[] = [];
  readonly #repeated: number[] = [];
  /** The rows as lists of zeros and ones; undefined once a row is something else. */
  #flags: (readonly number[])[] | undefined = [];

  /** @param delimiter what separates the labels in a text; absent: texts are JSON lists. */
  constructor(known: KnownLabels | undefined, delimiter?: string) {
    this.#known = known;
    this.#delimiter = delimiter;
    this.#labels = new LabelCodes(known);
  }

  add(row: number, value: unknown): string | undefined {
    const list = this.#listOf(value);
    if (typeof list === 'string') return list;
    const areFlags = list.every(isFlag) && list.length === (this.#flags?.[0]?.length ?? list.length);
    const fits = this.#known === undefined || list.length === this.#known.names.length;
    if (areFlags && fits && list.length > 1) this.#flags?.push(list.map(Number));
    else this.#flags = undefined;
    const codes: number[] = [];
    for (const each of list) {
      const code = this.#labels.codeOf(row, each);
      if (typeof code === 'string') return `has a label that ${code}`;
      codes.push(code);
    }
    const set = [...new Set(codes)];
    if (set.length < codes.length) this.#repeated.push(row);
    this.#rows.push(row);
    this.#sets.push(set);
    return undefined;
  }

  #listOf(value: unknown): readonly unknown[] | string {
    if (Array.isArray(value)) return value;
    if (value === undefined || value === null) return 'is missing';
    if (value instanceof BrokenText) return 'is not UTF-8';
    if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>);
    if (typeof value !== 'string') return `is ${String(value)}, not a list of labels`;
    if (this.#delimiter !== undefined) {
      const names = value.split(this.#delimiter).map((name) => name.trim());
      return names.filter((name) => name !== '');
    }
    try {
      const list: unknown = parseJson(value);
      if (Array.isArray(list)) return list;
    } catch (error) {
      if (value.startsWith('[')) return `is no JSON list: ${messageOf(error)}`;
    }
    return `is ${JSON.stringify(value.slice(0, 40))}, not a list of labels; \`dataset.labelDelimiter\` says what separates them in a text`;
  }

  finish(unit: RowUnit) {
    const isOneHot = this.#repeated.length > 0 && this.#flags !== undefined && this.#flags.length === this.#sets.length;
    if (isOneHot) return this.#fromFlags(this.#flags!);
    const { names, placeOf, warnings } = this.#labels.ordered(unit);
    const labelSets = this.#sets.map((set) => set.map(placeOf).toSorted((a, b) => a - b));
    if (names.length === 0) {
      throw new UserError('no row has a label', {
        where: 'dataset.columns.label',
        remedy: 'Name the column with the labels of each row.',
      });
    }
    const twice =
      this.#repeated.length > 0 ? [`labels that a row has twice count once: ${listRows(unit, this.#repeated)}`] : [];
    return { labelSets, labelNames: names, warnings: [...warnings, ...twice] };
  }

  #fromFlags(rows: readonly (readonly number[])[]) {
    const count = rows[0]!.length;
    const labelNames = this.#known?.names ?? Array.from({ length: count }, (_, place) => `${place}`);
    const named = this.#known ? '' : '; `dataset.labels` can name them';
    return {
      labelSets: rows.map((flags) => flags.flatMap((flag, place) => (flag === 1 ? [place] : []))),
      labelNames,
      warnings: [`lists of ${count} zeros and ones are taken for one of each of ${count} labels${named}`],
    };
  }
}

/** Collects columns of zeros and ones, one for each label. */
export class FlagReader implements TargetReader {
  readonly #names: readonly string[];
  readonly #sets: number[][] = [];

  /** @param names of the columns, which are those of the labels */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** @param value the values of the columns */
  add(_row: number, value: unknown): string | undefined {
    const values = value as readonly unknown[];
    const flags = values.map(flagOf);
    const wrong = flags.indexOf(undefined);
    if (wrong !== -1) {
      const found = values[wrong];
      const shown = found === undefined || found === null ? 'missing' : JSON.stringify(String(found).slice(0, 40));
      return `"${this.#names[wrong]}" is ${shown}, neither 0 nor 1`;
    }
    this.#sets.push(flags.flatMap((flag, place) => (flag ? [place] : [])));
    return undefined;
  }

  finish() {
    return { labelSets: this.#sets, labelNames: this.#names, warnings: [] };
  }
}

const flags = new Map<unknown, boolean>([
  ...['0', '0.0', 'false', 0, 0n, false].map((value): [unknown, boolean] => [value, false]),
  ...['1', '1.0', 'true', 1, 1n, true].map((value): [unknown, boolean] => [value, true]),
]);

const flagOf = (value: unknown): boolean | undefined =>
  flags.get(typeof value === 'string' ? value.trim().toLowerCase() : value);
