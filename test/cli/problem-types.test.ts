import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { runCli } from '../support/cli.ts';
import { topics, topicTexts, writeProblemRun } from '../support/problem-run.ts';

const linesOf = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const parsed = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const configIn = async (cwd: string, folder: string) =>
  JSON.parse(await readFile(join(cwd, folder, 'config.json'), 'utf8'));

it('several labels of a text are learnt, predicted and exported as such', { timeout: 240_000 }, async () => {
  const texts = topicTexts(96);
  const rows = texts.map(({ text, topics: label }) => ({ text, label }));
  const cwd = await writeProblemRun(
    { name: 'texts.jsonl', content: linesOf(rows) },
    { training: { epochs: 12, batchSize: 4, learningRate: 0.005, seed: 4 } },
  );
  const trained = await runCli(['train', 'run.yaml'], { cwd });
  expect(trained.stdout).toContain('model.problemType is multi_label_classification: the data have lists of labels');
  expect(trained.code).toBe(0);
  expect(trained.stdout).toMatch(/epoch 12\/12 .*microF1 /);

  const record = JSON.parse(await readFile(join(cwd, 'runs/texts/run.json'), 'utf8'));
  expect(record.config.model.problemType).toBe('multi_label_classification');
  expect(record.config.convergence).toMatchObject({ metric: 'microF1', direction: 'higher' });
  const [listed] = JSON.parse((await runCli(['runs', '--json'], { cwd })).stdout);
  expect(listed).toMatchObject({ run: 'texts', metric: 'microF1' });
  expect(await configIn(cwd, 'runs/texts/model')).toMatchObject({
    architectures: ['BertForSequenceClassification'],
    problem_type: 'multi_label_classification',
    id2label: { 0: 'money', 1: 'music', 2: 'sport' },
  });

  const predicted = await runCli(['predict', 'texts', 'texts.jsonl'], { cwd });
  expect(predicted.stderr).toMatch(/micro F1 [\d.]+, macro F1 [\d.]+, all labels right [\d.]+/);
  const answers = parsed(predicted.stdout);
  expect(answers).toHaveLength(96);
  for (const [index, { labels, probabilities, expected }] of answers.entries()) {
    expect(labels).toEqual(['money', 'music', 'sport'].filter((name) => probabilities[name] >= 0.5));
    expect(expected.toSorted()).toEqual(rows[index]!.label.toSorted());
  }
  const right = answers.filter(({ labels, expected }) => `${labels}` === `${expected}`);
  expect(right.length).toBeGreaterThan(72);

  const strict = parsed((await runCli(['predict', 'texts', 'texts.jsonl', '--threshold', '1'], { cwd })).stdout);
  expect(strict.every(({ labels }) => labels.length === 0)).toBe(true);

  await runCli(['export', 'texts', 'out'], { cwd });
  const fromFolder = parsed((await runCli(['predict', 'out', 'texts.jsonl'], { cwd })).stdout);
  expect(fromFolder.map(({ labels }) => labels)).toEqual(answers.map(({ labels }) => labels));
  expect(await readFile(join(cwd, 'out/README.md'), 'utf8')).toContain('.sigmoid()');
  const csv = (await runCli(['predict', 'out', 'texts.jsonl', '--csv'], { cwd })).stdout.split('\r\n');
  expect(csv[0]).toBe('row,labels,expected,probability money,probability music,probability sport');
  expect(csv[1 + answers.findIndex(({ labels }) => labels.length === 2)]).toMatch(/^\d+,\w+;\w+,/);

  const resumed = await runCli(['resume', 'texts', '--set', 'training.epochs=13'], { cwd });
  expect(resumed.code).toBe(0);
  const html = await readFile(join(cwd, 'runs/texts/report.html'), 'utf8');
  expect(html).toContain('Precision');
  expect(html).not.toContain('epoch 13, confusion');

  await writeFile(join(cwd, 'one.jsonl'), linesOf([{ text: 'sport', label: 'sport' }]));
  const one = await runCli(['predict', 'out', 'one.jsonl'], { cwd });
  expect(one.code).toBe(2);
  expect(one.stderr).toMatch(/has one label in each row, and the model asks for multi_label_classification/);
  expect((await runCli(['predict', 'out', 'one.jsonl', '--no-labels'], { cwd })).code).toBe(0);
});

