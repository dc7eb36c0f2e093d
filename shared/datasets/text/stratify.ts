/** Choosing rows with each label in its proportion. */
import { UserError } from '../../core/errors.ts';
import { randomFor } from '../../core/random.ts';
import { heldOut } from '../split.ts';
import { sharedTexts } from './overlaps.ts';
import { foundPlaces, problemOf, selectRows, type TextData, type TextRows } from './text-rows.ts';

/**
 * How many to take of each class: in proportion to its size, by largest remainders (the earlier class first on ties), and
 * at least one and at most all but `kept` of each where that can be.
 */
export function proportions(sizes: readonly number[], wanted: number, kept = 0): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const exact = sizes.map((size) => (size * wanted) / total);
  const counts = exact.map(Math.floor);
  const byRemainder = sizes
    .map((_, place) => place)
    .toSorted((a, b) => exact[b]! - counts[b]! - (exact[a]! - counts[a]!));
  const limit = (place: number) => Math.max(0, sizes[place]! - kept);
  const left = wanted - counts.reduce((sum, count) => sum + count, 0);
  for (const place of byRemainder.slice(0, left)) counts[place]!++;

  const move = (from: number, to: number) => {
    counts[from]!--;
    counts[to]!++;
  };
  const bySize = sizes.map((_, place) => place).toSorted((a, b) => sizes[b]! - sizes[a]!);
  for (const place of bySize) {
    while (counts[place]! > limit(place)) {
      const other = bySize.find((candidate) => counts[candidate]! < limit(candidate));
      if (other === undefined) break;
      move(place, other);
    }
  }
  for (const place of bySize) {
    if (counts[place]! > 0 || limit(place) === 0) continue;
    const largest = bySize.reduce((best, candidate) => (counts[candidate]! > counts[best]! ? candidate : best));
    if (counts[largest]! > 1) move(largest, place);
  }
  return counts;
}

/** Row indices of each class, in the order of the file; one class where rows have no labels, or several. */
function classesOf({ labels, labelNames, texts }: TextRows): number[][] {
  const classes: number[][] = Array.from({ length: (labels && labelNames?.length) ?? 1 }, () => []);
  for (let index = 0; index < texts.length; index++) classes[labels?.[index] ?? 0]!.push(index);
  return classes;
}

/** The first so many of each class in an order that depends on the seed: more of a class are those and further ones. */
function choose(classes: readonly number[][], counts: readonly number[], seed: number, purpose: string): number[] {
  return classes.flatMap((members, place) =>
    randomFor(seed, purpose, place)
      .permutation(members.length)
      .slice(0, counts[place])
      .map((position) => members[position]!),
  );
}

const inOrder = (indices: readonly number[]) => indices.toSorted((a, b) => a - b);

/**
 * Places of so many rows in the order of the file, of each label in its proportion, as a function of the seed and the purpose.
 * @param options.kept how many of each label are left, where that can be.
 */
export function drawRows(
  data: TextRows,
  wanted: number,
  { seed, purpose, kept }: { seed: number; purpose: string; kept: number },
): number[] {
  const classes = classesOf(data);
  const counts = proportions(
    classes.map(({ length }) => length),
    wanted,
    kept,
  );
  return inOrder(choose(classes, counts, seed, purpose));
}

/**
 * A share or a number of the rows, as a function of the seed, in the order of the file.
 * @throws UserError when more are asked for than there are.
 */
export function sampleRows(
  data: TextRows,
  samples: number | 'all',
  seed: number,
): { data: TextRows; warnings: string[] } {
  const total = data.texts.length;
  if (samples === 'all') return { data, warnings: [] };
  if (samples > total) {
    throw new UserError(`has ${total} rows, ${samples} were asked for`, {
      where: 'dataset.samples',
      remedy: `Set it to at most ${total}, to a share below 1, or to "all".`,
    });
  }
  const wanted = samples < 1 ? Math.max(1, Math.round(samples * total)) : samples;
  const classes = classesOf(data);
  const counts = proportions(
    classes.map(({ length }) => length),
    wanted,
  );
  const sample = selectRows(data, inOrder(choose(classes, counts, seed, 'text-samples')));
  const [before, after] = [foundPlaces(data), foundPlaces(sample)];
  const lost = data.labelNames?.filter((_, place) => before.has(place) && !after.has(place)) ?? [];
  const warnings = lost.length > 0 ? [`the ${wanted} rows chosen have none with the label ${listNames(lost)}`] : [];
  return { data: sample, warnings };
}

