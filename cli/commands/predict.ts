import { InvalidArgumentError, Option } from 'commander';
import { csvRows } from '../../shared/core/csv.ts';
import { explained, UserError } from '../../shared/core/errors.ts';
import type { TextDatasetConfig } from '../../shared/datasets/text/registry.ts';
import type { TextData } from '../../shared/datasets/text/text-rows.ts';
import { type EngineChoice, engineChoices } from '../../shared/engines/engine.ts';
import type { TextModel } from '../../shared/local/open-text-model.ts';
import type { Evaluation } from '../../shared/training/workload.ts';
import type { LabelledText } from '../../shared/training/workloads/classify-texts.ts';
import { type CliCommand, jsonOption, numberOption } from '../command.ts';
import { type FieldOptions, fieldFlags, fieldOptions, predictFields } from '../predict-fields.ts';
import { columnKeys, refuseForTask } from '../predict-options.ts';
import { tagWords } from '../predict-tags.ts';
import { writeOfTexts } from '../predict-written.ts';
import { progressBar } from '../views/progress-bar.ts';
import { checkWritable, writeText } from '../write-text.ts';

/** The formats of texts, whose own modules are not loaded for help; a test holds the list to the registry. */
const formats: readonly Format[] = ['jsonl', 'json', 'csv', 'parquet', 'arrow', 'lines'];
type Format = TextDatasetConfig['format'];

interface TextOptions {
  out?: string;
  csv?: boolean;
  json?: boolean;
  epoch?: number;
  base?: string;
  format?: Format;
  delimiter?: (typeof delimiterNames)[number];
  column: Record<string, string>;
  labels: boolean;
  batchSize?: number;
  maxTokens?: number;
  maxTargetTokens?: number;
  greedy?: boolean;
  threshold?: number;
  labelDelimiter?: string;
  engine: EngineChoice;
}

type PredictOptions = TextOptions & FieldOptions;

/** Texts that are computed at a time where nobody says how many. */
const usualTexts = 16;

const delimiterNames = ['comma', 'tab', 'semicolon'] as const;

/** The text that separates several labels in CSV. */
const labelSeparator = ';';

const columnOption = () =>
  new Option(
    '--column <key=name>',
    `texts: the column of ${columnKeys.join(', ')} (a column of zeros and ones for each, with commas between); may be repeated`,
  )
    .argParser((given: string, before: Record<string, string>) => {
      const [key, ...name] = given.split('=');
      if (!columnKeys.includes(key!) || name.join('=') === '') {
        throw new InvalidArgumentError(`It must be one of ${columnKeys.map((each) => `${each}=<name>`).join(', ')}.`);
      }
      return { ...before, [key!]: name.join('=') };
    })
    .default({}, "as in the run's settings, else text, text_pair, label");