it('several labels stand in columns of a CSV, or in one with a delimiter', { timeout: 120_000 }, async () => {
  const texts = topicTexts(40);
  const columns = [
    'text,both,sport,music,money',
    ...texts.map(
      (each) =>
        `${each.text},${each.topics.join('|')},${topics.map((name) => (each.topics.includes(name) ? 1 : 0)).join(',')}`,
    ),
  ];
  const file = { name: 'texts.csv', content: `${columns.join('\n')}\n` };
  const cwd = await writeProblemRun(file, {
    dataset: { columns: { labels: [...topics] } },
    training: { epochs: 1 },
  });
  expect((await runCli(['train', 'run.yaml'], { cwd })).code).toBe(0);
  expect((await configIn(cwd, 'runs/texts/model')).id2label).toEqual({ 0: 'sport', 1: 'music', 2: 'money' });
  const predicted = parsed((await runCli(['predict', 'texts', 'texts.csv'], { cwd })).stdout);
  expect(predicted.map(({ expected }) => expected)).toEqual(texts.map((each) => each.topics));

  const set = (...settings: string[]) => settings.flatMap((each) => ['--set', each]);
  const settings = parse(await readFile(join(cwd, 'run.yaml'), 'utf8'));
  const dataset = { ...settings.dataset, columns: { label: 'both' }, labelDelimiter: '|' };
  await writeFile(join(cwd, 'delimited.yaml'), stringify({ ...settings, dataset }));
  const validated = await runCli(['validate', 'delimited.yaml', '--json'], { cwd });
  expect(JSON.parse(validated.stdout)).toMatchObject({
    config: { model: { problemType: 'multi_label_classification' }, convergence: { metric: 'microF1' } },
    data: { labels: ['money', 'music', 'sport'] },
  });

  const twice = await runCli(['validate', 'run.yaml', ...set('dataset.labelDelimiter=;')], { cwd });
  expect(twice).toMatchObject({ code: 2 });
  expect(twice.stderr).toContain('names a column for each label, and does not go with `dataset.labelDelimiter`');
  await writeFile(join(cwd, 'bad.csv'), 'text,sport,music,money\nbale,1,2,0\ndore,1,,0\n');
  const bad = await runCli(['validate', 'run.yaml', ...set('dataset.path=bad.csv')], { cwd });
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain('line 2: "music" is "2", neither 0 nor 1');
  expect(bad.stderr).toContain('line 3: "music" is "", neither 0 nor 1');
});

it('numbers are learnt, predicted and exported as such', { timeout: 240_000 }, async () => {
  const texts = topicTexts(96);
  const rows = texts.map(({ text, topics: found }) => ({
    text,
    label: 0.5 * found.length + (found.includes('money') ? 1 : 0),
  }));
  const cwd = await writeProblemRun(
    { name: 'texts.jsonl', content: linesOf(rows) },
    { training: { epochs: 16, batchSize: 4 } },
  );
  const untold = await runCli(['validate', 'run.yaml'], { cwd });
  expect(untold.code).toBe(2);
  expect(untold.stderr).toContain('numbers are learnt with `model.problemType: regression`');

  const trained = await runCli(['train', 'run.yaml', '--set', 'model.problemType=regression'], { cwd });
  expect(trained.stderr).toBe('');
  expect(trained.stdout).toMatch(/epoch 16\/16 .*RMSE /);
  const config = await configIn(cwd, 'runs/texts/model');
  expect(config).toMatchObject({ problem_type: 'regression', id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } });

  const predicted = await runCli(['predict', 'texts', 'texts.jsonl', '--json'], { cwd });
  const { metrics, texts: answers, classes } = JSON.parse(predicted.stdout);
  expect(classes).toBeUndefined();
  expect(metrics.RMSE).toBeLessThan(0.3);
  expect(metrics.pearson).toBeGreaterThan(0.9);
  expect(Object.keys(metrics)).toEqual(['loss', 'RMSE', 'MAE', 'pearson', 'spearman']);
  expect(answers[0]).toEqual({ row: 1, value: expect.any(Number), expected: rows[0]!.label });

  await runCli(['export', 'texts', 'out'], { cwd });
  const csv = (await runCli(['predict', 'out', 'texts.jsonl', '--csv', '--no-labels'], { cwd })).stdout.split('\r\n');
  expect(csv[0]).toBe('row,value');
  expect(Number(csv[1]!.split(',')[1])).toBeCloseTo(answers[0].value, 4);

  await writeFile(
    join(cwd, 'bad.jsonl'),
    linesOf([
      { text: 'bale', label: 'much' },
      { text: 'dore', label: [1, 2] },
    ]),
  );
  const bad = await runCli(
    ['validate', 'run.yaml', '--set', 'model.problemType=regression', '--set', 'dataset.path=bad.jsonl'],
    { cwd },
  );
  expect(bad.code).toBe(2);
  expect(bad.stderr).toContain('line 1, "label": is "much", not a number');
  expect(bad.stderr).toContain('line 2, "label": is a list of 2 values: one number is predicted of each text');
});

it('a configuration that contradicts the data is refused by name', { timeout: 120_000 }, async () => {
  const rows = topicTexts(40).map(({ text, topics: found }) => ({ text, label: found[0] ?? 'none' }));
  const head = ['money', 'music', 'none', 'sport'];
  const cwd = await writeProblemRun({ name: 'texts.jsonl', content: linesOf(rows) }, { head });
  const path = join(cwd, 'bert/config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...config, problem_type: 'multi_label_classification' }));
  const refused = await runCli(['validate', 'run.yaml'], { cwd });
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(
    /has one label in each row, and problem_type in .*bert\/config\.json asks for multi_label_classification: a list of labels in each row/,
  );
  expect(refused.stderr).toContain('model.problemType: single_label_classification');
  const set = ['--set', 'model.problemType=single_label_classification', '--set', 'training.epochs=1'];
  expect((await runCli(['train', 'run.yaml', ...set], { cwd })).code).toBe(0);
  expect(await configIn(cwd, 'runs/texts/model')).toMatchObject({ problem_type: 'single_label_classification' });

  const numbers = await runCli(['validate', 'run.yaml', '--set', 'model.problemType=regression'], { cwd });
  expect(numbers.code).toBe(2);
  const smoothed = ['--set', 'training.labelSmoothing=0.1', '--set', 'model.problemType=multi_label_classification'];
  await writeFile(join(cwd, 'texts.jsonl'), linesOf(rows.map(({ text, label }) => ({ text, label: [label] }))));
  expect((await runCli(['validate', 'run.yaml', ...smoothed], { cwd })).stderr).toContain('training.labelSmoothing');
});
