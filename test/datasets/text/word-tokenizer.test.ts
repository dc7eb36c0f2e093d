import { describe, expect, it } from 'vitest';
import { openWordTokenizer } from '../../../shared/datasets/text/word-tokenizer.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';

interface Words {
  readonly rows: readonly (readonly string[])[];
  readonly found: Readonly<Record<string, readonly { readonly ids: number[]; readonly starts: number[] }[]>>;
}

const { rows, found } = await readJsonFixture<Words>('tokenizers', 'words.json');
const open = (name: string) => openWordTokenizer(fixturePath('tokenizers', 'resolved', name));

describe('texts in words', () => {
  it.each(Object.keys(found))('of %s are encoded as transformers encodes them', async (name) => {
    const { tokenizer } = await open(name);
    const { ids, starts } = await tokenizer.encodeWords(rows, { maxLength: 12 });
    const own = ids.map((each, row) => ({ ids: [...each], starts: [...starts[row]!] }));
    expect(own).toEqual(found[name]);
  });

  it('that are cut off, and those without tokens, are counted', async () => {
    const { tokenizer } = await open('bert-vocab-txt');
    const { cutWords, silentWords, truncated, starts } = await tokenizer.encodeWords(
      [['a', '\u200B', 'b', 'c', 'd'], ['a']],
      { maxLength: 5 },
    );
    expect(starts.map((each) => [...each])).toEqual([[1, -1, 2, 3, -1], [1]]);
    expect({ cutWords, silentWords, truncated }).toEqual({ cutWords: 1, silentWords: 1, truncated: 1 });
    await expect(tokenizer.encodeWords([['a']], { maxLength: 2 })).rejects.toThrow('leave no room');
  });

  it('get the space that some tokenizers tell words by, in the files of an export too', async () => {
    const { files, note } = await open('roberta-legacy-files');
    expect(note).toContain('add_prefix_space is set');
    const config = JSON.parse(Buffer.from(files.get('tokenizer_config.json')!).toString());
    expect(config.add_prefix_space).toBe(true);
    expect((await open('llama3')).note).toContain('no space before a word');
    expect((await open('bert-vocab-txt')).note).toBeUndefined();
  });
});
