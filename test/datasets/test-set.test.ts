import { describe, expect, it } from 'vitest';
import { fieldDatasetSchema, openDataset, openHeldData } from '../../shared/datasets/registry.ts';
import { testSetSchema } from '../../shared/datasets/test-set.ts';
import { openTextDataset, textDatasetSchema } from '../../shared/datasets/text/registry.ts';
import { splitText } from '../../shared/datasets/text/stratify.ts';
import { fixturePath } from '../support/fixtures.ts';
import { scratchFolder } from '../support/text.ts';

const path = fixturePath('data', 'pde_1d.hdf5');
const configOf = (settings: object) =>
  fieldDatasetSchema.parse({
    format: 'pdebench',
    path,
    window: 4,
    rolloutSteps: 3,
    subsample: { space: 4 },
    ...settings,
  });

describe('dataset.test', () => {
  it.each([{}, { first: 1, last: 1 }, { path: 'a', first: 1 }, { random: 1, last: 1 }])(
    'is exactly one of four: %j is refused',
    (given) => {
      expect(() => testSetSchema.parse(given)).toThrow('takes exactly one of `path`, `first`, `last` and `random`');
    },
  );

  it.each([
    [{ first: 2 }, [0, 1]],
    [{ last: 2 }, undefined],
    [{ random: 2 }, [15, 26]],
  ])('takes the same rows out of the data file whatever seed and samples are: %j', async (test, expected) => {
    const all = (await openDataset(configOf({}), path, { seed: 1 })).rows;
    const held = expected ?? all.slice(-2);
    for (const seed of [1, 2, 3]) {
      for (const settings of [{}, { samples: 4, choose: 'random' }, { subsample: { space: 4, samples: 2 } }]) {
        const config = configOf({ ...settings, test });
        const data = await openDataset(config, path, { seed });
        expect(data.rows.filter((row) => held.includes(row))).toEqual([]);
        expect((await openHeldData('test', config, path, data)).rows).toEqual(held);
      }
    }
  });

  it('refuses more rows than there are, and says how many there are', async () => {
    await expect(openDataset(configOf({ test: { last: 10_000 } }), path, { seed: 1 })).rejects.toThrow(/has \d+ rows/);
  });

  it('refuses more samples than are left, and says how many are for testing', async () => {
    const stored = (await openDataset(configOf({}), path, { seed: 1 })).rows.length;
    await expect(openDataset(configOf({ samples: stored, test: { random: 2 } }), path, { seed: 1 })).rejects.toThrow(
      `has ${stored - 2} samples besides 2 for testing, ${stored} were asked for`,
    );
  });

  it('takes all rows of a file of its own', async () => {
    const config = configOf({ test: { path } });
    const data = await openDataset(config, path, { seed: 1 });
    expect((await openHeldData('test', config, path, data)).rows).toEqual(data.rows);
  });

  it('refuses a file of another grid, and says both', async () => {
    const data = await openDataset(configOf({}), path, { seed: 1 });
    const other = configOf({ subsample: { space: 2 }, test: { path } });
    await expect(openHeldData('test', other, path, data)).rejects.toThrow(
      /the test data have \d+ points, 7 time steps and 1 channels, the training data \d+ points/,
    );
  });
});

describe('dataset.test of texts', () => {
  const writeFile = scratchFolder();
  /** Sorted by label: eight of a, four of b, one of c. */
  const sorted = [...Array(8).fill('a'), ...Array(4).fill('b'), 'c'].map((label, row) => ({
    text: `text number ${row}`,
    label,
  }));
  const write = (rows: readonly object[], name = 'data.jsonl') =>
    writeFile(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const open = async (rows: readonly object[], settings: object, seed = 1) => {
    const file = await write(rows);
    return openTextDataset(textDatasetSchema.parse({ format: 'jsonl', path: file, ...settings }), file, { seed });
  };

  it('draws rows of each label in its proportion, in the order of the file', async () => {
    const { test, examples } = await open(sorted, { test: { random: 3 } });
    expect([...test!.labels!]).toEqual([0, 0, 1]);
    expect(test!.rows).toEqual(test!.rows.toSorted((a, b) => a - b));
    expect([...test!.rows, ...examples.rows].toSorted((a, b) => a - b)).toEqual(sorted.map((_, row) => row + 1));
  });

  it('leaves a row of each label to be learnt from', async () => {
    const { examples } = await open(sorted, { test: { random: 10 } });
    expect([...examples.labels!]).toEqual([0, 1, 2]);
  });

  it('draws the same rows whatever the seed and samples are', async () => {
    const of = async (settings: object, seed: number) =>
      (await open(sorted, { test: { random: 4 }, ...settings }, seed)).test!;
    const expected = await of({}, 1);
    expect(await of({}, 2)).toEqual(expected);
    expect(await of({ samples: 5 }, 3)).toEqual(expected);
  });

  it('draws the rows of fewer ones too where it draws more', async () => {
    const few = (await open(sorted, { test: { random: 3 } })).test!;
    const more = (await open(sorted, { test: { random: 6 } })).test!;
    expect(more.rows).toEqual(expect.arrayContaining([...few.rows]));
  });

  it('draws from all rows where they have no labels', async () => {
    const { test } = await open(sorted, { test: { random: 5 }, columns: { label: false } });
    expect(test!.rows).toHaveLength(5);
  });

  it.each([
    [{ first: 2 }, [1, 2]],
    [{ last: 5 }, [9, 10, 11, 12, 13]],
  ])('takes rows at an end where all labels are named: %j', async (test, expected) => {
    const data = await open(sorted, { test, labels: ['a', 'b', 'c'] });
    expect(data.test!.rows).toEqual(expected);
  });

  it('refuses rows at an end that alone have a label, and says which', async () => {
    await expect(open(sorted, { test: { last: 1 } })).rejects.toThrow(
      'rows for testing have labels that no other row has (c): line 13',
    );
  });

  it.each(['first', 'last', 'random'])('refuses to take all rows as `%s`, and says how many there are', async (way) => {
    await expect(open(sorted, { test: { [way]: 13 } })).rejects.toThrow(
      `has 13 rows, and \`dataset.test.${way}\` takes 13, which leaves none to train on`,
    );
  });

  it('refuses an unknown label in a file of its own', async () => {
    const path = await write([{ text: 'x', label: 'd' }], 'test.jsonl');
    await expect(open(sorted, { test: { path } })).rejects.toThrow(/test\.jsonl: 1 of 1 rows can't be used.*\n.*d/);
  });

  it('keeps rows out where it does not measure on them', async () => {
    const { test, examples } = await open(sorted, { test: { random: 3, evaluate: false } });
    expect(test).toBeUndefined();
    expect(examples.rows).toHaveLength(10);
  });

  it('warns of rows that are trained on too, and of labels without rows', async () => {
    const path = await write(sorted.slice(0, 2), 'test.jsonl');
    const { warnings } = splitText(await open(sorted, { test: { path } }), { validation: 2, seed: 1 });
    expect(warnings).toContainEqual(expect.stringContaining('no test row has the label b, c'));
    expect(warnings).toContainEqual(expect.stringMatching(/of 2 test rows are in the training data too/));
  });
});
