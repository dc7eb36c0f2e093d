import { access } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { isOfTexts, type LooksOfTexts, starterRunFile, starterTextRunFile } from '../../shared/config/starter.ts';
import { UserError } from '../../shared/core/errors.ts';
import { formatList } from '../../shared/core/format.ts';
import type { TextDatasetConfig } from '../../shared/datasets/text/registry.ts';
import type { TextContext } from '../../shared/datasets/text/source.ts';
import type { TextRows } from '../../shared/datasets/text/text-rows.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import { type CliCommand, print } from '../command.ts';
import { writeText } from '../write-text.ts';

/** Two folders up in the sources, one more in the built package. */
const schemaPath = fileURLToPath(
  new URL(`${import.meta.url.endsWith('.ts') ? '' : '../'}../../docs/run-file.schema.json`, import.meta.url),
);

interface InitOptions {
  dataset?: string;
  weights?: string;
  model?: string;
  force?: boolean;
}

export const initCommand: CliCommand<InitOptions> = {
  usage: 'init [run-file]',
  description: 'write a run file to start from (default: tempbalance.yaml)',
  examples: [
    'npx tempbalance init',
    'npx tempbalance init burgers.yaml --dataset data/burgers.hdf5 --weights pretrained.safetensors',
    'npx tempbalance init reviews.yaml --dataset reviews.csv --model bert-base-uncased',
  ],
  options: [
    new Option('--dataset <path>', 'the data set to name in it (default: data.hdf5, or texts.jsonl)'),
    new Option('--weights <path>', 'the pre-trained weights to name in it'),
    new Option('--model <folder>', 'the folder of a language model to name in it, for texts').conflicts('weights'),
    new Option('--force', 'replace an existing file'),
  ],
  async run([file = 'tempbalance.yaml'], options) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists && !options.force) {
      throw new UserError('exists already', {
        where: file,
        remedy: 'Choose another name, or replace it with --force.',
      });
    }
    const schema = relative(dirname(resolve(file)), schemaPath) || schemaPath;
    const folder = dirname(resolve(file));
    await writeText(file, await starterOf(schema, options, (path) => fromFolder(folder, path)));
    print(`wrote ${file}; next: npx tempbalance validate ${file}`);
    return 0;
  },
};

/** A path of the command line, as a run file in `folder` names it: relative ones count from there. */
const fromFolder = (folder: string, path: string) =>
  isAbsolute(path) || path.startsWith('s3://') ? path : relative(folder, resolve(path));

/**
 * @param named gives a path as the run file names it
 * @throws UserError when data set and model don't go together.
 */
async function starterOf(
  schema: string,
  { dataset, weights, model: folder }: InitOptions,
  named: (path: string) => string,
): Promise<string> {
  const { formatHasColumns, textFolderAt, textFormatOf, textFormats } = await import(
    '../../shared/datasets/text/registry.ts'
  );
  const inFolder = dataset === undefined ? undefined : await textFolderAt(dataset);
  const format = dataset === undefined ? undefined : (inFolder?.format ?? textFormatOf(dataset));
  if (folder === undefined) {
    if (format === undefined) {
      const given = { schema, dataset: named(dataset ?? 'data.hdf5'), weights: weights && named(weights) };
      return starterRunFile({ ...given, ...(dataset === undefined ? {} : await fieldsIn(dataset)) });
    }
    throw new UserError('has texts, which a language model takes', {
      where: dataset!,
      remedy: 'Name the folder of one: --model <folder>.',
    });
  }
  if (dataset !== undefined && format === undefined) {
    throw new UserError('its name does not say what format of texts it has', {
      where: dataset,
      remedy: `A language model takes ${textFormats.map(({ name }) => name).join(', ')}: let it end in ${formatList(
        textFormats.flatMap(({ endings }) => endings.map((ending) => `.${ending}`)),
        'or',
      )}, or be a folder of such files.`,
    });
  }
  const model = await modelIn(folder);
  const needsMore = model !== undefined && !model.tasks.some(isOfTexts);
  const hasColumns = format === undefined || formatHasColumns(format);
  if (needsMore && !hasColumns) throw textsAlone(dataset!, model.tasks);
  const parts = partsToUse(inFolder?.parts ?? []);
  const found =
    dataset === undefined || format === undefined
      ? {}
      : await lookAtTexts(dataset, { format, ...parts }, model?.tasks ?? []);
  if (needsMore && found.hasTextsAlone) throw textsAlone(dataset!, model.tasks);
  const data = { dataset: named(dataset ?? 'texts.jsonl'), format: format ?? 'jsonl', parts, hasColumns } as const;
  return starterTextRunFile({ schema, folder: named(folder), ...data, ...found, model });
}

/** The targets that rows need for a task, besides texts. */
const learntFrom: Readonly<Partial<Record<LanguageTask, string>>> = {
  classification: 'a label (column label)',
  seq2seq: 'a text to write (column target)',
  'token-classification': 'a list of words and one of their tags (columns tokens and ner_tags) in place of texts',
};

