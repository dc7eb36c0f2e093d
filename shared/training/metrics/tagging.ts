/** Metrics of tagged words, in float64. */
import { type ClassScore, type ClassTable, evaluateClasses, largestOf } from './classification.ts';
import { entitiesIn, markEntities } from './entities.ts';
import { mean, ratio } from './metric.ts';

/** Every metric of a classifier of tokens, by the name the run file and the reports use. */
export const taggingMetrics = {
  F1: {
    direction: 'higher',
    describe:
      'harmonic mean of precision and recall of the entities, where tags mark them (B-, I-); else the mean of the F1 of the tags that occur',
  },
  precision: {
    direction: 'higher',
    describe: 'share of the entities found that are right; else the mean over the tags',
  },
  recall: { direction: 'higher', describe: 'share of the entities that are found; else the mean over the tags' },
  accuracy: { direction: 'higher', describe: 'share of the words that were given their tag' },
} as const;

type Name = keyof typeof taggingMetrics;

/** Entities of one type, or of all. */
interface Counts {
  /** The number of such words in the data. */
  readonly support: number;
  /** Entities that the model predicts. */
  readonly given: number;
  /** Predicted entities that are in the data, with the same words and type. */
  readonly hits: number;
}

/** F1 as seqeval computes it: what would be 0/0 is 0. */
function scoreOf({ support, given, hits }: Counts): Record<'precision' | 'recall' | 'F1', number> {
  const [precision, recall] = [ratio(hits, given), ratio(hits, support)];
  return { precision, recall, F1: ratio(2 * precision * recall, precision + recall) };
}

/** Tags of the words of each text. */
type Tags = readonly (readonly string[])[];

/**
 * Precision, recall and F1 of entities, all together and by type: an entity is found where its type and its words are those of one in the
 * data. Source: seqeval 1.2, whose default they are, and conlleval
 */
export function entityScores(
  expected: Tags,
  given: Tags,
): { readonly overall: Record<'precision' | 'recall' | 'F1', number>; readonly types: readonly ClassScore[] } {
  const counts = new Map<string, { support: number; given: number; hits: number }>();
  const of = (type: string) => {
    const known = counts.get(type) ?? { support: 0, given: 0, hits: 0 };
    counts.set(type, known);
    return known;
  };
  const key = ({ type, first, last }: ReturnType<typeof entitiesIn>[number]) => `${first} ${last} ${type}`;
  for (const [index, tags] of expected.entries()) {
    const wanted = entitiesIn(tags);
    const keys = new Set(wanted.map(key));
    for (const { type } of wanted) of(type).support++;
    for (const entity of entitiesIn(given[index]!)) {
      of(entity.type).given++;
      if (keys.has(key(entity))) of(entity.type).hits++;
    }
  }
  const total = [...counts.values()].reduce(
    (sum, each) => ({
      support: sum.support + each.support,
      given: sum.given + each.given,
      hits: sum.hits + each.hits,
    }),
    { support: 0, given: 0, hits: 0 },
  );
  const types = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    overall: scoreOf(total),
    types: types.map(([name, each]) => {
      const { precision, recall, F1: f1 } = scoreOf(each);
      return { name, precision, recall, f1, support: each.support };
    }),
  };
}

/** The mean over the tags that occur, in the data or among those given. */
function meanOver({ classes, confusionCells }: ClassTable): Record<'precision' | 'recall' | 'F1', number> {
  const occurring = new Set([...confusionCells.map(([actual]) => actual), ...confusionCells.map(([, given]) => given)]);
  const found = classes.filter((_, place) => occurring.has(place));
  const over = (of: (score: ClassScore) => number) => (found.length === 0 ? 0 : mean(found.map(of)));
  return {
    precision: over(({ precision }) => precision),
    recall: over(({ recall }) => recall),
    F1: over(({ f1 }) => f1),
  };
}

/**
 * The metrics of a classifier of tokens by name, loss included, and a table: of the types of entities where tags mark them, else of the tags
 * with their confusion. Where a logit is NaN all metrics are, and there is no table.
 * @param logits `[words, labels]` of all texts, one after the other
 * @param tags of the words of each text, places in `names`
 */
export function evaluateTags(
  logits: Float32Array,
  tags: readonly ArrayLike<number>[],
  names: readonly string[],
): { metrics: Record<Name | 'loss', number>; table: ClassTable | undefined } {
  const expected = Int32Array.from(tags.flatMap((row) => Array.from(row)));
  const { metrics, table } = evaluateClasses(logits, expected, names);
  const { loss, accuracy } = metrics as { loss: number; accuracy: number };
  const given = largestOf(logits, names.length);
  if (!given || !table) {
    return { metrics: { F1: Number.NaN, precision: Number.NaN, recall: Number.NaN, accuracy, loss }, table: undefined };
  }
  if (!markEntities(names)) return { metrics: { ...meanOver(table), accuracy, loss }, table };
  let at = 0;
  const found = tags.map((row) => {
    at += row.length;
    return Array.from(given.subarray(at - row.length, at), (place) => names[place]!);
  });
  const named = tags.map((row) => Array.from(row, (place) => names[place]!));
  const { overall, types } = entityScores(named, found);
  return { metrics: { ...overall, accuracy, loss }, table: { classes: types, confusionCells: [] } };
}
