/** What is wrong with the rows of a data set: all are counted, the first ones named; they are refused or left out. */
import { BrokenInputError, UserError } from '../../core/errors.ts';
import { type RowUnit, rowInWords, type SkippedRows } from './text-rows.ts';

const shownProblems = 20;

/** How many bad rows may be left out: none, any number, a share below 1, or a number. */
export type MostSkipped = boolean | number | undefined;

export class RowProblems {
  count = 0;
  readonly #path: string;
  readonly #unit: RowUnit;
  readonly #lines: string[] = [];
  readonly #badRows = new Set<number>();
  #isBroken = false;
  #isFatal = false;

  constructor(path: string, unit: RowUnit) {
    this.#path = path;
    this.#unit = unit;
  }

  /**
   * @param kind `broken`: the row is at fault whatever columns and labels the settings name; `fatal`: and what comes after it can't be read.
   */
  add(row: number, what: string | undefined, kind?: 'broken' | 'fatal', column?: string): void {
    if (what === undefined) return;
    this.count++;
    this.#badRows.add(row);
    this.#isBroken ||= kind !== undefined;
    this.#isFatal ||= kind === 'fatal';
    if (this.#lines.length < shownProblems) {
      this.#lines.push(`${rowInWords(this.#unit, row)}${column === undefined ? '' : `, "${column}"`}: ${what}`);
    }
  }

  /** Whether a row had one. */
  isOf(row: number): boolean {
    return this.#badRows.has(row);
  }

  /**
   * @returns what is left out; undefined: nothing.
   * @throws UserError when there are more bad rows than may be left out.
   */
  finish(total: number, most: MostSkipped): SkippedRows | undefined {
    if (this.count === 0) return undefined;
    const count = this.#badRows.size;
    const limit = typeof most === 'number' ? (most < 1 ? most * total : most) : most ? total : 0;
    if (count <= limit && count < total && !this.#isFatal) return { count, of: total, rows: this.#lines };
    const more = this.count > this.#lines.length ? `\n  and ${this.count - this.#lines.length} more` : '';
    const Refusal = this.#isBroken ? BrokenInputError : UserError;
    const isFirst = typeof this.#unit === 'string' ? this.#unit === 'row' : this.#unit.unit === 'row';
    const allowed =
      typeof most === 'number' && count > limit ? `, and dataset.skipBadRows leaves out at most ${most}` : '';
    const lines = this.#lines.map((line) => `  ${line}`).join('\n');
    throw new Refusal(`${count} of ${total} rows can't be used${allowed}:\n${lines}${more}`, {
      where: this.#path,
      remedy: `Mend or remove ${count === 1 ? 'this row' : 'these rows'}${isFirst ? ' (the first is row 1)' : ''}.`,
    });
  }
}
