import { describe, expect, it } from 'vitest';
import { openTextDataset, textDatasetSchema, textFormats } from '../../../shared/datasets/text/registry.ts';
import { scratchFolder } from '../../support/text.ts';

const file = scratchFolder();

describe.each(textFormats.map((format) => [format.name, format] as const))('the %s format', (name, format) => {
  it('is chosen by its name and describes every setting', () => {
    expect(textDatasetSchema.parse({ format: name, path: 'data' }).format).toBe(name);
    for (const [key, schema] of Object.entries(format.configSchema.shape)) {
      expect(schema.description, key).toBeTruthy();
    }
  });
});

it('opens what the configuration selects', async () => {
  const path = await file('corpus.txt', 'first document\r\n\n second document \nthird');
  const config = textDatasetSchema.parse({ format: 'lines', path });
  const data = await openTextDataset(config, path, { seed: 1 });
  expect(data.examples.texts).toEqual(['first document', 'second document', 'third']);
  expect(data.examples.rows).toEqual([1, 3, 4]);
  expect(data.columns).toEqual([]);
});

describe('rows without a text', () => {
  const rows = [
    { text: 'one', label: 'a' },
    { text: ' ', label: 'b' },
    { text: null, label: 'a' },
    { text: 'two', label: 'b' },
  ];
  const jsonl = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const csv = `text,label\n${rows.map(({ text, label }) => `${text ?? ''},${label}\n`).join('')}`;

  it.each([
    ['jsonl', jsonl, [1, 2, 3, 4]],
    ['csv', csv, [2, 3, 4, 5]],
  ] as const)('are kept on demand with their labels, and contradict nothing: %s', async (format, content, lines) => {
    const path = await file(`data.${format}`, content);
    const config = textDatasetSchema.parse({ format, path });
    const { examples, warnings } = await openTextDataset(config, path, { seed: 1, keepEmpty: true });
    expect(examples).toMatchObject({ texts: ['one', '', '', 'two'], rows: lines, labels: Int32Array.of(0, 1, 0, 1) });
    expect(warnings).toEqual([]);
    await expect(openTextDataset(config, path, { seed: 1 })).rejects.toThrow("2 of 4 rows can't be used");
  });

  it('may be half a pair; what is broken is refused all the same', async () => {
    const pairs = '{"text":"one","text_pair":""}\n{"text":"two","text_pair":"zwei"}\n';
    const path = await file('pairs.jsonl', pairs);
    const config = textDatasetSchema.parse({ format: 'jsonl', path });
    const { examples } = await openTextDataset(config, path, { seed: 1, keepEmpty: true });
    expect(examples.pairs).toEqual(['', 'zwei']);
    const broken = await file('broken.jsonl', `${pairs}{"text":3,"text_pair":""}\n{"text":"\\ud83d","text_pair":""}\n`);
    await expect(openTextDataset(config, broken, { seed: 1, keepEmpty: true })).rejects.toThrow(
      /2 of 4 rows can't be used:\n {2}line 3, "text": is a number \(3\), not text\n {2}line 4, "text": has half/,
    );
  });
});

it('finds columns by likely names before the usual ones, where the settings name none', async () => {
  const path = await file('named.csv', 'text,review,topic\na,b,x\nc,d,y\n');
  const read = async (columns: object, likely?: object) => {
    const config = textDatasetSchema.parse({ format: 'csv', path, columns });
    const { examples } = await openTextDataset(config, path, { seed: 1, ...(likely && { likely }) });
    return [examples.texts, examples.labelNames];
  };
  expect(await read({})).toEqual([['a', 'c'], undefined]);
  const likely = { text: 'review', textPair: 'answer', label: 'topic' };
  expect(await read({}, likely)).toEqual([
    ['b', 'd'],
    ['x', 'y'],
  ]);
  expect(await read({ text: 'text', label: false }, likely)).toEqual([['a', 'c'], undefined]);
  expect(await read({}, { text: 'body', label: 'stars' })).toEqual([['a', 'c'], undefined]);

  const some = await file('some.jsonl', '{"text":"a"}\n{"text":"b","topic":"x"}\n');
  const config = textDatasetSchema.parse({ format: 'jsonl', path: some });
  await expect(openTextDataset(config, some, { seed: 1, likely })).rejects.toThrow(
    'line 2: has "topic", which line 1 has not',
  );
});

it('refuses settings of another format', () => {
  expect(textDatasetSchema.safeParse({ format: 'lines', path: 'x', columns: {} }).success).toBe(false);
  expect(textDatasetSchema.safeParse({ format: 'jsonl', path: 'x', labels: ['a', 'a'] }).success).toBe(false);
});
