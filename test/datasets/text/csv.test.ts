import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { TooLargeError } from '../../../shared/core/errors.ts';
import { csv } from '../../../shared/datasets/text/csv.ts';
import { openTexts } from '../../../shared/datasets/text/open-text.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

const file = scratchFolder();
const config = (settings: object) => csv.configSchema.parse({ format: 'csv', path: 'unused', ...settings });
const open = async (content: string | Uint8Array, settings: object = {}, name = 'data.csv') =>
  openTexts(csv, config(settings), await file(name, content), { seed: 1 });
const refusal = async (content: string | Uint8Array, settings: object = {}, name = 'data.csv') =>
  (await refusalOf(open(content, settings, name))).message;

describe('a CSV file', () => {
  it('has quoted values over several lines, and rows are named by their first line', async () => {
    const content = '\uFEFFtext,label\r\na,0\r\n\r\n"two\r\nlines, ""quoted""",1\r\nhe said "no",0\nlast,1';
    const { examples, columns } = await open(content);
    expect(examples.texts).toEqual(['a', 'two\r\nlines, "quoted"', 'he said "no"', 'last']);
    expect([...examples.labels!]).toEqual([0, 1, 0, 1]);
    expect(examples.rows).toEqual([2, 4, 6, 7]);
    expect(columns).toEqual(['text', 'label']);
  });

  it('has commas, tabs or semicolons, by its name or the settings', async () => {
    expect((await open('text\tlabel\na,b\t1\n', {}, 'data.tsv')).examples.texts).toEqual(['a,b']);
    expect((await open(gzipSync('text\tlabel\na\t1\n'), {}, 'data.TSV.gz')).examples.texts).toEqual(['a']);
    expect((await open('text;label\na;1\n', { delimiter: 'semicolon' })).examples.texts).toEqual(['a']);
  });

  it('of one column is refused where its name has what separates others', async () => {
    expect(await refusal('text;label\na;1\n')).toContain(
      'has one column, "text;label"\n  Set `dataset.delimiter` to semicolon if that separates its columns.',
    );
    expect(await refusal('text\tlabel\na\t1\n')).toContain('Set `dataset.delimiter` to tab');
    expect((await open('text\nall of it; one\n')).examples.texts).toEqual(['all of it; one']);
  });

  it('of few bytes that has more rows than fit is refused', async () => {
    vi.stubEnv('AWS_LAMBDA_FUNCTION_MEMORY_SIZE', '320');
    const packed = gzipSync(`text,label\n${'a,0\nb,1\n'.repeat(45_000)}`);
    expect(packed.length).toBeLessThan(3000);
    const error = await refusalOf(open(packed, {}, 'rows.csv.gz')).finally(() => vi.unstubAllEnvs());
    expect(error).toBeInstanceOf(TooLargeError);
    expect(error.message).toMatch(
      /has \d+ rows or more, and in 335\.5 MB of memory at most 78987 are read, fewer where/,
    );
  });

  it('has line ends of now', async () => {
    expect(await refusal('text,label\ra,1\rb,0\r')).toContain('has lines that end with a carriage return alone');
  });

  it('has quotes as text where tabs separate values, unless they are set to enclose them', async () => {
    const content = 'text\tlabel\n"open\t0\n"both"\t1\n';
    expect((await open(content, {}, 'data.tsv')).examples.texts).toEqual(['"open', '"both"']);
    const quoted = 'text\tlabel\n"a ""b"""\t0\n';
    expect((await open(quoted, { quotes: true }, 'data.tsv')).examples.texts).toEqual(['a "b"']);
  });

  it('reads whole numbers that pandas has written as 1.0', async () => {
    expect([...(await open('text,label\na,1.0\nb,0.0\n')).examples.labels!]).toEqual([1, 0]);
  });

  it('is read across the borders of what is read at a time', async () => {
    const texts = Array.from({ length: 20_000 }, (_, index) => `"row\n${index}, ${'\u00E9'.repeat(index % 40)}"`);
    const { examples } = await open(`text,label\n${texts.map((text, index) => `${text},${index % 2}\n`).join('')}`);
    expect(examples.texts.at(-1)).toBe(`row\n19999, ${'\u00E9'.repeat(19_999 % 40)}`);
    expect(examples.rows.at(-1)).toBe(2 + 2 * 19_999);
  });
});

describe('of a CSV file are refused', () => {
  it('rows with other columns, empty values and labels that are none, all in one message', async () => {
    const message = await refusal('text,label\na,0\nb\nc,1,2\n,1\nd,\ne,nan\nf,2.5\n"g\ng",x\n');
    expect(message.split('\n')).toEqual([
      expect.stringMatching(/data\.csv: 6 of 8 rows can't be used:$/),
      '  line 3: has 1 value instead of 2 (text, label)',
      '  line 4: has 3 values instead of 2 (text, label)',
      '  line 5, "text": is empty',
      '  line 6, "label": is empty',
      '  line 7, "label": is NaN',
      '  line 8, "label": is 2.5, not a whole number: labels are classes, and numbers are learnt with `model.problemType: regression` of `model.task: classification`',
      '  Mend or remove these rows.',
    ]);
  });

  it('a quote that is never closed, together with what is wrong before it', async () => {
    const message = await refusal('text,label\n,0\na,1\n"b,0\nc,1\n');
    expect(message).toContain('line 2, "text": is empty');
    expect(message).toContain('line 4: here or soon after, a quote is opened that is never closed');
  });

  it('bytes that are not UTF-8, with line and place', async () => {
    const message = await refusal(Buffer.from('text,label\nabc,1\ncaf\u00E9,0\n', 'latin1'));
    expect(message).toContain(
      "data.csv: 1 of 2 rows can't be used:\n  line 3: is not UTF-8: byte 0xE9 at offset 20 of the file",
    );
  });

  it('two columns of one name, when it is used', async () => {
    expect(await refusal('text,text,label\na,b,1\n')).toContain('has two columns "text"');
    expect((await open('text,x,x\na,b,1\n')).examples.texts).toEqual(['a']);
  });

  it('a header alone', async () => {
    expect(await refusal('text,label\n')).toContain('holds no rows');
  });
});
