/**
 * Which rows of a list are shown, and in which order.
 * @import { RunLine } from '../listing.ts'
 */

/**
 * What the list is narrowed to; empty: everything.
 * @typedef {{ name: string, state: string, metric: string, preset: string, seed: string, compared: boolean }} Filter
 */

/** @type {Filter} */
export const everything = { name: '', state: '', metric: '', preset: '', seed: '', compared: false };

/**
 * The runs that a filter lets through. Words are looked for in folder and name, in any order.
 * @param {readonly RunLine[]} runs
 * @param {Filter} filter
 * @param {ReadonlySet<string>} comparisons ids of the comparisons, whose runs are shown only where they are asked for
 */
export function filtered(runs, { name, state, metric, preset, seed, compared }, comparisons) {
  const words = name.toLowerCase().split(/\s+/).filter(Boolean);
  return runs.filter((run) => {
    const place = run.id.toLowerCase();
    return (
      words.every((word) => place.includes(word)) &&
      (state === '' || run.state === state) &&
      (metric === '' || run.metric === metric) &&
      (preset === '' || run.preset === preset) &&
      (seed === '' || String(run.seed) === seed) &&
      (compared || !comparisons.has(comparisonOf(run)))
    );
  });
}

/** The comparison that a run would be of, by where it lies. @param {Pick<RunLine, 'id'>} run */
export const comparisonOf = ({ id }) => /^(.+)\/runs\/[^/]+$/.exec(id)?.[1] ?? '';

/**
 * @typedef {{ key: string, descending: boolean }} Order
 */

/**
 * Rows by one of their values; rows without that value come last, and equal ones stay as they were.
 * @template Row
 * @param {readonly Row[]} rows
 * @param {(row: Row) => string | number | null | undefined} of
 * @param {boolean} descending
 * @returns {Row[]}
 */
export function sorted(rows, of, descending) {
  const sign = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [left, right] = [of(a) ?? null, of(b) ?? null];
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    if (typeof left === 'number' && typeof right === 'number') return sign * (left - right);
    return sign * String(left).localeCompare(String(right), 'en', { numeric: true });
  });
}

/** Rows on a page: a browser is quick with so many. */
const rowsOnPage = 100;

/**
 * The rows of a page, counted from 0; the last page where there are fewer.
 * @template Row
 * @param {readonly Row[]} rows
 * @param {number} wanted
 */
export function paged(rows, wanted) {
  const pages = Math.max(1, Math.ceil(rows.length / rowsOnPage));
  const page = Math.min(wanted, pages - 1);
  return { page, pages, rows: rows.slice(page * rowsOnPage, (page + 1) * rowsOnPage) };
}

/**
 * The values that rows have, sorted, with how many have each.
 * @template Row
 * @param {readonly Row[]} rows
 * @param {(row: Row) => string | number | null} of
 * @returns {{ value: string, count: number }[]}
 */
export function valuesOf(rows, of) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const row of rows) {
    const value = of(row);
    if (value !== null) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  }
  return sorted([...counts], ([value]) => value, false).map(([value, count]) => ({ value, count }));
}

/**
 * A list with changed lines in their places, new ones at the end, and without those that are gone.
 * @template {{ id: string }} Line
 * @param {readonly Line[]} before
 * @param {readonly Line[]} changed
 * @param {readonly string[]} gone
 * @returns {Line[]}
 */
export function updated(before, changed, gone) {
  const lines = new Map(before.map((line) => [line.id, line]));
  for (const line of changed) lines.set(line.id, line);
  for (const id of gone) lines.delete(id);
  return [...lines.values()];
}
