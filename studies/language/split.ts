import { randomFor } from '../../shared/core/random.ts';
import type { Document } from './packages.ts';

export interface Split {
  /** Labels that are told apart, in order. */
  readonly labels: readonly string[];
  /** To learn from: those with other labels are for pre-training alone. */
  readonly training: readonly Document[];
  /** To tune on, and to hold out of pre-training. */
  readonly validation: readonly Document[];
  readonly test: readonly Document[];
}

/**
 * Draws sources until the test set is full, then until the validation set is, and leaves the rest for training. The
 * labels are those with at least `minimum` documents; the other documents are left out of the two sets.
 */
export function splitDocuments(
  documents: readonly Document[],
  options: { readonly minimum: number; readonly validation: number; readonly test: number; readonly seed: number },
): Split {
  const { minimum, validation, test, seed } = options;
  const labels = [...Map.groupBy(documents, ({ label }) => label)]
    .filter(([, { length }]) => length >= minimum)
    .map(([label]) => label)
    .sort();
  const sources = [...Map.groupBy(documents, ({ source }) => source).values()];
  const sides = { test: [] as Document[], validation: [] as Document[], training: [] as Document[] };
  for (const index of randomFor(seed, 'split').permutation(sources.length)) {
    const all = sources[index]!;
    const labelled = all.filter(({ label }) => labels.includes(label));
    if (sides.test.length < test) sides.test.push(...labelled);
    else if (sides.validation.length < validation) sides.validation.push(...labelled);
    else sides.training.push(...all);
  }
  return { labels, ...sides };
}

/** At most `perLabel` documents of each label, drawn by the seed; the same seed draws fewer as a part of more. */
export function drawPerLabel(
  { training, labels }: Pick<Split, 'training' | 'labels'>,
  perLabel: number,
  seed: number,
): Document[] {
  return labels.flatMap((label) => {
    const all = training.filter((document) => document.label === label);
    const order = randomFor(seed, 'draw', label).permutation(all.length);
    return order.slice(0, perLabel).map((index) => all[index]!);
  });
}
