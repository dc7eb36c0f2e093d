/** The run file: its schema is put together from the features' own, and is the single source of types, checks and docs. */
import { z } from 'zod';
import { type DatasetConfig, datasetFormats, datasetSchema, kindOf } from '../datasets/registry.ts';
import { formatHasColumns } from '../datasets/text/registry.ts';
import { computeSchema } from '../decisions/compute.ts';
import { budgetSchema, convergenceSchema } from '../decisions/config.ts';
import { exportDtypeSettings } from '../models/hugging-face/export-precision.ts';
import { fewShotSchema } from '../models/language/few-shot.ts';
import { hasLabels, taskOfModel } from '../models/language/model.ts';
import { type ModelConfig, modelSchema, takenBy } from '../models/registry.ts';
import { trackersSchema } from '../reports/trackers/registry.ts';
import { type BalanceConfig, balanceConfigSchema, targetsOf, usualMinEigenvalues } from '../schedules/config.ts';
import { excludedByPreset, kindOfModel, withPreset } from '../schedules/presets/registry.ts';
import { endsTooEarly } from '../schedules/timing.ts';
import { smallestTail } from '../spectra/describe.ts';
import { fixedTail } from '../spectra/fits/registry.ts';
import { type TrainingConfig, trainingSchema, usualLearningRate } from '../training/config.ts';
import { directionOf, metricsFor } from '../training/metrics/names.ts';
import { fewShotProblems } from './few-shot.ts';
import { pluginsSchema } from './plugins.ts';
import { publishSchema } from './publish.ts';
import type { JsonSchema } from './schema-walk.ts';
import { taggingProblems } from './tagging-problems.ts';

/** The usual least number of eigenvalues does not go with products of low rank, which have as many as their rank. */
const minEigenvalues = balanceConfigSchema.shape.minEigenvalues
  .unwrap()
  .optional()
  .describe(
    'Layers with fewer eigenvalues than this keep the base rate. Absent: 12, or 0 with model.lora.spectra update: there, a layer has as many eigenvalues as the rank, and a tail of fewer than 3 is not fitted.',
  );

const balanceSchema = z
  .union([z.literal('off'), balanceConfigSchema.extend({ minEigenvalues })])
  .describe('How the rates of layers follow from their spectra. `off`: all layers train at the base rate.');

const outputSchema = z
  .strictObject({
    folder: z
      .string()
      .min(1)
      .default('runs')
      .describe('Folder with a folder for each run, relative to the folder of the run file.'),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'may only have letters, digits, ".", "_" and "-", and no leading dot')
      .optional()
      .describe(
        "Name of the run. Absent: the run file's name and the time, and a number if another run has that name.",
      ),
    keep: z
      .int()
      .positive()
      .default(2)
      .describe(
        'Number of last epochs whose weights are kept, besides the best. With 2, a damaged file costs only one epoch.',
      ),
    dtype: z
      .enum(exportDtypeSettings)
      .default('float32')
      .describe(
        "Type of the weights of an exported language model. auto: as in the folder's config.json (`dtype`), or float32 if it names none of these. Training and the files of epochs use float32.",
      ),
    trackers: trackersSchema
      .optional()
      .describe(
        "Programs for which the run's numbers are written, below `trackers/` in its folder: TensorBoard's event files, MLflow's file store ([how](trackers.md)). Absent: none.",
      ),
  })
  .describe('Where the results go.');

