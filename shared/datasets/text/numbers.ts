/** Rows that have a number which is to be predicted. */
import type { TargetReader } from './labels.ts';
import { BrokenText } from './source.ts';

/** Collects the numbers of a file's rows. */
export class NumberReader implements TargetReader {
  readonly #numbers: number[] = [];

  add(_row: number, value: unknown): string | undefined {
    const single = Array.isArray(value) && value.length === 1 ? value[0] : value;
    const number = numberOf(single);
    if (typeof number === 'string') return number;
    this.#numbers.push(number);
    return undefined;
  }

  finish() {
    return { numbers: Float64Array.from(this.#numbers), warnings: [] };
  }
}

/** A finite number, or what is wrong with a value. */
function numberOf(value: unknown): number | string {
  if (value === undefined || value === null || value === '') return 'is missing';
  if (value instanceof BrokenText) return 'is not UTF-8';
  if (Array.isArray(value)) return `is a list of ${value.length} values: one number is predicted of each text`;
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  if (typeof value === 'object' || typeof value === 'boolean' || !Number.isFinite(number)) {
    return `is ${typeof value === 'object' ? 'an object' : JSON.stringify(String(value).slice(0, 40))}, not a number`;
  }
  // What the loss is computed in.
  return Number.isFinite(Math.fround(number)) ? number : `is ${number}, which is too large for float32`;
}
