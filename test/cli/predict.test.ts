import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCli, runCliProcess } from '../support/cli.ts';
import { writeLanguageRun } from '../support/language-folder.ts';
import { temporaryFolder, writeRunFile } from '../support/small-run.ts';

interface Row {
  row: number;
  label: string | null;
  probabilities: Record<string, number> | null;
  expected?: string;
}

const rowsOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);

/** A folder with a run `texts` that is done, and with the texts it was validated on in `held.jsonl`; columns are called review and topic. */
async function trained(): Promise<string> {
  const folder = await writeLanguageRun({}, { learningRate: 0.005 });
  const rows = (await readFile(join(folder, 'texts.jsonl'), 'utf8')).trim().split('\n');
  const lines = rows.map((row) => {
    const { text, label } = JSON.parse(row);
    return JSON.stringify({ review: text, topic: label });
  });
  await writeFile(join(folder, 'held.jsonl'), lines.slice(0, 60).join('\n'));
  await writeFile(join(folder, 'learnt.jsonl'), lines.slice(60).join('\n'));
  const columns = ['dataset.columns.text=review', 'dataset.columns.label=topic'];
  const dataset = [...columns, 'dataset.path=learnt.jsonl', 'dataset.validationPath=held.jsonl', 'dataset.samples=all'];
  const { code } = await runCli(['train', 'run.yaml', ...dataset.flatMap((each) => ['--set', each])], { cwd: folder });
  expect(code).toBe(0);
  return folder;
}