export const predictCommand: CliCommand<PredictOptions> = {
  usage: 'predict <model> [file]',
  description:
    'predict fields with the operator of a run, or label texts or their words with a classifier, or write others with an encoder-decoder: a run, a folder of Hugging Face, or a LoRA adapter',
  examples: [
    'npx tempbalance predict flow-20261123-101500 data.hdf5 --out pred.hdf5',
    'npx tempbalance predict flow-20261123-101500 data.hdf5 --rows 0-9 --steps 200 --out pred.npy',
    'npx tempbalance predict flow-20261123-101500 --of validation --json',
    'npx tempbalance predict runs/reviews-20261123-101500 new.jsonl',
    'npx tempbalance predict reviews-20261123-101500 new.csv --column text=review --csv --out labelled.csv',
    'npx tempbalance predict tuned test.parquet --json',
    'echo "a fine film" | npx tempbalance predict tuned -',
  ],
  options: [
    new Option('--out <file>', 'where it goes: texts, else to standard output; fields as HDF5 (.hdf5, .h5) or .npy'),
    jsonOption(
      'one JSON object on standard output, with the metrics where the file has labels or true fields',
    ).conflicts('csv'),
    numberOption('--epoch <n>', 'of a run: the epoch (default: the best so far)', { integer: true, least: 0 }),
    numberOption(
      '--batch-size <n>',
      `samples that are computed at a time (default: ${usualTexts} texts; fields as in the run)`,
      {
        integer: true,
        least: 1,
      },
    ),
    new Option('--engine <name>', 'what computes').choices(engineChoices).default('auto'),
    ...fieldOptions,
    new Option('--csv', 'texts: a row for each as CSV instead of JSON lines'),
    new Option(
      '--base <folder>',
      'texts: of an adapter in a folder, the model it belongs to (default: the one it names)',
    ),
    new Option('--format <name>', 'texts: of the file (default: by its name; of - lines)').choices(formats),
    new Option('--delimiter <name>', 'texts: of CSV (default: tab where the name ends in .tsv, else comma)').choices(
      delimiterNames,
    ),
    columnOption(),
    new Option('--no-labels', 'texts: pay no heed to labels, tags or targets in the file'),
    new Option('--label-delimiter <text>', 'texts: what separates several labels in one value of the file'),
    numberOption('--threshold <p>', 'texts that may have several labels: the least probability of one that is given', {
      integer: false,
      least: 0,
      most: 1,
    }),
    numberOption('--max-tokens <n>', 'texts: longer ones are cut (default: as in the run; of a folder at most 512)', {
      integer: true,
      least: 4,
    }),
    numberOption(
      '--max-target-tokens <n>',
      "texts that are written: the longest one (default: as in the run; of a folder its generation_config.json's, else 128)",
      { integer: true, least: 1 },
    ),
    new Option(
      '--greedy',
      'texts that are written: the most probable words, even where generation_config.json asks for another search',
    ),
  ],
  async run([path, file], options) {
    const { runAt } = await import('../../shared/local/run-folder.ts');
    const { trainsFields } = await import('../../shared/local/open-operator.ts');
    const run = await runAt(path!);
    if (run && (await trainsFields(run))) {
      refuseOptions('of texts', 'this run trained a model of fields', textFlags, options);
      return predictFields(path!, run, file, options);
    }
    refuseOptions('of fields', 'this model takes texts', fieldFlags, options);
    if (file === undefined) {
      throw new UserError('no file is named', {
        where: 'predict',
        remedy: 'Name the file with the texts, or - for standard input.',
      });
    }
    return predictTexts(path!, file, options);
  },
};

/** Labels the texts of a file, or writes others of them. */
async function predictTexts(path: string, file: string, options: TextOptions): Promise<number> {
  const { openTextModel } = await import('../../shared/local/open-text-model.ts');
  const { openEngine } = await import('../../shared/engines/open-engine.ts');
  const { classifyTexts } = await import('../../shared/training/workloads/classify-texts.ts');
  const { checkFit } = await import('../../shared/training/workloads/texts.ts');
  const note = (message: string) => process.stderr.write(`note: ${message}\n`);
  const { localPath } = await import('../local-path.ts');
  const opened = await openTextModel(path, { ...options, localPath });
  refuseForTask(opened, options);
  const { model, tokenizer, labels } = opened;
  const maxTokens = options.maxTokens ?? opened.maxTokens;
  if (options.out !== undefined) await checkWritable(options.out);
  checkFit(model, tokenizer, { folder: path, maxTokens, setting: '--max-tokens' });
  const data = await readTexts(file, opened, options);
  for (const warning of data.warnings) note(warning);
  const { examples: rows } = data;
  if (opened.note !== undefined) note(opened.note);
  const engine = await openEngine(options.engine, note);
  const { batchSize = usualTexts } = options;
  if (opened.task === 'seq2seq') {
    const { maxTargetTokens = opened.maxTargetTokens } = options;
    const limits = { maxTokens, maxTargetTokens, batchSize };
    return writeOfTexts({ path, model: opened, rows, engine, ...limits, output: options, note });
  }
  if (opened.task === 'token-classification') {
    return tagWords({ path, classifier: opened, rows, engine, maxTokens, batchSize, output: options, note });
  }
  const bar = progressBar();
  let result: Awaited<ReturnType<typeof classifyTexts>>;
  try {
    const onProgress = (done: number, total: number) => bar.show(done / total, `text ${done} of ${total}`);
    const { threshold } = options;
    result = await classifyTexts({ engine, ...opened, rows, batchSize, maxTokens, threshold, onProgress });
  } finally {
    bar.close();
  }
  const { texts, warnings, evaluation } = result;
  for (const warning of warnings) note(warning);
  const written = options.json
    ? `${JSON.stringify({ model: path, ...(opened.epoch === undefined ? {} : { epoch: opened.epoch }), labels, texts, ...evaluation }, null, 2)}\n`
    : options.csv
      ? csvOf(texts, labels)
      : texts.map((text) => `${JSON.stringify(text)}\n`).join('');
  if (options.out === undefined) process.stdout.write(written);
  else await writeText(options.out, written);
  if (evaluation) process.stderr.write(`${summaryOf[opened.problemType](evaluation, texts)}\n`);
  return 0;
}

