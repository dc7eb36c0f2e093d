import { UserError } from '../../core/errors.ts';
import { listNames } from '../../datasets/text/labels.ts';

/** A classifier's classes, and which of them each label of the data is. */
export interface Classes {
  /** The classes' names, in the order of their numbers. */
  readonly names: readonly string[];
  /** The class of each of the data's labels. */
  readonly places: readonly number[];
  readonly warnings: readonly string[];
}

/** The labels of the data. */
interface GivenLabels {
  readonly names: readonly string[];
  /** Whether someone has put them in order, and not the alphabet. */
  readonly ordered: boolean;
}

/** Classes of a head that begins fresh: the data's labels, in the order of the configuration's where these are the same. */
export function freshClasses({ names: found }: GivenLabels, configured: readonly string[]): Classes {
  const isSame = configured.length === found.length && found.every((name) => configured.includes(name));
  const names = isSame ? configured : found;
  return { names, places: found.map((name) => names.indexOf(name)), warnings: [] };
}

/**
 * Classes of a head that is kept: the data's labels are found among the head's by name, upper or lower case, or by number. Where
 * someone has put as many labels in order, or the head's have no names, they are the head's in that order.
 * @param head the head's labels
 * @throws UserError when it is not said which label of the head each of the data's is.
 */
export function keptClasses({ names: found, ordered }: GivenLabels, head: readonly string[], folder: string): Classes {
  const sameNumber = found.length === head.length;
  const unnamed = head.every((name, place) => name === `LABEL_${place}`);
  const named = placesByName(found, head);
  if (named) return { ...renamed(head, found, named), warnings: unused(head, named) };
  if (!(sameNumber && ordered) && areNumbers(found, head.length)) {
    const places = found.map(Number);
    const names = unnamed ? head.map((_, place) => `${place}`) : head;
    return { names, places, warnings: [...(unnamed ? [] : taken(found, head, places)), ...unused(names, places)] };
  }
  if (sameNumber && (ordered || unnamed)) {
    const places = found.map((_, place) => place);
    return { names: found, places, warnings: taken(found, head, places) };
  }
  const fresh = '`model.head: fresh` puts a new head for the labels of the data in its place';
  if (!sameNumber) {
    throw new UserError(
      `the model's head tells ${head.length} labels apart (${listNames(head)}), the data have ${found.length} (${listNames(found)})`,
      { where: folder, remedy: `${fresh}, drawn from the seed; all else of the model is kept.` },
    );
  }
  throw new UserError(
    `the model's head is for the labels ${listNames(head)}, the data have ${listNames(found)}, and which is which is not said`,
    {
      where: folder,
      remedy: `Set \`dataset.labels\` to the names in the data, in the order of the model's. ${fresh}.`,
    },
  );
}

/** What predicts a number, called as in the configuration where that has one, or as `transformers` calls it. */
export function freshNumber(configured: readonly string[]): Classes {
  return { names: configured.length === 1 ? configured : ['LABEL_0'], places: [0], warnings: [] };
}

/**
 * The same of a head that is kept.
 * @throws UserError when it gives more than one number.
 */
export function keptNumber(head: readonly string[], folder: string): Classes {
  if (head.length === 1) return freshNumber(head);
  throw new UserError(
    `the model's head tells ${head.length} labels apart (${listNames(head)}), and the data have numbers`,
    {
      where: folder,
      remedy: '`model.head: fresh` puts a new head that gives one number in its place, drawn from the seed.',
    },
  );
}

/** The head's labels of the data's names; those that differ in case alone are the same. */
function placesByName(found: readonly string[], head: readonly string[]): number[] | undefined {
  const lower = head.map((name) => name.toLowerCase());
  const placesIn = [found.map((name) => head.indexOf(name)), found.map((name) => lower.indexOf(name.toLowerCase()))];
  return placesIn.find((places) => !places.includes(-1) && new Set(places).size === places.length);
}

/** The head's labels as the data spell them. */
function renamed(head: readonly string[], found: readonly string[], places: readonly number[]) {
  return { names: head.map((name, place) => found[places.indexOf(place)] ?? name), places };
}

const areNumbers = (found: readonly string[], count: number) =>
  found.every((name) => /^\d+$/.test(name) && Number(name) < count);

/** The labels that were matched by their place alone. */
function taken(found: readonly string[], head: readonly string[], places: readonly number[]): string[] {
  const pairs = found.map((name, at) => `${name} for ${head[places[at]!]}`);
  return [`labels of the data are taken for the model's by their place: ${listNames(pairs)}`];
}

function unused(head: readonly string[], places: readonly number[]): string[] {
  const without = head.filter((_, place) => !places.includes(place));
  return without.length === 0
    ? []
    : [
        `no row has the model's ${without.length === 1 ? 'label' : 'labels'} ${listNames(without)}, which the head keeps`,
      ];
}
