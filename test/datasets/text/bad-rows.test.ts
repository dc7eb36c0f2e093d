import { describe, expect, it } from 'vitest';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

const file = scratchFolder();
const open = async (skipBadRows: unknown, content: string, settings: object = {}) => {
  const path = await file('data', content);
  return openTextDataset(textDatasetSchema.parse({ format: 'jsonl', path, skipBadRows, ...settings }), path, {
    seed: 1,
  });
};
const lines = (...rows: unknown[]) =>
  rows.map((row) => `${typeof row === 'string' ? row : JSON.stringify(row)}\n`).join('');
const rows = [
  { text: 'one', label: 'a' },
  { text: null, label: 'b' },
  { text: 'two', label: 'b' },
  '{"text": broken',
  { text: 'three', label: null },
  { text: ' ', label: 'c' },
  { text: 'four', label: 'a' },
];

describe('rows that can not be used', () => {
  it('are left out where the settings say so, counted and listed', async () => {
    const { examples, warnings, skipped } = await open(true, lines(...rows));
    expect(examples).toMatchObject({
      texts: ['one', 'two', 'four'],
      labels: Int32Array.of(0, 1, 0),
      labelNames: ['a', 'b'],
      rows: [1, 3, 7],
    });
    const listed = [
      'line 2, "text": is missing',
      'line 4: is not JSON: Unexpected token \'b\', "{"text": broken" is not valid JSON',
      'line 5, "label": is missing',
      'line 6, "text": is empty',
    ];
    expect(skipped).toEqual({ training: { count: 4, of: 7, rows: listed } });
    expect(warnings).toEqual([
      `4 of 7 rows can't be used and are left out (dataset.skipBadRows):\n  ${listed.join('\n  ')}`,
    ]);
  });

  it('are listed up to twenty', async () => {
    const { skipped, warnings } = await open(
      true,
      lines({ text: 'one' }, ...Array.from({ length: 30 }, () => ({ text: '' }))),
    );
    expect(skipped!.training).toMatchObject({ count: 30, of: 31 });
    expect(skipped!.training!.rows).toHaveLength(20);
    expect(warnings[0]).toMatch(/line 21, "text": is empty\n {2}and 10 more$/);
  });

  it('are left out of data to validate on, too', async () => {
    const validationPath = await file('held', lines({ text: 'five', label: 'a' }, { text: 'six', label: 'z' }));
    const { validation, skipped, warnings } = await open(true, lines(rows[0], rows[2]), { validationPath });
    expect(validation!.texts).toEqual(['five']);
    expect(skipped!.validation).toMatchObject({ count: 1, of: 2 });
    expect(warnings[0]).toContain(`${validationPath}: 1 of 2 rows can't be used and is left out`);
  });

  it('are refused where they are more than the settings allow, or all', async () => {
    expect((await open(4, lines(...rows))).examples.texts).toHaveLength(3);
    expect((await open(0.6, lines(...rows))).examples.texts).toHaveLength(3);
    const tooMany = "4 of 7 rows can't be used, and dataset.skipBadRows leaves out at most";
    expect((await refusalOf(open(3, lines(...rows)))).message).toContain(`${tooMany} 3:\n  line 2, "text": is missing`);
    expect((await refusalOf(open(0.5, lines(...rows)))).message).toContain(`${tooMany} 0.5:`);
    for (const off of [false, undefined]) {
      expect((await refusalOf(open(off, lines(...rows)))).message).toContain("4 of 7 rows can't be used:\n");
    }
    expect((await refusalOf(open(true, lines({ text: '' })))).message).toContain("1 of 1 rows can't be used:");
  });

  it('are refused where nothing after them can be read', async () => {
    const csv = 'text,label\none,a\n"two,b\nthree,c\n';
    const { message } = await refusalOf(open(true, csv, { format: 'csv' }));
    expect(message).toContain('a quote is opened that is never closed');
  });
});
