import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTextDataset, textDatasetSchema } from '../../../shared/datasets/text/registry.ts';
import type { TextContext } from '../../../shared/datasets/text/source.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';
import { refusalOf } from '../../support/text.ts';

const open = (path: string, settings: object = {}, context: Partial<TextContext> = {}) =>
  openTextDataset(textDatasetSchema.parse({ format: 'jsonl', path, ...settings }), path, {
    seed: 1,
    words: 'wanted',
    ...context,
  });

async function fileOf(...rows: readonly object[]): Promise<string> {
  const path = join(await temporaryFolder(), 'rows.jsonl');
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const plain = (tags: readonly Int32Array[] | undefined) => tags?.map((row) => [...row]);

describe('rows of words with tags', () => {
  it('are read from columns of usual names, which a note says', async () => {
    const path = await fileOf(
      { tokens: ['Anna', 'sings'], ner_tags: ['B-PER', 'O'] },
      { tokens: ['dogs'], ner_tags: ['O'] },
    );
    const { examples, warnings, chosen } = await open(path);
    expect(examples.words).toEqual([['Anna', 'sings'], ['dogs']]);
    expect(examples.texts).toEqual(['Anna sings', 'dogs']);
    expect(examples.labelNames).toEqual(['B-PER', 'O']);
    expect(plain(examples.tags)).toEqual([[0, 1], [1]]);
    expect(chosen).toMatchObject({ words: 'tokens', tags: 'ner_tags' });
    expect(warnings.join()).toContain('words are taken from "tokens" and tags from "ner_tags"');
  });

  it.each([
    { format: 'parquet', path: 'tagged.parquet' },
    { format: 'arrow', path: 'tagged' },
  ])('have the names of tags that $format notes', async ({ format, path }) => {
    const { examples } = await open(fixturePath('text', path), { format });
    expect(examples.words![0]).toEqual(['Anna', 'Nov\u00E1k', 'sings']);
    expect(examples.labelNames).toEqual(['O', 'B-PER', 'I-PER', 'B-LOC']);
    expect(plain(examples.tags)).toEqual([[1, 2, 0], [0, 3], [0]]);
    expect(examples.labelsOrdered).toBe(true);
  });

  it('are refused where several columns could be meant, and where there are none', async () => {
    const row = { tokens: ['a'], ner_tags: ['O'], pos_tags: ['X'] };
    const two = await fileOf(row);
    expect((await refusalOf(open(two))).message).toContain(
      'several columns that could be the tags: "ner_tags", or "pos_tags"',
    );
    expect((await open(two, { columns: { tags: 'pos_tags' } })).examples.labelNames).toEqual(['X']);
    const none = await fileOf({ sentence: ['a'], ner_tags: ['O'] });
    expect((await refusalOf(open(none))).message).toContain('no column of lists of words');
  });

  it('have all that is wrong with them listed, or are left out', async () => {
    const good = { tokens: ['a', 'b'], tags: ['O', 'B-X'] };
    const path = await fileOf(
      { tokens: ['a', 'b'], tags: ['O'] },
      { tokens: [], tags: [] },
      { tokens: ['a', ' '], tags: ['O', 'O'] },
      { tokens: 'a b', tags: ['O', 'O'] },
      { tokens: ['a'], tags: null },
      { tokens: ['a'], tags: [1.5] },
      good,
    );
    const { message: refusal } = await refusalOf(open(path));
    for (const line of [
      'line 1, "tags": has 1 tag for 2 words',
      'line 2, "tokens": has no words',
      'line 3, "tokens": word 2 is empty',
      'line 4, "tokens": is the text "a b", not a list of words',
      'line 5, "tags": is missing',
      'line 6, "tags": tag 1 is 1.5, not a whole number',
    ]) {
      expect(refusal).toContain(line);
    }
    const { examples, skipped } = await open(path, { skipBadRows: true });
    expect(examples.rows).toEqual([7]);
    expect(skipped!.training!.count).toBe(6);
  });

  it('may be texts to be tagged, which are split at white space', async () => {
    const path = await fileOf({ text: 'Anna  sings ' }, { text: '' });
    const { examples, warnings } = await open(path, {}, { words: 'given', keepEmpty: true });
    expect(examples.words).toEqual([['Anna', 'sings'], []]);
    expect(examples.tags).toBeUndefined();
    expect(warnings.join()).toContain('2 texts are split into words at white space');
  });

  it('are told from labelled texts by their columns', async () => {
    const likely = { words: 'likely' } as const;
    const tagged = await fileOf({ tokens: ['a'], ner_tags: ['O'], pos_tags: ['X'] });
    expect((await open(tagged, {}, likely)).chosen).toMatchObject({ words: 'tokens', tags: 'ner_tags' });
    const labelled = await fileOf({ text: 'a', label: 'x', tokens: 3 });
    expect((await open(labelled, {}, likely)).chosen).toEqual({ text: 'text', label: 'label' });
  });
});
