import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BrokenInputError } from '../../../shared/core/errors.ts';
import { jsonl } from '../../../shared/datasets/text/jsonl.ts';
import { openTexts } from '../../../shared/datasets/text/open-text.ts';
import { requireLabels } from '../../../shared/datasets/text/text-rows.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { refusalOf, scratchFolder } from '../../support/text.ts';

const file = scratchFolder();
const config = (settings: object) => jsonl.configSchema.parse({ format: 'jsonl', path: 'unused', ...settings });
const open = (path: string, settings: object = {}) => openTexts(jsonl, config(settings), path, { seed: 1 });
const openText = async (content: string | Uint8Array, settings: object = {}) =>
  open(await file('data.jsonl', content), settings);
const refusal = async (content: string | Uint8Array, settings: object = {}) => {
  const { message, where } = await refusalOf(openText(content, settings));
  return message.replaceAll(where ?? '\u0000', 'FILE');
};
const rows = (...objects: object[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join('');

describe('a file of JSON lines', () => {
  it('becomes texts, pairs and labels with the lines they come from', async () => {
    const data = await openText(
      '\uFEFF{"text":"one","text_pair":"eins","label":1,"id":7}\r\n\r\n{"text":"two \u{1F600}","text_pair":"zwei","label":0}\r\n{"text_pair":"drei","text":"three","label":1}',
    );
    expect(data.examples).toEqual({
      kind: 'text',
      texts: ['one', 'two \u{1F600}', 'three'],
      pairs: ['eins', 'zwei', 'drei'],
      labels: Int32Array.of(1, 0, 1),
      labelNames: ['0', '1'],
      rows: [1, 3, 4],
      unit: 'line',
    });
    expect(data.columns).toEqual(['text', 'text_pair', 'label', 'id']);
    expect(data.warnings).toEqual([]);
  });

  it('may be gzipped in several members, whatever its name', async () => {
    const parts = [rows({ text: 'one' }), rows({ text: 'two' })].map((part) => gzipSync(part));
    expect((await openText(Buffer.concat(parts))).examples.texts).toEqual(['one', 'two']);
  });

  it('needs no labels, unless a model does', async () => {
    const { examples } = await openText(rows({ text: 'one' }, { text: 'two' }));
    expect(examples.labels).toBeUndefined();
    expect(examples.pairs).toBeUndefined();

    const other = await openText(rows({ text: 'one', gold: 1 }));
    expect(() => requireLabels(other, 'data.jsonl')).toThrow(
      'data.jsonl: has no labels\n  Name their column under `dataset.columns.label`; it has "gold".',
    );
    expect(() => requireLabels({ ...other, columns: ['text'] }, 'data.jsonl')).toThrow('A classifier needs a column');
    expect(() => requireLabels({ ...other, examples: { ...examples, labels: Int32Array.of(0) } }, '')).not.toThrow();
  });

  it('has nothing for a model to tell apart where all rows have one label, unless others are named', async () => {
    const content = rows({ text: 'one', label: 'a' }, { text: 'two', label: 'a' });
    const data = await openText(content);
    expect(() => requireLabels(data, 'data.jsonl')).toThrow(
      'data.jsonl: every row has the label a: there is nothing to tell apart\n  Add rows of other labels',
    );
    const named = await openText(content, { labels: ['a', 'b'] });
    expect(() => requireLabels(named, 'data.jsonl')).not.toThrow();
  });

  it('may have labels that are not looked at, in all rows or some', async () => {
    const content = rows({ text: 'one', label: 0.5 }, { text: 'two' }, { text: 'three', label: null });
    const { examples } = await openText(content, { columns: { label: false } });
    expect(examples.texts).toEqual(['one', 'two', 'three']);
    expect(examples.labels).toBeUndefined();
    expect(await refusal(rows({ text: 'one' }, { text: 'two', label: 1 }))).toContain('line 2: has "label"');
  });

  it('is read across the borders of what is read at a time', async () => {
    const texts = Array.from({ length: 3000 }, (_, index) => `\u4F60\u597D ${index} ${'x'.repeat(index % 300)}`);
    const { examples } = await openText(rows(...texts.map((text) => ({ text }))));
    expect(examples.texts).toEqual(texts);
    expect(examples.rows.at(-1)).toBe(3000);
  });

  it('has its own names for columns', async () => {
    const content = rows({ sentence: 'one', gold: 'yes' }, { sentence: 'two', gold: 'no' });
    const { examples } = await openText(content, { columns: { text: 'sentence', label: 'gold' } });
    expect([...examples.labels!]).toEqual([1, 0]);
    expect(examples.labelNames).toEqual(['no', 'yes']);
  });

  it('reads a fixture of 300 rows', async () => {
    const { examples, warnings } = await open(fixturePath('text', 'topic_keywords.jsonl'));
    expect(examples.texts).toHaveLength(300);
    expect([0, 1, 2].map((label) => examples.labels!.filter((other) => other === label).length)).toEqual([
      100, 100, 100,
    ]);
    expect(warnings).toEqual([]);
  });
});

describe('labels', () => {
  const labelled = (labels: unknown[], settings: object = {}) =>
    openText(rows(...labels.map((label, index) => ({ text: `text ${index}`, label }))), settings);

  it('that are numbers are ordered by size, and a gap is told', async () => {
    const { examples, warnings } = await labelled([10, 2, 0]);
    expect(examples.labelNames).toEqual(['0', '2', '10']);
    expect([...examples.labels!]).toEqual([2, 1, 0]);
    expect(warnings).toEqual([
      'labels are the numbers 0, 2, 10, not 0 to 2: each becomes a class, in that order; `dataset.labels` can name the classes instead',
    ]);
  });

  it('have the order that the settings give, and may be names or places', async () => {
    const { examples } = await labelled(['pos', 'neg', 1, '0', 'pos'], { labels: ['pos', 'neg'] });
    expect([...examples.labels!]).toEqual([0, 1, 1, 0, 0]);
  });

  it('lose the spaces around them, which is told', async () => {
    const { examples, warnings } = await labelled(['pos ', 'pos', ' neg']);
    expect(examples.labelNames).toEqual(['neg', 'pos']);
    expect(warnings).toEqual(['2 labels have spaces around the name, which are left out: lines 1 and 3']);
  });

  it('may be true and false', async () => {
    expect((await labelled([true, false])).examples.labelNames).toEqual(['false', 'true']);
  });

  it('of the validation file are those of the training file', async () => {
    const validationPath = await file('valid.jsonl', rows({ text: 'x', label: 'pos' }));
    const path = await file('train.jsonl', rows({ text: 'a', label: 'neg' }, { text: 'b', label: 'pos' }));
    const { validation } = await open(path, { validationPath });
    expect([...validation!.labels!]).toEqual([1]);

    const other = await file('valid.jsonl', rows({ text: 'x', label: 'poss' }, { text: 'y', label: 1 }));
    const { message } = await refusalOf(open(path, { validationPath: other }));
    expect(message).toContain(
      'line 1, "label": is "poss", which is none of the labels (neg, pos); did you mean "pos"?',
    );
    expect(message).toContain('line 2, "label": is "1", which is none of the labels (neg, pos)');
  });

  it('and pairs of the validation file are left alone where the training file has none', async () => {
    const path = await file('train.jsonl', rows({ text: 'a' }, { text: 'b' }));
    const validationPath = await file('valid.jsonl', rows({ text: 'x', label: 'pos', text_pair: 'y' }));
    const { validation } = await open(path, { validationPath });
    expect(validation!.labels).toBeUndefined();
    expect(validation!.pairs).toBeUndefined();
  });

  it('that contradict each other are told', async () => {
    const content = rows({ text: 'good', label: 1 }, { text: 'bad', label: 0 }, { text: 'good', label: 0 });
    expect((await openText(content)).warnings).toEqual([
      '1 text contradicts an earlier row: "good" is 1 in line 1 and 0 in line 3',
    ]);
  });
});

describe('labels that are nearly the same', () => {
  const big = ['9007199254740992', '9007199254740993', '9007199254740994'];

  it('are kept apart where they are numbers above 2^53, and put in order by size', async () => {
    const content = [big[2], big[0], big[1], '17', '-9007199254740993']
      .map((label, index) => `{"text":"text ${index}","label":${label}}\n`)
      .join('');
    const { examples } = await openText(content);
    expect(examples.labelNames).toEqual(['-9007199254740993', '17', ...big]);
    expect([...examples.labels!]).toEqual([4, 2, 3, 1, 0]);
  });

  it('are told where they differ in case or spaces alone', async () => {
    const labels = ['Good', 'good', 'bad  news', 'Bad news', 'new'];
    const data = await openText(rows(...labels.map((label, index) => ({ text: `text ${index}`, label }))));
    expect(data.examples.labelNames).toHaveLength(5);
    expect(data.warnings).toContain(
      'labels differ in case or spaces alone, and are classes of their own: "Bad news" and "bad  news"; "Good" and "good"; mend the data if they mean the same',
    );
  });
});

describe('lists of labels', () => {
  const listed = (labels: unknown[], settings: object = {}) =>
    openText(rows(...labels.map((label, index) => ({ text: `text ${index}`, label }))), settings);
  const setsOf = async (...given: Parameters<typeof listed>) => (await listed(...given)).examples.labelSets;

  it('are names or numbers, and may be empty', async () => {
    const { examples } = await listed([['b', 'a'], [], ['c']]);
    expect(examples).toMatchObject({ labelSets: [[0, 1], [], [2]], labelNames: ['a', 'b', 'c'] });
    expect(examples.labels).toBeUndefined();
    expect(await setsOf([[10, 2], [2]])).toEqual([[0, 1], [0]]);
    expect(await setsOf([[1], ['a', 0]], { labels: ['a', 'b'] })).toEqual([[1], [0]]);
  });

  it('may be written out as JSON, or with a delimiter', async () => {
    const problem = { type: 'multi_label_classification', from: 'model.problemType' } as const;
    const path = await file('data.jsonl', rows({ text: 'x', label: '["b", "a"]' }, { text: 'y', label: '[]' }));
    expect((await openTexts(jsonl, config({}), path, { seed: 1, problem })).examples.labelSets).toEqual([[0, 1], []]);
    expect(await setsOf(['b; a', '', 'c;'], { labelDelimiter: ';' })).toEqual([[0, 1], [], [2]]);
  });

  it('are zeros and ones where a row has one of them twice and all are as long', async () => {
    const data = await listed([
      [0, 1, 1],
      [1, 0, 0],
      [0, 0, 0],
    ]);
    expect(data.examples).toMatchObject({ labelSets: [[1, 2], [0], []], labelNames: ['0', '1', '2'] });
    expect(data.warnings).toContain(
      'lists of 3 zeros and ones are taken for one of each of 3 labels; `dataset.labels` can name them',
    );
    expect(await setsOf([[0, 1], [1]])).toEqual([[0, 1], [1]]);
  });

  it('with a row that is none, or has what is no label, are refused by row', async () => {
    const content = rows(
      { text: 'one', label: ['a'] },
      { text: 'two', label: 'a' },
      { text: 'three', label: ['a', null] },
      { text: 'four', label: null },
    );
    const message = await refusal(content);
    expect(message).toContain('line 2, "label": is "a", not a list of labels');
    expect(message).toContain('line 3, "label": has a label that is missing');
    expect(message).toContain('line 4, "label": is missing');
  });

  it('are refused where one label is asked for', async () => {
    const problem = { type: 'single_label_classification', from: 'model.problemType' } as const;
    const path = await file('data.jsonl', rows({ text: 'x', label: ['a'] }));
    const { message } = await refusalOf(openTexts(jsonl, config({}), path, { seed: 1, problem }));
    expect(message).toContain(
      'has a list of labels in each row, and model.problemType asks for single_label_classification: one label in each row',
    );
  });
});

describe('bad rows', () => {
  it('are all named in one message', async () => {
    const bad = [
      '{"text":"fine","label":0}',
      '{"text":"",  "label":0}',
      '{"text":12,"label":null}',
      '{"text":["a"],"label":0.5}',
      '{"text":"x","label":NaN}',
      '{"text":"x"',
      '[1]',
      '{"label":1}',
      '{"text":"x","label":"NaN"}',
      '{"text":"x","label":1,"text_pair":"y"}',
      '{"text":"\\ud83d","label":{}}',
    ].join('\n');
    const message = await refusal(bad);
    expect(message).toMatch(/^FILE: 10 of 11 rows can't be used:/);
    expect(message.split('\n').slice(1)).toEqual([
      '  line 2, "text": is empty',
      '  line 3, "text": is a number (12), not text',
      '  line 3, "label": is missing',
      '  line 4, "text": is a list, not text',
      '  line 4, "label": is 0.5, not a whole number: labels are classes, and numbers are learnt with `model.problemType: regression` of `model.task: classification`',
      '  line 5: is not JSON: NaN is no JSON value',
      expect.stringMatching(/^ {2}line 6: is not JSON: .* position \d+$/),
      '  line 7: is not an object but a list',
      '  line 8: has no "text"',
      '  line 9, "label": is NaN',
      '  line 10: has "text_pair", which line 1 has not',
      '  line 11, "text": has half of a UTF-16 pair (an escape such as \\ud83d without its other half)',
      '  line 11, "label": is an object, not a label',
      '  Mend or remove these rows.',
    ]);
  });

  it('beyond 20 are counted', async () => {
    const message = await refusal(rows(...Array.from({ length: 332 }, () => ({ text: '' }))));
    expect(message).toContain("332 of 332 rows can't be used");
    expect(message).toContain('line 20, "text": is empty\n  and 312 more');
  });

  it('that are not UTF-8 are named with the byte', async () => {
    const content = Buffer.concat([
      Buffer.from('{"text":"caf\u00E9 \uFFFD"}\n{"text":"\uFFFDcaf'),
      Buffer.of(0xe9),
      Buffer.from('"}\n{"text":"x"}\n'),
    ]);
    const offset = content.lastIndexOf(0xe9);
    expect(await refusal(content)).toContain(`line 2: is not UTF-8: byte 0xE9 at offset ${offset} of the file`);
  });

  it('make the file broken when no setting could help', async () => {
    const path = await file('data.jsonl', '{"text":');
    await expect(open(path)).rejects.toThrow(BrokenInputError);
    const typed = await file('data.jsonl', '{"text":1}');
    await expect(open(typed)).rejects.not.toThrow(BrokenInputError);
  });

  it('name the known labels', async () => {
    const content = rows({ text: 'x', label: 'postive' }, { text: 'y', label: 2 });
    const message = await refusal(content, { labels: ['negative', 'positive'] });
    expect(message).toContain(
      'line 1, "label": is "postive", which is none of the labels (negative, positive, and their places 0 to 1); did you mean "positive"?',
    );
    expect(message).toContain('line 2, "label": is "2", which is none of the labels');
  });
});

describe('a file is refused that', () => {
  it('has no such column', async () => {
    expect(await refusal(rows({ txt: 'x', ' label': 1 }))).toBe(
      'FILE: has no column "text"\n  Did you mean "txt"? It has: "txt", " label". Name the column under `dataset.columns.text`.',
    );
    expect(await refusal(rows({ text: 'x', labels: 1 }), { columns: { label: 'label' } })).toContain(
      'has no column "label"\n  Did you mean "labels"?',
    );
    expect(await refusal(rows({ text: 'x' }), { columns: { label: 'text' } })).toContain(
      '"text" is used for two things',
    );
  });

  it('is missing, empty, a folder or holds no rows', async () => {
    const path = await file('data.jsonl', '');
    expect((await refusalOf(open(path))).message).toContain('is empty (0 bytes)');
    expect((await refusalOf(open(`${path}-not`))).message).toContain(
      'there is no such file\n  Check `dataset.path` in the run file.',
    );
    expect((await refusalOf(open(dirname(path), { validationPath: dirname(path) }))).message).toContain(
      'the files are of several parts of a data set',
    );
    expect(await refusal('\n\n')).toContain('holds no rows');
    const validationPath = `${path}-not`;
    const filled = await file('data.jsonl', rows({ text: 'x' }));
    expect((await refusalOf(open(filled, { validationPath }))).message).toContain('Check `dataset.validationPath`');
  });

  it('is of another kind', async () => {
    expect(await refusal(Buffer.from('\uFEFF{"text":"x"}', 'utf16le'))).toContain('is UTF-16\n  Save it as UTF-8.');
    expect(await refusal('[{"text":"x"}]')).toContain('is a JSON list, not JSON lines');
    expect(await refusal('PAR1....')).toContain('is a Parquet file\n  Set `dataset.format` to parquet.');
    for (const start of [Buffer.of(0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0), Buffer.from('ARROW1')]) {
      expect(await refusal(start)).toContain('is an Arrow file\n  Set `dataset.format` to arrow.');
    }
  });

  it('is gzipped and damaged', async () => {
    const packed = gzipSync(rows(...Array.from({ length: 100 }, (_, index) => ({ text: `row ${index * 7919}` }))));
    expect(await refusal(packed.subarray(0, packed.length - 40))).toContain('is cut off: its gzip stream does not end');
    packed[30]! ^= 0xff;
    packed[60]! ^= 0xff;
    expect(await refusal(packed)).toContain('is damaged: it is not valid gzip');
  });

  it('has a line of more than 64 MiB', async () => {
    const packed = gzipSync(Buffer.alloc(65 * 1024 * 1024, 'x'), { level: 1 });
    expect(await refusal(packed)).toContain('line 1 is longer than 64 MiB');
  });

  it('has fewer rows than are asked for', async () => {
    const path = await file('data.jsonl', rows({ text: 'x' }));
    expect((await refusalOf(open(path, { samples: 2 }))).message).toContain(
      'dataset.samples: has 1 rows, 2 were asked for\n  Set it to at most 1',
    );
  });
});