/** Options that go with texts alone, by their flags. */
const textFlags: readonly (readonly [flag: string, isGiven: (options: PredictOptions) => boolean])[] = [
  ['--csv', ({ csv }) => csv !== undefined],
  ['--base', ({ base }) => base !== undefined],
  ['--format', ({ format }) => format !== undefined],
  ['--delimiter', ({ delimiter }) => delimiter !== undefined],
  ['--column', ({ column }) => Object.keys(column).length > 0],
  ['--no-labels', ({ labels }) => !labels],
  ['--label-delimiter', ({ labelDelimiter }) => labelDelimiter !== undefined],
  ['--threshold', ({ threshold }) => threshold !== undefined],
  ['--max-tokens', ({ maxTokens }) => maxTokens !== undefined],
  ['--max-target-tokens', ({ maxTargetTokens }) => maxTargetTokens !== undefined],
  ['--greedy', ({ greedy }) => greedy !== undefined],
];

/** @throws UserError where an option is given that goes with the other kind of models. */
function refuseOptions(kind: string, model: string, flags: typeof textFlags, options: PredictOptions): void {
  const given = flags.filter(([, isGiven]) => isGiven(options)).map(([flag]) => flag);
  if (given.length === 0) return;
  throw new UserError(`${given.length === 1 ? 'is an option' : 'are options'} ${kind}, and ${model}`, {
    where: given.join(', '),
    remedy: given.length === 1 ? 'Leave it out.' : 'Leave them out.',
  });
}

/** The texts of a file, or the lines of standard input; labels are places in `labels`. @throws UserError when there is none. */
async function readTexts(file: string, opened: TextModel, options: TextOptions): Promise<TextData> {
  const { labels, problemType, columns: likely = {}, takesSingle } = opened;
  const { formatHasColumns, openTextDataset, textDatasetSchema, textFormatOf } = await import(
    '../../shared/datasets/text/registry.ts'
  );
  const { isWithoutText } = await import('../../shared/datasets/text/text-rows.ts');
  const format = options.format ?? (file === '-' ? 'lines' : requireFormat(file, textFormatOf(file)));
  const hasColumns = formatHasColumns(format);
  const ignored = options.labels ? {} : { label: false };
  if (!hasColumns && Object.keys(options.column).length > 0) {
    throw new UserError(`--column does not go with ${format}, which have none`, {
      where: file,
      remedy: 'Leave it out, or name another --format.',
    });
  }
  const { delimiter, labelDelimiter = opened.labelDelimiter } = options;
  const { labels: labelColumns, ...oneEach } = options.column;
  const chosen = {
    ...(takesSingle ? { textPair: false } : {}),
    ...oneEach,
    ...(labelColumns === undefined ? {} : { labels: labelColumns.split(',') }),
  };
  if (format !== 'csv' && delimiter !== undefined) {
    throw new UserError(`--delimiter goes with CSV, not ${format}`, {
      where: file,
      remedy: 'Leave it out, or add --format csv.',
    });
  }
  const { path, done } = file === '-' ? await standardInput() : { path: file, done: async () => {} };
  try {
    const config = textDatasetSchema.parse({
      format,
      path,
      ...(delimiter === undefined ? {} : { delimiter }),
      ...(hasColumns ? { columns: { ...chosen, ...ignored } } : {}),
      ...(!hasColumns || labelColumns !== undefined || labels.length < 2 ? {} : { labels }),
      ...(!hasColumns || labelDelimiter === undefined ? {} : { labelDelimiter }),
    });
    const problem = { type: problemType, from: 'the model' };
    const context = { seed: 0, keepEmpty: true, likely, guessLabels: false, problem };
    const words = opened.task === 'token-classification' ? ({ words: 'given' } as const) : {};
    const targets = opened.task === 'seq2seq' ? ({ targets: 'given' } as const) : {};
    const data = inOrderOf(labels, await openTextDataset(config, path, { ...context, ...words, ...targets }));
    if (data.examples.rows.every((_, index) => isWithoutText(data.examples, index))) {
      throw new UserError('no row has a text', {
        where: path,
        remedy: `Name the column of the texts by --column text=<name>; the file has ${data.columns.join(', ')}.`,
      });
    }
    return data;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw explained(error, (message) =>
      message
        .replaceAll(path, file === '-' ? 'standard input' : file)
        .replace(/Check `dataset\.path` in the run file\./, 'Check the name of the file.')
        .replace(/Point `dataset\.path` at/, 'Give')
        .replace(/`dataset\.columns\.(\w+)`/g, '`--column $1=<name>`')
        .replace(/^dataset\.columns:/, '--column:')
        .replace(/Set `model\.problemType: \w+` if that is meant, or give/, 'Add --no-labels, or give')
        .replaceAll('`dataset.labelDelimiter`', '--label-delimiter')
        .replace(/Set `dataset\.delimiter` to (\w+)/, 'Add --delimiter $1')
        .replace(
          /(?<="[^"\n]*(?:label|tag)[^"\n]*".*\n {2})Mend or remove (this row|these rows)/s,
          '$&, or add --no-labels',
        ),
    );
  } finally {
    await done();
  }
}

