import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

const file = scratchFolder();
const open = async (content: string | Uint8Array, settings: object = {}) => {
  const path = await file('data.json', content);
  return openTextDataset(textDatasetSchema.parse({ format: 'json', path, ...settings }), path, { seed: 1 });
};
const refusal = async (content: string | Uint8Array) => {
  const { message, where } = await refusalOf(open(content));
  return message.replaceAll(where ?? '\u0000', 'FILE');
};
const rows = [
  { text: 'one', label: 'a' },
  { text: 'two', label: 'b', id: 7 },
];

describe('a JSON list', () => {
  it('is read, also under `data` and packed', async () => {
    const list = JSON.stringify(rows, null, 2);
    const all = [
      list,
      `\uFEFF${list}`,
      JSON.stringify({ version: 1, data: rows }),
      gzipSync(list),
      zstdCompressSync(list),
    ];
    for (const content of all) {
      const { examples, columns } = await open(content);
      expect(examples).toMatchObject({ texts: ['one', 'two'], labels: Int32Array.of(0, 1), rows: [1, 2], unit: 'row' });
      expect(columns).toEqual(['text', 'label', 'id']);
    }
  });

  it('has labels above 2^53 apart', async () => {
    const labels = ['9007199254740992', '9007199254740993', '9007199254740994'];
    const { examples } = await open(`[${labels.map((label) => `{"text": "one", "label": ${label}}`).join(', ')}]`);
    expect(examples.labelNames).toEqual(labels);
    const inTexts = labels.map((label) => `{"text": "one", "label": "[${label}]"}`).join(', ');
    const problem = { type: 'multi_label_classification', from: 'model.problemType' } as const;
    const path = await file('sets.json', `[${inTexts}]`);
    const config = textDatasetSchema.parse({ format: 'json', path });
    const sets = await openTextDataset(config, path, { seed: 1, problem });
    expect(sets.examples.labelNames).toEqual(labels);
    expect(await refusal('[{"text": "one"}, 9007199254740993]')).toContain(
      'row 2: is not an object but 9007199254740993',
    );
  });

  it('has bad rows named by number', async () => {
    expect(await refusal(JSON.stringify([rows[0], 'two', { text: 3, label: 'a' }, { text: 'x' }]))).toBe(
      'FILE: 3 of 4 rows can\'t be used:\n  row 2: is not an object but "two"\n  row 3, "text": is a number (3), not text\n  row 4, "label": is missing\n  Mend or remove these rows (the first is row 1).',
    );
  });

  it('is told from what is no list', async () => {
    expect(await refusal('{"text":"one"}\n{"text":"two"}\n')).toBe(
      'FILE: is JSON lines, not a JSON list\n  Set `dataset.format` to jsonl.',
    );
    expect(await refusal('{"rows":[{"text":"one"}]}')).toContain('is not a list of objects, but an object with rows');
    expect(await refusal('"text"')).toContain('is not a list of objects, but "text"');
    expect(await refusal('[{"text":')).toContain('is not JSON: ');
    expect(await refusal(Buffer.from('[{"text":"caf\xe9"}]', 'latin1'))).toContain('is not UTF-8: byte 13 of the file');
    expect(await refusal('[]')).toContain('holds no rows');
    const path = await file('list.jsonl', '[{"text":"one"}]');
    const { message } = await refusalOf(
      openTextDataset(textDatasetSchema.parse({ format: 'jsonl', path }), path, { seed: 1 }),
    );
    expect(message).toContain('is a JSON list, not JSON lines\n  Set `dataset.format` to json.');
  });

  it('is refused by its size, packed and not, before it is held', async () => {
    const packed = gzipSync(Buffer.alloc(401_000_000, '['), { level: 1 });
    expect(await refusal(packed)).toMatch(
      /^FILE: unpacks from 1\.\d MB to 401\.0 MB, and a JSON list of at most 400\.0 MB is read\n {2}Write one object in each line/,
    );
  });
});
