import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseColumns } from '../../../shared/datasets/text/columns.ts';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import { temporaryFolder } from '../../support/small-run.ts';
import { refusalOf } from '../../support/text.ts';

const choose = (present: string, named: object = {}) =>
  chooseColumns('data.csv', present.split(' '), { label: false, ...named }, { targets: 'wanted' });
const refusal = async (...given: Parameters<typeof choose>) =>
  (await refusalOf(Promise.resolve().then(() => choose(...given)))).message;

describe('columns of texts and targets', () => {
  it.each([
    ['text target label', { text: 'text', target: 'target' }],
    ['id Document summary', { text: 'Document', target: 'summary' }],
    ['prompt completion', { text: 'prompt', target: 'completion' }],
    ['context question answer', { text: 'question', target: 'answer' }],
    ['instruction output', { text: 'instruction', target: 'output' }],
    ['instruction input output', { text: 'instruction', input: 'input', target: 'output' }],
    ['input output', { text: 'input', target: 'output' }],
  ])('of usual names are taken, and said: %s', (present, columns) => {
    const chosen = choose(present);
    expect(chosen.columns).toMatchObject(columns);
    expect(chosen.notes.join()).toContain(`targets from "${columns.target}", by the names of the columns`);
  });

  it.each([
    ['en de', { text: 'en', target: 'de' }, []],
    ['en summary', { text: 'en' }, ['targets are taken from "summary"']],
    ['document title summary', { target: 'title' }, ['texts are taken from "document"']],
    ['instruction topic output', { input: 'topic' }, ['texts are taken from "instruction" and targets from "output"']],
  ])('that are named are kept, and the rest is guessed: %s', (present, named, notes) => {
    const chosen = choose(present, named);
    expect(chosen.columns).toMatchObject(named);
    expect(chosen.notes).toHaveLength(notes.length);
    for (const note of notes) expect(chosen.notes.join()).toContain(note);
  });

  it('are refused where none or several fit', async () => {
    expect(await refusal('text label')).toBe(
      'data.csv: has no columns of usual names for texts and targets, and seq2seq learns to write the target of each text\n  Name them under `dataset.columns.text` and `dataset.columns.target`; it has "text", "label".',
    );
    expect(await refusal('headline body', { text: 'body' })).toContain('for targets, and');
    expect(await refusal('text summary target')).toContain('"text" and "target", or "text" and "summary"');
    expect(await refusal('headline summary', { target: 'summary' })).toContain('for texts, and');
    expect(await refusal('text summary', { text: 'text', target: 'tl' })).toContain('has no column "tl"');
  });
});

it('a text is an instruction and what it is about; rows without one of the two are told by the column', async () => {
  const path = join(await temporaryFolder(), 'rows.jsonl');
  const open = async (rows: readonly object[]) => {
    await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
    const config = textDatasetSchema.parse({ format: 'jsonl', path, columns: { label: false } });
    return openTextDataset(config, path, { seed: 1, targets: 'wanted' });
  };
  const good = { instruction: 'Add', input: '1 and 2', output: '3' };
  const { examples } = await open([good, { ...good, input: '' }, { ...good, input: null }]);
  expect(examples.texts).toEqual(['Add\n\n1 and 2', 'Add', 'Add']);
  expect(examples.targets).toEqual(['3', '3', '3']);
  const refused = await refusalOf(
    open([good, { ...good, output: ' ' }, { ...good, input: 3 }, { ...good, instruction: '' }]),
  );
  expect(refused.message).toContain('line 2, "output": is empty');
  expect(refused.message).toContain('line 3, "input": is a number (3), not text');
  expect(refused.message).toContain('line 4, "instruction": is empty');
});

describe('columns of texts to write of', () => {
  const given = (present: string, named: object = {}, likely: object = {}) =>
    chooseColumns('data.csv', present.split(' '), named, { targets: 'given', likely });

  it.each([
    ['text label', {}, {}, { text: 'text' }],
    ['document summary', {}, {}, { text: 'document', target: 'summary' }],
    ['document summary', { label: false }, {}, { text: 'document' }],
    ['instruction input', {}, {}, { text: 'instruction', input: 'input' }],
    ['instruction input output', {}, {}, { text: 'instruction', input: 'input', target: 'output' }],
    ['question text answer', {}, {}, { text: 'question', target: 'answer' }],
    ['body summary', { text: 'body' }, {}, { text: 'body', target: 'summary' }],
    ['en de text', {}, { text: 'en', target: 'de' }, { text: 'en', target: 'de' }],
    ['en text', {}, { text: 'en', target: 'de' }, { text: 'en' }],
  ])('are found with targets or without them: %s %o', (present, named, likely, columns) => {
    const { columns: found } = given(present, named, likely);
    expect(Object.fromEntries(Object.entries(found).filter(([, name]) => name !== undefined))).toEqual(columns);
  });

  it('are refused where several could be meant, or none is there', () => {
    expect(() => given('document question')).toThrow('several columns that could be texts and targets: "document"');
    expect(() => given('en de')).toThrow('"text"');
  });
});