const textsAlone = (dataset: string, tasks: readonly LanguageTask[]) =>
  new UserError('has texts alone, and the model learns from labels or from targets of texts', {
    where: dataset,
    remedy: `Give each row what a task learns from: ${tasks.map((task) => `for ${task} ${learntFrom[task]}`).join(', ')}.`,
  });

/** What fields a data set holds; nothing where it is not there, or elsewhere. */
async function fieldsIn(path: string): Promise<Pick<Parameters<typeof starterRunFile>[0], 'found' | 'refusal'>> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return {};
  const { suggestFields } = await import('../../shared/datasets/suggest-fields.ts');
  const looked = await suggestFields(path);
  if ('refusal' in looked) return { refusal: looked.refusal };
  const { settings, layout } = looked;
  for (const note of layout.notes) process.stderr.write(`note: ${note}\n`);
  const { samples, time, space, statics } = layout;
  return { found: { settings, shape: { samples, time, space, statics: statics.length } } };
}

/** Larger files are not read to count their texts: they have many. */
const mostCountedBytes = 2 ** 24;

/** The parts of a data set to train and to validate on. */
function partsToUse(parts: readonly string[]): { split?: string; validationSplit?: string } {
  const [split, validationSplit] = [/^train/, /^(val|dev)/].map((usual) => parts.find((part) => usual.test(part)));
  if (split === undefined) return {};
  return { split, ...(validationSplit === undefined ? {} : { validationSplit }) };
}

/** How many texts a data set has, and in which columns; nothing where it is not there or can't be read, which `validate` explains. */
async function lookAtTexts(
  path: string,
  settings: Pick<TextDatasetConfig, 'format' | 'split' | 'validationSplit'>,
  tasks: readonly LanguageTask[],
): Promise<Omit<LooksOfTexts, 'parts'>> {
  const { openTextDataset, textDatasetSchema } = await import('../../shared/datasets/text/registry.ts');
  const { sizeOf } = await import('../../shared/datasets/fingerprint.ts');
  const size = await sizeOf(path);
  if (size === undefined || size > mostCountedBytes) return size ? { texts: Number.POSITIVE_INFINITY } : {};
  const looked = async (as: Pick<TextContext, 'chats' | 'targets' | 'words' | 'problem'>, more: object = {}) => {
    try {
      const config = textDatasetSchema.parse({ ...settings, path, ...more });
      const { examples, columns, chosen } = await openTextDataset(config, path, { seed: 0, ...as });
      return { texts: examples.texts.length, columns: chosen, present: columns, most: mostOfALabel(examples) };
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  };
  // Columns may have the names of words and tags and hold no lists.
  const tagged = tasks.includes('token-classification') ? await looked({ words: 'likely' }) : undefined;
  const isTagged = tagged?.columns?.words !== undefined;
  // What has labels is a classifier's, whatever other columns stand beside them.
  const written =
    !isTagged && tasks.includes('seq2seq')
      ? await looked({ targets: 'wanted' }, { columns: { label: false } })
      : undefined;
  const isWritten = written && !written.present.includes('label');
  const others = isTagged ? tagged : isWritten ? written : await looked({ chats: tasks.includes('causal-lm') });
  const ofNumbers = others ? undefined : await looked({ problem: { type: 'regression', from: 'the numbers in it' } });
  const found = others ?? ofNumbers;
  if (!found) return {};
  const { texts, most, columns, present } = found;
  const hasTextsAlone = columns?.text !== undefined && present.length === 1;
  return {
    texts,
    hasTextsAlone,
    hasNumbers: ofNumbers !== undefined,
    ...(most === undefined ? {} : { textsPerLabel: most }),
    ...(columns ? { columns } : {}),
  };
}

/** How many texts the most frequent label has; undefined where rows are no single texts with one of several labels each. */
function mostOfALabel({ pairs, labels }: TextRows): number | undefined {
  if (!labels || pairs) return undefined;
  const counts = [...Map.groupBy(labels, (label) => label).values()].map(({ length }) => length);
  return counts.length > 1 ? counts.reduce((most, count) => Math.max(most, count)) : undefined;
}

/**
 * What the model of a folder can learn, and the longest text that it takes; undefined where the folder is not there or holds no model.
 * @throws UserError when it has a model that can't be trained here, saying what of it is not supported
 */
async function modelIn(folder: string): Promise<{ tasks: LanguageTask[]; maxTokens: number } | undefined> {
  const { configFile, modelOf, readConfig } = await import('../../shared/models/hugging-face/config.ts');
  const { tasksOf } = await import('../../shared/models/language/registry.ts');
  const path = join(folder, configFile);
  const config = await readConfig(path).catch((error: unknown) => {
    // A folder that is still to come, or an adapter's: `validate` looks into it.
    if (error instanceof UserError) return undefined;
    throw error;
  });
  if (!config) return undefined;
  const tasks = tasksOf(config.model_type);
  const [task = 'classification'] = tasks;
  const { model } = modelOf(config, task, ['a', 'b'], path);
  return { tasks, maxTokens: model.maxTokens };
}
