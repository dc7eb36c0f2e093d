import { describe, expect, it } from 'vitest';
import { entitiesIn, markEntities } from '../../../shared/training/metrics/entities.ts';
import { entityScores, evaluateTags } from '../../../shared/training/metrics/tagging.ts';

const spans = (tags: string) => entitiesIn(tags.split(' ')).map(({ type, first, last }) => `${type} ${first}-${last}`);

describe('entities', () => {
  // By the rules of conlleval, worked out by hand: a table of what ends and begins an entity between two tags.
  it.each([
    ['B-PER I-PER O', ['PER 0-1']],
    ['B-PER B-PER', ['PER 0-0', 'PER 1-1']],
    ['O I-PER I-PER', ['PER 1-2']],
    ['I-PER I-LOC', ['PER 0-0', 'LOC 1-1']],
    ['B-PER I-LOC I-LOC', ['PER 0-0', 'LOC 1-2']],
    ['I-PER B-PER I-PER', ['PER 0-0', 'PER 1-2']],
    ['B-PER E-PER I-PER', ['PER 0-1', 'PER 2-2']],
    ['S-PER S-PER', ['PER 0-0', 'PER 1-1']],
    ['S-PER I-PER E-PER', ['PER 0-0', 'PER 1-2']],
    ['B-a-b I-a-b I-a', ['a-b 0-1', 'a 2-2']],
    ['O O', []],
    ['B-X', ['X 0-0']],
  ])('of %s', (tags, expected) => {
    expect(spans(tags)).toEqual(expected);
  });

  it('are marked by tags with B- or I- alone', () => {
    expect(markEntities(['O', 'B-X', 'I-X'])).toBe(true);
    expect(markEntities(['O', 'I-X'])).toBe(true);
    expect(markEntities(['NOUN', 'VERB'])).toBe(false);
    expect(markEntities(['O', 'B-'])).toBe(false);
    expect(markEntities(['O', 'S-X'])).toBe(false);
  });

  it('are right where type and words are', () => {
    const expected = ['O O O B-MISC I-MISC I-MISC O', 'B-PER I-PER O'].map((row) => row.split(' '));
    const given = ['O O B-MISC I-MISC I-MISC I-MISC O', 'B-PER I-PER O'].map((row) => row.split(' '));
    // The example of seqeval's own page: F1 0.50, of MISC 0, of PER 1.
    const { overall, types } = entityScores(expected, given);
    expect(overall).toEqual({ precision: 0.5, recall: 0.5, F1: 0.5 });
    expect(types.map(({ name, f1, support }) => [name, f1, support])).toEqual([
      ['MISC', 0, 1],
      ['PER', 1, 1],
    ]);
  });

  it('of one text never go on in the next', () => {
    const rows = [['B-X'], ['I-X', 'I-X']];
    expect(entityScores(rows, [['B-X'], ['I-X', 'O']]).overall).toEqual({ precision: 0.5, recall: 0.5, F1: 0.5 });
  });
});

/** Logits that give each word a class. */
const logitsFor = (given: readonly number[], classes: number) =>
  Float32Array.from(given.flatMap((label) => Array.from({ length: classes }, (_, place) => (place === label ? 2 : 0))));

describe('metrics of tags', () => {
  it('are those of entities, with the share of words that are right', () => {
    const names = ['B-X', 'I-X', 'O'];
    const { metrics, table } = evaluateTags(logitsFor([0, 2, 2, 0], 3), [[0, 1, 2], [0]], names);
    // Two entities, X 0-1 and X 0-0; found X 0-0 in each.
    expect(metrics).toMatchObject({ F1: 0.5, precision: 0.5, recall: 0.5, accuracy: 0.75 });
    const loss = Math.log(Math.exp(2) + 2);
    expect(metrics.loss).toBeCloseTo((3 * (loss - 2) + loss) / 4, 12);
    expect(table).toEqual({
      classes: [{ name: 'X', precision: 0.5, recall: 0.5, f1: 0.5, support: 2 }],
      confusionCells: [],
    });
  });

  it('are means over the tags that occur, where they mark none', () => {
    const names = ['ADJ', 'NOUN', 'VERB', 'X'];
    const { metrics, table } = evaluateTags(logitsFor([1, 1, 2], 4), [[1, 2], [2]], names);
    expect(metrics).toMatchObject({ precision: 0.75, recall: 0.75, accuracy: 2 / 3 });
    expect(metrics.F1).toBeCloseTo(2 / 3, 12);
    expect(table!.confusionCells).toEqual([
      [1, 1, 1],
      [2, 1, 1],
      [2, 2, 1],
    ]);
  });

  it('are not numbers where a logit is none', () => {
    const { metrics, table } = evaluateTags(Float32Array.of(Number.NaN, 0), [[0]], ['O', 'B-X']);
    expect(metrics.F1).toBeNaN();
    expect(table).toBeUndefined();
  });
});