it('labels the texts of a file as the run did that trained the model', { timeout: 240_000 }, async () => {
  const cwd = await trained();
  const { stdout, stderr, code } = await runCli(['predict', 'texts', 'held.jsonl'], { cwd });
  expect(code).toBe(0);
  const rows = rowsOf(stdout);
  expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  for (const { label, probabilities } of rows) {
    const shares = Object.values(probabilities!);
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 12);
    expect(probabilities![label!]).toBe(Math.max(...shares));
  }
  const right = rows.filter(({ label, expected }) => label === expected).length;
  const {
    runs: [report],
  } = JSON.parse((await runCli(['report', 'texts', '--json'], { cwd })).stdout);
  expect(right).toBeGreaterThan(30);
  expect(right / 60).toBeCloseTo(report.best.value, 12);
  expect(stderr).toContain(`accuracy ${(right / 60).toFixed(4)} (${right} of 60 as in the file)`);

  const fromFolder = await runCli(
    ['predict', 'runs/texts/model', 'held.jsonl', '--batch-size', '7', '--column', 'text=review'],
    { cwd },
  );
  for (const [index, { label, probabilities }] of rowsOf(fromFolder.stdout).entries()) {
    expect(label).toBe(rows[index]!.label);
    expect(probabilities![label!]).toBeCloseTo(rows[index]!.probabilities![label!]!, 4);
  }

  const { review: text } = JSON.parse((await readFile(join(cwd, 'held.jsonl'), 'utf8')).split('\n')[0]!);
  const piped = await runCliProcess(['predict', 'texts', '-'], { cwd, input: `\n${text}\n` });
  expect(rowsOf(piped.stdout)).toMatchObject([{ row: 2, label: rows[0]!.label }]);
  expect(piped.stderr).toBe('');

  await writeFile(join(cwd, 'reviews.csv'), `content,text\n"${text}",other\n`);
  const args = ['reviews.csv', '--column', 'text=content', '--csv', '--out', 'out.csv'];
  expect(await runCli(['predict', 'texts', ...args], { cwd })).toMatchObject({ code: 0, stdout: '' });
  const [header, first] = (await readFile(join(cwd, 'out.csv'), 'utf8')).split('\r\n');
  expect(header).toBe('row,label,probability 0,probability 1,probability 2');
  expect(first).toMatch(new RegExp(`^2,${rows[0]!.label},`));

  const whole = JSON.parse(
    (await runCli(['predict', 'texts', 'held.jsonl', '--json', '--epoch', '4'], { cwd })).stdout,
  );
  expect(whole).toMatchObject({ model: 'texts', epoch: 4, labels: ['0', '1', '2'] });
  expect(whole.texts).toHaveLength(60);
  expect(whole.metrics.accuracy).toBeGreaterThan(0.5);
  const counted = whole.classes.confusionCells.map(([, , texts]: number[]) => texts);
  expect(counted.reduce((sum: number, texts: number) => sum + texts, 0)).toBe(60);
  expect(whole.classes.classes).toHaveLength(3);

  await writeFile(join(cwd, 'bad.jsonl'), '{"text": "a", "label": "sport"}\n{"text": 5, "label": 1}\n');
  await writeFile(join(cwd, 'texts.dat'), 'text\n');
  await writeFile(join(cwd, 'some.jsonl'), '{"text": "a"}\n{"text": "b", "label": "sport"}\n');
  const unlabelled = rowsOf((await runCli(['predict', 'texts', 'some.jsonl', '--no-labels'], { cwd })).stdout);
  expect(unlabelled.map(({ row, expected }) => [row, expected])).toEqual([
    [1, undefined],
    [2, undefined],
  ]);

  const held = (await readFile(join(cwd, 'held.jsonl'), 'utf8')).split('\n').slice(0, 3);
  const gaps = [held[0], '{"review": "", "topic": 1}', held[1], '{"review": null, "topic": 2}', held[2]];
  await writeFile(join(cwd, 'gaps.jsonl'), gaps.join('\n'));
  const withGaps = await runCli(['predict', 'texts', 'gaps.jsonl'], { cwd });
  expect(withGaps.code).toBe(0);
  const [one, two, three] = rows.map(({ label, expected }) => ({ label, expected }));
  const nothing = { label: null, probabilities: null };
  expect(rowsOf(withGaps.stdout)).toMatchObject([
    { row: 1, ...one },
    { row: 2, ...nothing, expected: '1' },
    { row: 3, ...two },
    { row: 4, ...nothing, expected: '2' },
    { row: 5, ...three },
  ]);
  const rightOf3 = [one, two, three].filter((row) => row!.label === row!.expected).length;
  expect(withGaps.stderr).toBe(
    `note: 2 rows have no text and get no label, and metrics are of the others: lines 2 and 4\n${/^accuracy.*$/m.exec(withGaps.stderr)![0]}\n`,
  );
  expect(withGaps.stderr).toContain(`(${rightOf3} of 3 as in the file)`);
  const gapsAsCsv = await runCli(['predict', 'texts', 'gaps.jsonl', '--csv', '--no-labels'], { cwd });
  expect(gapsAsCsv.stdout.split('\r\n')[2]).toBe('2,,,,');
  expect(gapsAsCsv.stderr).toBe('note: 2 rows have no text and get no label: lines 2 and 4\n');
  await writeFile(join(cwd, 'nothing.csv'), `title,text\n${text},\n`);

  await writeFile(join(cwd, 'semicolon.csv'), `text;label\n${text};1\n`);
  const separated = await runCli(['predict', 'texts', 'semicolon.csv', '--delimiter', 'semicolon'], { cwd });
  expect(rowsOf(separated.stdout)).toMatchObject([{ row: 2, label: rows[0]!.label, expected: '1' }]);

  const refusals: [string[], RegExp][] = [
    [['semicolon.csv'], /has one column, "text;label"\n {2}Add --delimiter semicolon if/],
    [['held.jsonl', '--delimiter', 'tab'], /held.jsonl: --delimiter goes with CSV, not jsonl/],
    [['bad.jsonl'], /line 1, "label": is "sport", which is none of the labels.*line 2, "text": is a number/s],
    [['some.jsonl'], /has "label", which line 1 has not\n.*, or add --no-labels/],
    [['held.jsonl', '--out', 'nowhere/out.jsonl'], /nowhere\/out.jsonl: can't be written \(ENOENT\)/],
    [['nothing.csv'], /nothing.csv: no row has a text\n {2}Name the column.* --column text=<name>.*title, text/],
    [['nowhere.jsonl'], /nowhere.jsonl: there is no such file\n {2}Check the name/],
    [['texts.dat'], /does not say what format it has\n {2}Name it: --format jsonl/],
    [['held.jsonl', '--column', 'text=txt'], /has no column "txt".*`--column text=<name>`/s],
    [['held.jsonl', '--epoch', '9'], /has no epoch 9: the last is 4/],
    [['held.jsonl', '--max-tokens', '900'], /--max-tokens: the model takes texts of at most 64 tokens/],
  ];
  for (const [args, message] of refusals) {
    const { code, stderr } = await runCli(['predict', 'texts', ...args], { cwd });
    expect({ args, code, stderr }).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
  }
  const config = JSON.parse(await readFile(join(cwd, 'runs/texts/model/config.json'), 'utf8'));
  const twice = { ...config, id2label: { 0: 'a', 1: 'b', 2: 'a' } };
  await writeFile(join(cwd, 'runs/texts/model/config.json'), JSON.stringify(twice));
  const { stderr: alike } = await runCli(['predict', 'runs/texts/model', 'held.jsonl'], { cwd });
  expect(alike).toContain('runs/texts/model: has two labels "a"');
  await rm(join(cwd, 'runs/texts/model/tokenizer.json'));
  const { stderr: without } = await runCli(['predict', 'runs/texts/model', 'held.jsonl'], { cwd });
  expect(without).toMatch(/tokenizer.json: there is no such file/);
});

it('refuses models that give no labels', async () => {
  const cwd = await writeLanguageRun();
  await writeFile(join(cwd, 'one.txt'), 'a text\n');
  const refused = async (model: string, folder = cwd) => {
    const { code, stderr } = await runCli(['predict', model, join(cwd, 'one.txt')], { cwd: folder });
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('bert')).toContain('bert: is a BertForMaskedLM, which gives no labels');
  expect(await refused('nowhere')).toContain('nowhere: is neither a run nor the folder of a model');
  const words = ['train', 'run.yaml', '--set', 'model.task=masked-lm', '--set', 'training.epochs=1'];
  expect((await runCli(words, { cwd })).code).toBe(0);
  const trained = await refused('texts');
  expect(trained).toContain('texts: trained for masked-lm, which gives no labels');
  expect(trained).toContain('with model.task: classification and labelled texts, or with model.task: token-classif');

  const fields = await temporaryFolder();
  expect((await runCli(['train', await writeRunFile(fields, { training: { epochs: 1 } })])).code).toBe(0);
  expect(await refused('small', fields)).toContain('one.txt: is none of the formats of arrays that are read');
  await rm(join(fields, 'runs/small/head.json'));
  expect(await refused('small', fields)).toContain('small: has no committed epoch yet');
});