/** A split of a text data set into training, validation and test rows; no row is in two. */
interface TextSplit {
  readonly training: TextRows;
  readonly validation: TextRows;
  /** The test rows of the data; absent: there are none. */
  readonly test?: TextRows;
  /** Sentences about the data and about the split. */
  readonly warnings: readonly string[];
}

/**
 * Training and validation side: as the data has them, or divided at random by label, as a function of the seed alone. A class
 * with one row is trained on, unless more rows are to be held out than other classes have to spare.
 * @param options.validation a share below 1 or a number of rows; not used where the data has a validation side.
 * @throws UserError when no row would be left to train on.
 */
export function splitText(data: TextData, options: { validation: number; seed: number }): TextSplit {
  const { examples, test } = data;
  const warnings = [...data.warnings, ...classWarnings(examples)];
  const finish = (training: TextRows, validation: TextRows): TextSplit => ({
    training,
    validation,
    ...(test && { test }),
    warnings: [
      ...warnings,
      ...oneSided(training, validation),
      ...sharedTexts(training, validation),
      ...(test ? testWarnings(training, validation, test) : []),
    ],
  });
  if (data.validation) return finish(examples, data.validation);

  const held = heldOut(examples.texts.length, options.validation);
  const drawn = drawRows(examples, held, { seed: options.seed, purpose: 'text-split', kept: 1 });
  const chosen = new Set(drawn);
  const all = examples.texts.map((_, index) => index);
  return finish(
    selectRows(
      examples,
      all.filter((index) => !chosen.has(index)),
    ),
    selectRows(examples, drawn),
  );
}

const shownNames = 10;

function listNames(names: readonly string[]): string {
  const more = names.length - shownNames;
  return more > 0 ? `${names.slice(0, shownNames).join(', ')} and ${more} more` : names.join(', ');
}

/** Of test rows that are in other data too, and of labels that test rows have none of, or alone have. */
const testWarnings = (training: TextRows, validation: TextRows, test: TextRows): string[] => [
  ...oneSided(training, test, 'test'),
  ...sharedTexts(training, test, { held: 'test', others: 'training' }),
  ...sharedTexts(validation, test, { held: 'test', others: 'validation' }),
];

/** Sentences about labels that only one side of the split has rows of. */
function oneSided(training: TextRows, validation: TextRows, kind = 'validation'): string[] {
  const [learnt, held] = [foundPlaces(training), foundPlaces(validation)];
  const namesIn = (some: ReadonlySet<number>, others: ReadonlySet<number>) =>
    training.labelNames?.filter((_, place) => some.has(place) && !others.has(place)) ?? [];
  const [unmeasured, unlearnt] = [namesIn(learnt, held), namesIn(held, learnt)];
  return [
    ...(unmeasured.length > 0
      ? [`no ${kind} row has the label ${listNames(unmeasured)}: the metrics say nothing of it`]
      : []),
    ...(unlearnt.length > 0
      ? [`no training row has the label ${listNames(unlearnt)}, which ${kind} rows have: it can't be learnt`]
      : []),
  ];
}

/** Sentences about labels that can't be learnt. */
function classWarnings(data: TextRows): string[] {
  const { labels, labelSets = [], labelNames } = data;
  if ((problemOf(data) === undefined && !data.tags) || !labelNames) return [];
  const found = foundPlaces(data);
  if (labels && found.size === 1) {
    return [`every row has the label ${labelNames[labels[0]!]}: there is nothing to tell apart`];
  }
  const absent = labelNames.filter((_, place) => !found.has(place));
  const everywhere = labelNames.filter((_, place) => labelSets.every((set) => set.includes(place)));
  return [
    ...(absent.length > 0 ? [`no row has the label ${listNames(absent)}`] : []),
    ...(labelSets.length > 0 && everywhere.length > 0 ? [`every row has the label ${listNames(everywhere)}`] : []),
  ];
}
