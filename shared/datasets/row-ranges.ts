import { UserError } from '../core/errors.ts';

/** Row numbers in few words: `0-99`, `3, 7-12`, `0-198 by 2`. Ascending. */
export function rowRanges(rows: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < rows.length; ) {
    const step = (rows[at + 1] ?? rows[at]! + 1) - rows[at]!;
    let end = at;
    while (rows[end + 1] === rows[end]! + step) end++;
    // Two numbers that are not neighbours are no range.
    if (step !== 1 && end - at < 2) end = at;
    const by = step === 1 ? '' : ` by ${step}`;
    parts.push(end === at ? `${rows[at]}` : `${rows[at]}-${rows[end]}${by}`);
    at = end + 1;
  }
  return parts.join(', ');
}

/** Rows that a message about a text of ranges gives as an example. */
const example = 'Write rows as in 0-99, or 3, 7-12, or 0-198 by 2; they are counted from 0.';

/**
 * The rows that such a text names, ascending.
 * @param total rows that there are
 * @param where what the text is, for messages
 * @throws UserError when it is no such text, or names rows that are not there.
 */
export function rowsIn(text: string, total: number, where: string): number[] {
  const rows = text.split(',').flatMap((part) => {
    const [, from, to = from, by = '1'] = /^\s*(\d+)(?:\s*-\s*(\d+)(?:\s+by\s+(\d+))?)?\s*$/.exec(part) ?? [];
    const [first, last, step] = [Number(from), Number(to), Number(by)];
    if (from === undefined || last < first || step === 0) {
      throw new UserError(`"${part.trim()}" names no rows`, { where, remedy: example });
    }
    if (last >= total) {
      throw new UserError(`names row ${last}, and there are ${total} rows`, {
        where,
        remedy: `Name rows from 0 to ${total - 1}.`,
      });
    }
    return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);
  });
  return [...new Set(rows)].toSorted((a, b) => a - b);
}