/** The run file's sections, as they are after presets are filled in, and as they are stored. */
export const resolvedRunFileSchema = z
  .strictObject({
    plugins: pluginsSchema,
    model: modelSchema,
    dataset: datasetSchema,
    training: trainingSchema.prefault({}),
    balance: balanceSchema.prefault({}),
    convergence: convergenceSchema.prefault({}),
    budget: budgetSchema.prefault({}),
    compute: computeSchema.prefault({}),
    output: outputSchema.prefault({}),
    publish: publishSchema.optional(),
  })
  .superRefine(({ model, dataset, training, balance, convergence, output }, context) => {
    const tooFew = tooFewOfUpdates(model, balance);
    if (tooFew !== undefined) context.addIssue({ code: 'custom', path: ['model', 'lora', 'rank'], message: tooFew });
    const wanted = takenBy(model);
    if (kindOf(dataset) !== wanted) {
      const formats = datasetFormats.filter(({ kind }) => kind === wanted).map(({ name }) => name);
      context.addIssue({
        code: 'custom',
        path: ['dataset', 'format'],
        message: `${dataset.format} does not go with model.family ${model.family}, which takes ${formats.join(', ')}`,
      });
    }
    if (model.family === 'huggingface' && model.head === 'fresh' && !hasLabels(taskOfModel(model.task))) {
      context.addIssue({
        code: 'custom',
        path: ['model', 'head'],
        message: `fresh is for model.task classification or token-classification; the head of ${model.task} is for the same words whatever the data`,
      });
    }
    if (model.family === 'huggingface' && model.task !== 'causal-lm' && 'packing' in dataset && dataset.packing) {
      context.addIssue({
        code: 'custom',
        path: ['dataset', 'packing'],
        message: `goes with model.task causal-lm, whose texts can share rows, and this is ${model.task}; leave it out`,
      });
    }
    for (const { path, message } of [
      ...unlabelledProblems(model),
      ...targetProblems(model, dataset),
      ...taggingProblems(model, dataset),
    ]) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
    const notWhole = reinitialisedWith(model);
    if (notWhole !== undefined)
      context.addIssue({ code: 'custom', path: ['model', 'reinitialise'], message: notWhole });
    if (model.family === 'huggingface' && model.fresh && model.lora) {
      context.addIssue({
        code: 'custom',
        path: ['model', 'lora'],
        message: 'does not go with model.fresh: an adapter means nothing on weights that are drawn',
      });
    }
    for (const { path, message } of balanceProblems(balance, model, training)) {
      context.addIssue({ code: 'custom', path: ['balance', ...path], message });
    }
    if (model.family !== 'huggingface' && (training.layerDecay ?? 1) !== 1) {
      context.addIssue({
        code: 'custom',
        path: ['training', 'layerDecay'],
        message: `needs a model of numbered blocks, which ${model.family} is not; layer-wise decay is for language models (model.family: huggingface)`,
      });
    }
    for (const { key, message } of learningProblems(training, model)) {
      context.addIssue({ code: 'custom', path: ['training', key], message });
    }
    for (const { path, message } of fewShotProblems(model, training)) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
    if (model.family !== 'huggingface' && output.dtype !== 'float32') {
      context.addIssue({
        code: 'custom',
        path: ['output', 'dtype'],
        message: `is of language models; the weights of ${model.family} are written in float32`,
      });
    }
    const { metric } = convergence;
    const offered = metricsFor(model);
    if (metric !== undefined && !offered.includes(metric)) {
      context.addIssue({
        code: 'custom',
        path: ['convergence', 'metric'],
        message: `is not measured of this model; there are: ${offered.join(', ')}`,
      });
    }
  })
  .transform((config) => {
    const metric = config.convergence.metric ?? metricsFor(config.model)[0]!;
    // In the same order whether it was given or not: requests are compared as they are written.
    const { metric: _, direction: __, ...others } = config.convergence;
    return {
      ...config,
      model: withFewShot(config.model),
      training: withLearningRate(config.training, config.model),
      balance: withLeastEigenvalues(config.balance, config.model),
      convergence: { metric, direction: directionOf(metric), ...others },
    };
  });

/** Puts what a preset stands for beneath the settings that are written. Anything malformed is left to the schema. */
export function fillPreset(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('balance' in input)) return input;
  const { model } = input as { model?: { family?: unknown; lora?: { spectra?: unknown } } };
  const isLowRank = model?.lora?.spectra === 'update';
  return { ...input, balance: withPreset(input.balance, kindOfModel(model?.family), { isLowRank }) };
}

/** Checks a run file and fills in its defaults, those of `balance.preset` first. */
export const runFileSchema = z.preprocess(fillPreset, resolvedRunFileSchema);

