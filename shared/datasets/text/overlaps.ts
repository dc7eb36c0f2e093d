/** Texts that occur more than once. */
import { isWithoutText, listRows, placesOf, rowInWords, type TextRows } from './text-rows.ts';

const shownConflicts = 3;

/** The key of a row; two rows with the same key count as the same. */
const keyOf = ({ texts, pairs }: TextRows, index: number): string =>
  pairs ? `${texts[index]}\u0000${pairs[index]}` : texts[index]!;

const excerpt = (text: string) => JSON.stringify(text.length > 50 ? `${text.slice(0, 47)}...` : text);

/** A warning of texts that have one label in one row and another in another; empty: there are none. */
export function contradictions(data: TextRows): string[] {
  const { labelNames, rows, unit, texts } = data;
  if (!labelNames) return [];
  const labelOf = (index: number) => {
    const names = placesOf(data, index).map((place) => labelNames[place]!);
    return names.length === 0 ? 'without a label' : names.join(' and ');
  };
  const first = new Map<string, number>();
  const found: string[] = [];
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    if (isWithoutText(data, index)) continue;
    const key = keyOf(data, index);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else if (labelOf(earlier) !== labelOf(index)) {
      count++;
      const place = (at: number) => `${labelOf(at)} in ${rowInWords(unit, rows[at]!)}`;
      if (found.length < shownConflicts)
        found.push(`${excerpt(texts[index]!)} is ${place(earlier)} and ${place(index)}`);
    }
  }
  if (count === 0) return [];
  const more = count > found.length ? `; and ${count - found.length} more` : '';
  return [
    `${count} ${count === 1 ? 'text contradicts an earlier row' : 'texts contradict earlier rows'}: ${found.join('; ')}${more}`,
  ];
}

/**
 * A warning of rows whose text is in other data too; empty: there are none.
 * @param held rows that metrics are of.
 * @param others rows that the model is trained on, or that its best epoch is chosen by.
 * @param kinds what the two are, in words.
 */
export function sharedTexts(
  others: TextRows,
  held: TextRows,
  { held: heldKind, others: othersKind } = { held: 'validation', others: 'training' },
): string[] {
  const known = new Map<string, number>();
  for (const [index, row] of others.rows.entries()) known.set(keyOf(others, index), row);
  const pairs = held.rows.flatMap((row, index) => {
    const same = known.get(keyOf(held, index));
    return same === undefined ? [] : [{ row, same }];
  });
  if (pairs.length === 0) return [];
  const rows = pairs.map(({ row }) => row);
  const same = [...new Set(pairs.map((pair) => pair.same))];
  return [
    `${pairs.length} of ${held.rows.length} ${heldKind} rows are in the ${othersKind} data too, so metrics will look better than they are: ${listRows(held.unit, rows)}, the same as ${listRows(others.unit, same)} of the ${othersKind} data`,
  ];
}
