/** Entities that the tags of words mark, as seqeval finds them where nothing else is asked for: the way of conlleval. */

/** An entity: words `first` to `last`, from 0. */
export interface Entity {
  readonly type: string;
  readonly first: number;
  readonly last: number;
}

/** Tags that mark entities: B- begins one, I- goes on, E- ends one, S- is one of a single word, O is outside. */
const entityTag = /^[BIES]-./;

/** Whether tags mark entities: all are O, B-..., I-..., E-... or S-..., and some are not O. */
export const markEntities = (names: readonly string[]): boolean =>
  names.every((name) => name === 'O' || entityTag.test(name)) && names.some((name) => /^[BI]-/.test(name));

const outside = { mark: 'O', type: '' };

const parts = (tag: string) => (tag === 'O' ? outside : { mark: tag[0]!, type: tag.slice(2) });

type Part = ReturnType<typeof parts>;

const ends = (before: Part, { mark, type }: Part): boolean =>
  'ES'.includes(before.mark) ||
  ('BI'.includes(before.mark) && 'BSO'.includes(mark)) ||
  (before.mark !== 'O' && before.type !== type);

const begins = (before: Part, { mark, type }: Part): boolean =>
  'BS'.includes(mark) || ('ESO'.includes(before.mark) && 'EI'.includes(mark)) || (mark !== 'O' && before.type !== type);

/** The entities in the tags of a text, in their order. A word with I- that continues nothing begins an entity. */
export function entitiesIn(tags: readonly string[]): Entity[] {
  const found: Entity[] = [];
  let before: Part = outside;
  let first = 0;
  for (const [place, tag] of [...tags, 'O'].entries()) {
    const here = parts(tag);
    if (ends(before, here)) found.push({ type: before.type, first, last: place - 1 });
    if (begins(before, here)) first = place;
    before = here;
  }
  return found;
}