/** @throws UserError when the name does not tell. */
function requireFormat(file: string, format: Format | undefined): Format {
  if (format) return format;
  throw new UserError('its name does not say what format it has', {
    where: file,
    remedy: `Name it: --format ${formats.join(', ')}.`,
  });
}

/** Standard input as a file, which is read more than once. */
async function standardInput(): Promise<{ path: string; done: () => Promise<void> }> {
  const { createWriteStream, rmSync } = await import('node:fs');
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const { pipeline } = await import('node:stream/promises');
  const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
  const path = join(folder, 'stdin');
  const onSignal = (signal: NodeJS.Signals) => {
    rmSync(folder, { recursive: true, force: true });
    process.kill(process.pid, signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  await pipeline(process.stdin, createWriteStream(path));
  return {
    path,
    done: async () => {
      await rm(folder, { recursive: true, force: true });
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    },
  };
}

/**
 * Labels of columns by the model's names for them, in its order.
 * @throws UserError when the model has no such label.
 */
function inOrderOf(labels: readonly string[], data: TextData): TextData {
  const { labelSets, labelNames = labels } = data.examples;
  if (!labelSets || labelNames === labels) return data;
  const places = labelNames.map((name) => labels.indexOf(name));
  const unknown = places.indexOf(-1);
  if (unknown !== -1) {
    throw new UserError(`the model has no label ${JSON.stringify(labelNames[unknown])}; it has ${labels.join(', ')}`, {
      where: '--column labels',
      remedy: 'Name columns that are called as its labels, or add --no-labels.',
    });
  }
  const sets = labelSets.map((set) => set.map((place) => places[place]!).toSorted((a, b) => a - b));
  return { ...data, examples: { ...data.examples, labelSets: sets, labelNames: labels } };
}

/** Columns of labels are named so that none is mistaken for another. */
function csvOf(texts: readonly LabelledText[], labels: readonly string[]): string {
  const expected = texts.some((text) => text.expected !== undefined);
  const kind = (['label', 'labels', 'value'] as const).find((each) => texts[0]![each] !== undefined)!;
  const names = kind === 'value' ? [] : labels;
  const cell = (value: LabelledText['labels' | 'value' | 'label']) =>
    Array.isArray(value) ? value.join(labelSeparator) : ((value as string | number | null | undefined) ?? '');
  return csvRows([
    ['row', kind, ...(expected ? ['expected'] : []), ...names.map((label) => `probability ${label}`)],
    ...texts.map((text) => [
      text.row,
      cell(text[kind]),
      ...(expected ? [cell(text.expected)] : []),
      ...names.map((label) => text.probabilities?.[label] ?? ''),
    ]),
  ]);
}

/** The line about the quality of the answers, by problem type. */
const summaryOf: Readonly<
  Record<TextModel['problemType'], (evaluation: Evaluation, texts: readonly LabelledText[]) => string>
> = {
  single_label_classification({ metrics }, texts) {
    const labelled = texts.filter(({ label }) => label !== null);
    const right = labelled.filter(({ label, expected }) => label === expected).length;
    return `accuracy ${shown(metrics.accuracy)} (${right} of ${labelled.length} as in the file), macro F1 ${shown(metrics.macroF1)}`;
  },
  multi_label_classification: ({ metrics }) =>
    `micro F1 ${shown(metrics.microF1)}, macro F1 ${shown(metrics.macroF1)}, all labels right ${shown(metrics.subsetAccuracy)}`,
  regression: ({ metrics }) =>
    `RMSE ${shown(metrics.RMSE)}, MAE ${shown(metrics.MAE)}, Pearson ${shown(metrics.pearson)}, Spearman ${shown(metrics.spearman)}`,
};

const shown = (value: number | undefined) => value!.toFixed(4);
