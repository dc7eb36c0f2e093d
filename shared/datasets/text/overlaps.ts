/** Texts that occur more than once. */
import { isWithoutText, listRows, type TextRows } from './text-rows.ts';

const shownConflicts = 3;

/** What makes two rows the same. */
const keyOf = ({ texts, pairs }: TextRows, index: number): string =>
  pairs ? `${texts[index]}\u0000${pairs[index]}` : texts[index]!;

const excerpt = (text: string) => JSON.stringify(text.length > 50 ? `${text.slice(0, 47)}...` : text);

/** A warning of texts that have one label in one row and another in another; empty: there are none. */
export function contradictions(data: TextRows): string[] {
  const { labels, labelNames, rows, unit, texts } = data;
  if (!labels || !labelNames) return [];
  const first = new Map<string, number>();
  const found: string[] = [];
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    if (isWithoutText(data, index)) continue;
    const key = keyOf(data, index);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else if (labels[earlier] !== labels[index]) {
      count++;
      const place = (at: number) => `${labelNames[labels[at]!]} in ${unit} ${rows[at]}`;
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

/** A warning of validation rows whose text the model is trained on; empty: there are none. */
export function sharedTexts(training: TextRows, validation: TextRows): string[] {
  const trainedOn = new Map<string, number>();
  for (const [index, row] of training.rows.entries()) trainedOn.set(keyOf(training, index), row);
  const pairs = validation.rows.flatMap((row, index) => {
    const same = trainedOn.get(keyOf(validation, index));
    return same === undefined ? [] : [{ row, same }];
  });
  if (pairs.length === 0) return [];
  const held = pairs.map(({ row }) => row);
  const trained = [...new Set(pairs.map(({ same }) => same))];
  return [
    `${pairs.length} of ${validation.rows.length} validation rows are in the training data too, so metrics will look better than they are: ${listRows(validation.unit, held)}, the same as ${listRows(training.unit, trained)} of the training data`,
  ];
}
