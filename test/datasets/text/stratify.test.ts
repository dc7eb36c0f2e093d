import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { proportions, sampleRows, splitText } from '../../../shared/datasets/text/stratify.ts';
import type { TextData, TextRows } from '../../../shared/datasets/text/text-rows.ts';

/** Row i has text `text i`, line i + 1 and the label given. */
const rowsOf = (labels: readonly number[], texts = labels.map((_, index) => `text ${index}`)): TextRows => ({
  kind: 'text',
  texts,
  labels: Int32Array.from(labels),
  labelNames: Array.from({ length: Math.max(...labels) + 1 }, (_, label) => `class ${label}`),
  rows: labels.map((_, index) => index + 1),
  unit: 'line',
});
const dataOf = (examples: TextRows, validation?: TextRows): TextData => ({
  kind: 'text',
  examples,
  ...(validation && { validation }),
  columns: [],
  warnings: [],
});
const countsOf = ({ labels, labelNames }: TextRows) =>
  labelNames!.map((_, place) => labels!.filter((label) => label === place).length);

describe('proportions', () => {
  it('are rounded by largest remainders, and no class is lost while there is room', () => {
    expect(proportions([50, 30, 20], 10)).toEqual([5, 3, 2]);
    expect(proportions([2, 1, 1], 2)).toEqual([1, 1, 0]);
    expect(proportions([1000, 1, 1], 10)).toEqual([8, 1, 1]);
    expect(proportions([5, 0], 3)).toEqual([3, 0]);
  });

  it('add up, and leave what is to be kept', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        sizes,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 1 }),
        (classes, share, kept) => {
          const room = classes.reduce((sum, size) => sum + Math.max(0, size - kept), 0);
          fc.pre(classes.some((size) => size > 0));
          const wanted = Math.floor(share * room);
          const counts = proportions(classes, wanted, kept);
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(wanted);
          for (const [place, count] of counts.entries()) {
            expect(count).toBeGreaterThanOrEqual(0);
            expect(count).toBeLessThanOrEqual(Math.max(0, classes[place]! - kept));
          }
          const filled = classes.filter((size) => size > kept).length;
          if (wanted >= filled) expect(counts.filter((count) => count > 0)).toHaveLength(filled);
        },
      ),
    );
  });
});

describe('a sample', () => {
  const data = rowsOf(Array.from({ length: 200 }, (_, index) => (index % 4 === 0 ? 1 : 0)));

  it('has each label in its proportion, in the order of the file, and depends on the seed', () => {
    const { data: sample } = sampleRows(data, 0.1, 7);
    expect(countsOf(sample)).toEqual([15, 5]);
    expect(sample.rows).toEqual(sample.rows.toSorted((a, b) => a - b));
    expect(sample.texts).toEqual(sample.rows.map((row) => `text ${row - 1}`));
    expect(sampleRows(data, 0.1, 7).data).toEqual(sample);
    expect(sampleRows(data, 0.1, 8).data.rows).not.toEqual(sample.rows);
  });

  it('of fewer rows is a part of a larger one', () => {
    const larger = new Set(sampleRows(data, 40, 7).data.rows);
    for (const row of sampleRows(data, 12, 7).data.rows) expect(larger.has(row)).toBe(true);
  });

  it('tells of labels that it has lost', () => {
    expect(sampleRows(rowsOf([0, 0, 1, 2]), 1, 1).warnings).toEqual([
      'the 1 rows chosen have none with the label class 1, class 2',
    ]);
  });

  it('of texts without labels is a plain choice', () => {
    const { labels: _, labelNames: __, ...plain } = data;
    expect(sampleRows(plain, 10, 1).data.texts).toHaveLength(10);
  });
});

describe('a split', () => {
  it('holds out a share of each class, and loses no row', () => {
    const data = rowsOf(Array.from({ length: 100 }, (_, index) => (index % 10 === 0 ? 1 : 0)));
    const { training, validation, warnings } = splitText(dataOf(data), { validation: 0.2, seed: 3 });
    expect(countsOf(training)).toEqual([72, 8]);
    expect(countsOf(validation)).toEqual([18, 2]);
    expect([...training.rows, ...validation.rows].toSorted((a, b) => a - b)).toEqual(data.rows);
    expect(warnings).toEqual([]);
  });

  it('keeps the only row of a class for training, and says so', () => {
    const { training, warnings } = splitText(dataOf(rowsOf([0, 0, 0, 1])), { validation: 2, seed: 1 });
    expect(countsOf(training)).toEqual([1, 1]);
    expect(warnings).toEqual(['no validation row has the label class 1: the metrics say nothing of it']);
  });

  it('tells of labels that one side alone has, whichever it is, in one message each', () => {
    const single = splitText(dataOf(rowsOf(Array.from({ length: 40 }, (_, label) => label))), {
      validation: 10,
      seed: 1,
    });
    const names = (rows: TextRows) => [...rows.labels!].map((label) => `class ${label}`);
    const listed = (all: string[]) =>
      `${all.slice(0, 10).join(', ')}${all.length > 10 ? ` and ${all.length - 10} more` : ''}`;
    expect(single.warnings).toEqual([
      `no validation row has the label ${listed(names(single.training))}: the metrics say nothing of it`,
      `no training row has the label ${listed(names(single.validation))}, which validation rows have: it can't be learnt`,
    ]);
  });

  it('tells of texts that are on both sides', () => {
    const data = dataOf(rowsOf([0, 1, 0, 1], ['same', 'b', 'c', 'd']), rowsOf([0, 1, 0], ['x', 'same', 'd']));
    expect(splitText(data, { validation: 0.25, seed: 1 }).warnings).toEqual([
      '2 of 3 validation rows are in the training data too, so metrics will look better than they are: lines 2 and 3, the same as lines 1 and 4 of the training data',
    ]);
  });

  it('takes a validation side of its own as it is', () => {
    const validation = rowsOf([1]);
    const data = rowsOf([0, 1], ['a', 'b']);
    expect(splitText(dataOf(data, validation), { validation: 0.25, seed: 1 })).toMatchObject({
      training: data,
      validation,
    });
  });

  it('tells of one label alone, and of names without rows', () => {
    expect(splitText(dataOf(rowsOf([1, 1])), { validation: 1, seed: 1 }).warnings).toEqual([
      'every row has the label class 1: there is nothing to tell apart',
    ]);
    const { warnings } = splitText(dataOf(rowsOf([0, 0, 2, 2])), { validation: 2, seed: 1 });
    expect(warnings).toEqual(['no row has the label class 1']);
  });

  it('is refused where it leaves nothing to train on', () => {
    expect(() => splitText(dataOf(rowsOf([0, 1])), { validation: 2, seed: 1 })).toThrow(
      'training.validation: holding out 2 of 2 samples for validation leaves none to train on',
    );
  });
});