type BalanceSettings = z.output<typeof balanceSchema>;

/** Balance settings that contradict each other, the model or its training, with the message. */
function balanceProblems(
  balance: BalanceSettings,
  model: ModelConfig,
  training: z.output<typeof trainingSchema>,
): { path: string[]; message: string }[] {
  if (balance === 'off') return [];
  const targets = targetsOf(balance);
  const problems: { path: string[]; message: string }[] = [];
  const refuse = (key: string, message: string) => problems.push({ path: key.split('.'), message });
  if (targets.includes('rho') && !training.sam) {
    refuse('target', 'rho is the radius of training.sam, which is not set; for example training.sam: { rho: 0.05 }');
  }
  if (targets.every((target) => target === 'weightDecay') && training.weightDecay === 0) {
    refuse(
      'target',
      'weightDecay has nothing to multiply: training.weightDecay is 0; for example training.weightDecay: 0.01',
    );
  }
  if (balance.weightDecayAssignment && !targets.includes('weightDecay')) {
    refuse(
      'weightDecayAssignment',
      'has no effect: balance.target does not have weightDecay; for example target: both',
    );
  }
  if (balance.metric === 'farmsAlpha' && !balance.farms) {
    refuse('farms', 'is needed for metric: farmsAlpha; for example farms: { side: 100, perSide: 9 }, or preset: farms');
  }
  if (balance.metric === 'farmsAlpha' && model.family === 'huggingface' && model.lora?.spectra === 'update') {
    refuse(
      'metric',
      'farmsAlpha is not there for model.lora.spectra: update, whose products of low rank have no sub-matrices of full rank, so every layer would keep the base rate; choose spectra: merged, or another metric or preset',
    );
  }
  const tooEarly = endsTooEarly(balance, training.epochs);
  if (tooEarly !== undefined) {
    refuse('until', `${tooEarly}: make balance.every smaller, or let balance.until come later`);
  }
  for (const { key, wanted } of excludedByPreset(balance, kindOfModel(model.family))) {
    refuse(
      key,
      `${balance.preset} is defined by ${key}: ${JSON.stringify(wanted)}; leave out either balance.${key} or balance.preset`,
    );
  }
  return problems;
}

/** Settings of what is minimised that mean nothing for the model, or without each other. */
function learningProblems(
  training: z.output<typeof trainingSchema>,
  model: ModelConfig,
): { key: string; message: string }[] {
  const given = (['loss', 'mode', 'periodic', 'unrollSteps'] as const).filter((key) => training[key] !== undefined);
  if (model.family === 'huggingface') {
    return given.map((key) => ({ key, message: 'is of models of fields; a language model learns by cross-entropy' }));
  }
  const problems: { key: string; message: string }[] = [];
  if (training.gradientCheckpointing) {
    problems.push({
      key: 'gradientCheckpointing',
      message: 'is for language models; of a model of fields, training.accumulate computes a batch in parts',
    });
  }
  if (training.classWeights !== undefined) {
    problems.push({ key: 'classWeights', message: 'is for classifiers of texts; a model of fields has no labels' });
  }
  if (training.periodic !== undefined && training.loss !== 'h1') {
    problems.push({ key: 'periodic', message: 'has no effect without loss: h1, whose derivatives it is for' });
  }
  if (training.unrollSteps !== undefined && training.mode !== 'pushForward') {
    problems.push({ key: 'unrollSteps', message: 'has no effect without mode: pushForward' });
  }
  return problems;
}

/** Why no update of a rank could be balanced, where the tail has a fixed length. */
function tooFewOfUpdates(model: ModelConfig, balance: z.output<typeof balanceSchema>): string | undefined {
  if (model.family !== 'huggingface' || model.lora?.spectra !== 'update' || balance === 'off') return undefined;
  const { rank } = model.lora;
  const tail = rank === undefined ? undefined : fixedTail(balance.fit, rank);
  if (tail === undefined || tail >= smallestTail) return undefined;
  return `is too small for spectra: update: the tail of ${rank} eigenvalues has ${tail}, and a power law takes ${smallestTail}; choose a larger rank, or spectra: merged`;
}

