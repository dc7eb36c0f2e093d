import { describe, expect, it } from 'vitest';
import { freshClasses, keptClasses } from '../../../shared/training/workloads/classes.ts';

const given = (names: string[], ordered = false) => ({ names, ordered });
const moods = ['negative', 'neutral', 'positive'];
const unnamed = ['LABEL_0', 'LABEL_1', 'LABEL_2'];

describe('a head that is kept', () => {
  it.each([
    ['the same labels', ['negative', 'neutral', 'positive'], moods, moods, [0, 1, 2]],
    ['the same in another order', ['b', 'a'], ['a', 'b'], ['a', 'b'], [1, 0]],
    [
      'the same but for case, which the data decide',
      ['NEGATIVE', 'Positive'],
      ['Positive', 'Negative'],
      ['Positive', 'NEGATIVE'],
      [1, 0],
    ],
    ['numbers, where its labels have no names', ['0', '1', '2'], unnamed, ['0', '1', '2'], [0, 1, 2]],
  ])('takes %s without a word', (_, found, head, names, places) => {
    expect(keptClasses(given(found), head, 'model')).toEqual({ names, places, warnings: [] });
  });

  it.each([
    [
      'numbers, for its labels',
      given(['0', '1', '2']),
      moods,
      moods,
      [0, 1, 2],
      '0 for negative, 1 for neutral, 2 for positive',
    ],
    [
      'names in the order of the settings',
      given(['bad', 'so-so', 'good'], true),
      moods,
      ['bad', 'so-so', 'good'],
      [0, 1, 2],
      'bad for negative, so-so for neutral, good for positive',
    ],
    [
      'names, where its own have none',
      given(['a', 'b', 'c']),
      unnamed,
      ['a', 'b', 'c'],
      [0, 1, 2],
      'a for LABEL_0, b for LABEL_1, c for LABEL_2',
    ],
  ])('takes %s, and says so', (_, found, head, names, places, pairs) => {
    const warnings = [`labels of the data are taken for the model's by their place: ${pairs}`];
    expect(keptClasses(found, head, 'model')).toEqual({ names, places, warnings });
  });

  it('keeps labels that no row has, and says so', () => {
    const warning = "no row has the model's label neutral, which the head keeps";
    const byName = keptClasses(given(['positive', 'negative']), moods, 'model');
    expect(byName).toEqual({ names: moods, places: [2, 0], warnings: [warning] });
    const byNumber = keptClasses(given(['0', '2']), moods, 'model');
    expect(byNumber).toMatchObject({
      names: moods,
      places: [0, 2],
      warnings: [/0 for negative, 2 for positive/, warning],
    });
    expect(keptClasses(given(['2']), unnamed, 'model')).toMatchObject({ names: ['0', '1', '2'], places: [2] });
  });

  it('refuses another number of labels, with both and the setting that mends it', () => {
    const topics = Array.from({ length: 14 }, (_, place) => `topic${place}`);
    const refused = (found: string[]) => () => keptClasses(given(found, true), moods, 'sentiment');
    expect(refused(topics)).toThrow(
      /sentiment: the model's head tells 3 labels apart \(negative, neutral, positive\), the data have 14 \(topic0, .*topic9, 4 more\)\n.*`model.head: fresh`/s,
    );
    expect(refused(['good', 'bad'])).toThrow('the data have 2 (good, bad)');
  });

  it('refuses other names, unless their order is given', () => {
    const refused = () => keptClasses(given(['bad', 'good', 'so-so']), moods, 'sentiment');
    expect(refused).toThrow(
      /labels negative, neutral, positive, the data have bad, good, so-so, and which is which is not said\n.*`dataset.labels`.*`model.head: fresh`/s,
    );
  });
});

describe('a fresh head', () => {
  it('has the labels of the data, in the order of the configuration where these are the same', () => {
    expect(freshClasses(given(['a', 'b']), moods)).toEqual({ names: ['a', 'b'], places: [0, 1], warnings: [] });
    expect(freshClasses(given(['a', 'b']), ['b', 'a'])).toEqual({ names: ['b', 'a'], places: [1, 0], warnings: [] });
  });
});