/** The settings that need labels, where a model learns none. */
function unlabelledProblems(model: ModelConfig): { readonly path: string[]; readonly message: string }[] {
  if (model.family !== 'huggingface' || hasLabels(taskOfModel(model.task))) return [];
  const { problemType, pooling, task } = model;
  return [
    ...(problemType === undefined
      ? []
      : [{ path: ['model', 'problemType'], message: `is for model.task classification; ${task} learns no labels` }]),
    ...(pooling === 'mean' || pooling === 'cls'
      ? [{ path: ['model', 'pooling'], message: `${pooling} is for model.task classification; ${task} pools nothing` }]
      : []),
  ];
}

/** What contradicts that only `seq2seq` writes targets, and that each of its texts has one. */
function targetProblems(
  model: ModelConfig,
  dataset: DatasetConfig,
): { readonly path: string[]; readonly message: string }[] {
  if (model.family !== 'huggingface') return [];
  if (model.task === 'seq2seq') {
    const message = `${dataset.format} has texts alone, and seq2seq learns to write the target of each text: take a format with columns`;
    const isPlain = kindOf(dataset) === 'text' && !formatHasColumns(dataset.format);
    return isPlain ? [{ path: ['dataset', 'format'], message }] : [];
  }
  if (model.maxTargetTokens === undefined) return [];
  const message = `goes with model.task seq2seq, which writes targets, and this is ${model.task}; leave it out`;
  return [{ path: ['model', 'maxTargetTokens'], message }];
}

/** Why `model.reinitialise` can't be had; undefined where it can, or is not set. */
function reinitialisedWith(model: ModelConfig): string | undefined {
  if (model.family !== 'huggingface' || model.reinitialise === undefined) return undefined;
  if (model.fresh) return 'does not go with model.fresh, by which all blocks are drawn from the seed';
  const isAdapter = model.lora !== undefined || model.base !== undefined;
  return isAdapter
    ? 'does not go with an adapter (model.lora, or a folder that holds one), beside which the drawn blocks would stay as they were drawn'
    : undefined;
}

function withFewShot(model: ModelConfig): ModelConfig {
  if (model.family !== 'huggingface' || model.task !== 'few-shot-classification') return model;
  return { ...model, fewShot: model.fewShot ?? fewShotSchema.parse({}) };
}

function withLearningRate(training: z.output<typeof trainingSchema>, model: ModelConfig): TrainingConfig {
  const { learningRate = usualLearningRate(model, training.optimizer), ...others } = training;
  // In the same order whether it was given or not.
  return { learningRate, ...others };
}

function withLeastEigenvalues(balance: z.output<typeof balanceSchema>, model: ModelConfig): 'off' | BalanceConfig {
  if (balance === 'off') return balance;
  const isLowRank = model.family === 'huggingface' && model.lora?.spectra === 'update';
  const { minEigenvalues = isLowRank ? 0 : usualMinEigenvalues, exclude, ...others } = balance;
  // In the order of the schema, whether it was given or not.
  return { ...others, minEigenvalues, exclude };
}

/** Sections that a word may stand for, and the setting that the word is. */
export const shorthands: Readonly<Record<string, string>> = { compute: 'target' };

/** A run's settings with every default filled in. */
export type RunConfig = z.output<typeof resolvedRunFileSchema>;

/** How a run is balanced, in a word: `off`, a preset, or else the map from values of layers to factors; a control follows in brackets. */
export function balanceInAWord({ balance }: Pick<RunConfig, 'balance'>): string {
  if (balance === 'off') return balance;
  const { preset, assignment, control } = balance;
  return `${preset ?? assignment.function}${control === undefined ? '' : ` (${control})`}`;
}

/** The run file's schema for editors. */
export function runFileJsonSchema(): JsonSchema {
  return z.toJSONSchema(runFileSchema, { io: 'input' }) as JsonSchema;
}
