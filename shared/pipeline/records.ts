/** The JSON files of a run. */
import { z } from 'zod';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { decodeJson, readJson } from '../checkpoints/json.ts';
import { type Manifest, readArtifact, readHead, readHeadManifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { asRecorded, asRecordedBalance } from '../config/earlier.ts';
import { type RunConfig, resolvedRunFileSchema } from '../config/run-file.ts';
import { RunError } from '../core/errors.ts';
import { outcomes, type Progress, progressSchema } from '../decisions/decide.ts';
import { adapterConfigSchema } from '../models/hugging-face/adapter-config.ts';
import { balanceConfigSchema } from '../schedules/config.ts';
import type { RateTable } from '../schedules/rates.ts';
import { conv1dReadings } from '../spectra/config.ts';
import type { SpectraReport } from '../spectra/spectrum.ts';
import type { ConfusionCells } from '../training/metrics/classification.ts';
import { type PredictedFields, predictedFieldsSchema } from '../training/predicted/record.ts';
import { engineChoiceSchema } from './choose-engine.ts';

/** Names of an attempt's files. */
export const files = {
  model: 'model.safetensors',
  optimizer: 'optimizer.safetensors',
  /** The average of the weights, with `training.ema`. */
  average: 'average.safetensors',
  metrics: 'metrics.json',
  /** The predictions of a model of fields for some validation samples. */
  predictions: 'predictions.json',
  spectra: 'spectra.json',
  rates: 'rates.json',
  progress: 'progress.json',
  /** The rates that an epoch ended with, from which those of the next one move on; no manifest names it. */
  ratesBefore: 'rates-before.json',
  /** Spectra on their way to `spectra.json`; no manifest names them. */
  shard: (shard: number, of: number) => `spectra-${shard}-of-${of}.json`,
} as const;

/** The file with an epoch's model for use: the average of the weights where one is kept. Training goes on from `files.model`. */
export const modelFileOf = ({ files: written }: Pick<Manifest, 'files'>): string =>
  written[files.average] ? files.average : files.model;

const historySchema = z.array(z.strictObject({ at: z.iso.datetime(), what: z.string() }));

export const storedConfigSchema = z.preprocess(asRecorded, resolvedRunFileSchema);

/** How a run came from the deployment of another region. */
const handoverSchema = z.strictObject({
  /** The address of the run there. */
  from: z.string(),
  at: z.iso.datetime(),
  /** Time of the run that no commit there has counted: mostly how long it waited for a machine. */
  seconds: z.number().nonnegative(),
});

export const requestSchema = z.strictObject({
  version: z.literal(1),
  config: storedConfigSchema,
  /** The run file it came from; absent when there was none. */
  source: z.string().optional(),
  /** What was set on top of the run file, as given: `training.epochs=10`. */
  overrides: z.array(z.string()).default([]),
  /** Absent: it was asked for here. */
  handedOver: handoverSchema.optional(),
});

export type RunRequest = z.infer<typeof requestSchema>;
export type Handover = NonNullable<RunRequest['handedOver']>;

const fingerprintSchema = z.strictObject({ sha256: z.string(), bytes: z.int() });

export const runRecordSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  config: storedConfigSchema,
  seed: z.int(),
  /** How spectra read Conv1d weights, balanced or not; earlier versions noted nothing, and took taps. */
  conv1d: z.enum(conv1dReadings).default('taps'),
  dataset: z.looseObject({
    path: z.union([z.string(), z.array(z.string())]),
    sha256: z.string(),
    bytes: z.int(),
    /** The fingerprint of a validation file. */
    validation: fingerprintSchema.optional(),
    /** The fingerprint of a file of test data. */
    test: fingerprintSchema.optional(),
  }),
  /** The `config.json` that a language model was made by. */
  model: z.looseObject({ model_type: z.string() }).optional(),
  /** Of a run that trains an adapter: its `adapter_config.json`, and the weights that it is put on. */
  adapter: z
    .strictObject({
      config: adapterConfigSchema,
      base: z.strictObject({ path: z.string(), sha256: z.string(), bytes: z.int() }),
    })
    .optional(),
  /** The modules of the model that were drawn from the seed, or all; absent: none, or the run began with an earlier version. */
  drawn: z.union([z.literal('all'), z.array(z.string())]).optional(),
  versions: z.record(z.string(), z.string()),
  /** What `training.engine: auto` took, and keeps; absent: an engine is named, or nothing was chosen yet. */
  engineChoice: engineChoiceSchema.optional(),
  history: historySchema,
});
export type RunRecord = z.infer<typeof runRecordSchema>;

type DataRecord = Pick<RunRecord['dataset'], 'sha256' | 'validation' | 'test'>;

/** Whether two runs have the same content to train, to validate and to test on. */
export const isSameData = (a: DataRecord, b: DataRecord): boolean =>
  a.sha256 === b.sha256 && a.validation?.sha256 === b.validation?.sha256 && a.test?.sha256 === b.test?.sha256;

/** The cells of a confusion matrix that are not 0. */
const cellsOf = (matrix: readonly (readonly number[])[]): ConfusionCells =>
  matrix.flatMap((row, actual) => row.flatMap((rows, given) => (rows === 0 ? [] : [[actual, given, rows] as const])));

const finiteOrNull = z.number().nullable();

/** The scores of a classifier by class. */
const classTableSchema = z
  .strictObject({
    classes: z
      .array(
        z.strictObject({
          name: z.string(),
          precision: z.number(),
          recall: z.number(),
          f1: z.number(),
          support: z.int(),
        }),
      )
      .readonly(),
    /** A class, a class that rows of it were given, and how many; by places in `classes`. */
    confusionCells: z
      .array(z.tuple([z.int(), z.int(), z.int()]).readonly())
      .readonly()
      .optional(),
    /** What earlier versions noted instead: the whole matrix, a row for each class. */
    confusion: z.array(z.array(z.int()).readonly()).readonly().optional(),
  })
  .transform(({ classes, confusionCells, confusion = [] }) => ({
    classes,
    confusionCells: confusionCells ?? cellsOf(confusion),
  }));

/** The content of `metrics.json`. */
export const epochMetricsSchema = z.strictObject({
  epoch: z.int().nonnegative(),
  /** Mean over the steps; null for epoch 0. */
  trainLoss: finiteOrNull,
  losses: z.array(finiteOrNull).readonly(),
  /** Metrics on the validation data. */
  metrics: z.record(z.string(), finiteOrNull),
  classes: classTableSchema.optional(),
  /** Wall time of training and evaluation. */
  seconds: z.number().nonnegative(),
  /** The base rate of the epoch's first step; null for epoch 0. */
  baseLearningRate: finiteOrNull,
  /** Of every step; what a group of parameters was trained with is this times its multiplier. Earlier versions noted that itself. */
  baseLearningRates: z.array(z.number()).readonly().default([]),
  applied: z
    .array(
      z.strictObject({
        group: z.string(),
        parameters: z.array(z.string()).readonly(),
        learningRateMultiplier: z.number(),
        weightDecayMultiplier: z.number(),
        weightDecay: z.number(),
        /** The part of the learning rate's multiplier that is due to the layer's depth. */
        layerDecay: z.number().optional(),
        /** With SAM: the multiplier of its radius. */
        rhoMultiplier: z.number().optional(),
        rho: z.number().optional(),
      }),
    )
    .readonly(),
  /** Length of the whole gradient, before clipping, over the steps; null where it was not finite. Absent for epoch 0. */
  gradientNorm: z.strictObject({ mean: finiteOrNull, largest: finiteOrNull }).optional(),
  /** The analyses within the epoch: steps of the run up to there, alphas, and the factors that were set, by layer. */
  measurements: z
    .array(
      z.strictObject({
        steps: z.int(),
        analysed: z.int(),
        alphaMean: finiteOrNull,
        alphaStd: finiteOrNull,
        layers: z.record(
          z.string(),
          z.object({ learningRate: z.number(), weightDecay: z.number(), rho: z.number().optional() }).readonly(),
        ),
      }),
    )
    .readonly()
    .optional(),
  engine: z.string(),
});
export type Measurement = NonNullable<EpochMetrics['measurements']>[number];
export type EpochMetrics = z.infer<typeof epochMetricsSchema>;

/**
 * The convergence metric of an epoch; NaN where it was not a finite number.
 * @throws RunError when it was not measured.
 */
export function metricValue(measured: EpochMetrics | undefined, { convergence }: RunConfig, run: string): number {
  const value = measured?.metrics[convergence.metric];
  if (value !== undefined) return value ?? Number.NaN;
  throw new RunError(`${convergence.metric} was not measured`, {
    where: run,
    remedy: 'Choose another convergence.metric: this one does not apply to the data.',
  });
}

export const outcomeSchema = z.strictObject({
  outcome: z.enum(outcomes),
  reason: z.string(),
  /** A remark on the exported model; absent: it is the best of what was trained. */
  remark: z.string().optional(),
  at: z.iso.datetime(),
  error: z.strictObject({ name: z.string(), message: z.string() }).optional(),
});
export type OutcomeRecord = z.infer<typeof outcomeSchema>;

/** Why a run ended, with the remark on its model, in one line. */
export const explainOutcome = ({ reason, remark }: Pick<OutcomeRecord, 'reason' | 'remark'>): string =>
  remark === undefined ? reason : `${reason}; ${remark}`;

/** Which modules of a run's model were drawn from the seed, in words; undefined: none. */
export function describeDrawn({ drawn }: Pick<RunRecord, 'drawn'>): string | undefined {
  if (drawn === undefined || drawn.length === 0) return undefined;
  return drawn === 'all' ? 'all its weights' : drawn.join(', ');
}

const testedEpochSchema = z.strictObject({
  epoch: z.int().nonnegative(),
  /** Metrics on the test data. */
  metrics: z.record(z.string(), finiteOrNull),
  classes: classTableSchema.optional(),
});
export type TestedEpoch = z.infer<typeof testedEpochSchema>;

/** The content of `test.json`: `best` is null where no epoch is the best, or its model was damaged. */
export const testRecordSchema = z.strictObject({
  version: z.literal(1),
  best: testedEpochSchema.nullable(),
  last: testedEpochSchema,
});
export type TestRecord = z.infer<typeof testRecordSchema>;

/** What was measured on test data when the run ended last; undefined: nothing. */
export const readTest = (store: ArtifactStore, run: string): Promise<TestRecord | undefined> =>
  readJson(store, runKeys.test(run), testRecordSchema);

/** The settings that were asked for. @throws RunError when the run has none. */
export async function readRequest(store: ArtifactStore, run: string): Promise<RunRequest> {
  const request = await readJson(store, runKeys.request(run), requestSchema);
  if (!request) throw new RunError('there is no such run', { where: `${store.label}/${run}` });
  return request;
}

/** The last record that was read from each store: it is read several times an epoch, and hardly ever changes. */
const lastRead = new WeakMap<ArtifactStore, { key: string; etag: string; record: RunRecord }>();

/** The settings in force, and the tag to replace them by. @throws RunError when Prepare has not written them. */
export async function readTaggedRecord(
  store: ArtifactStore,
  run: string,
): Promise<{ record: RunRecord; etag: string }> {
  const key = runKeys.record(run);
  const stored = await store.get(key);
  if (!stored) throw new RunError('has no run.json: the run was never prepared', { where: `${store.label}/${run}` });
  const { etag } = stored;
  const known = lastRead.get(store);
  if (known?.key === key && known.etag === etag) return known;
  const read = { key, etag, record: decodeJson(key, stored.bytes, runRecordSchema) };
  lastRead.set(store, read);
  return read;
}

/** The settings in force. @throws RunError when Prepare has not written them. */
export const readRunRecord = async (store: ArtifactStore, run: string): Promise<RunRecord> =>
  (await readTaggedRecord(store, run)).record;

export async function readConfig(store: ArtifactStore, run: string): Promise<RunConfig> {
  return (await readRunRecord(store, run)).config;
}

const readCommittedJson = async <T>(store: ArtifactStore, manifest: Manifest, file: string, schema: z.ZodType<T>) => {
  const bytes = await readArtifact(store, manifest, file);
  return bytes && decodeJson(runKeys.artifact(manifest.run, manifest.epoch, manifest.attempt, file), bytes, schema);
};

export const readMetrics = (store: ArtifactStore, manifest: Manifest): Promise<EpochMetrics | undefined> =>
  readCommittedJson(store, manifest, files.metrics, epochMetricsSchema);

export const readPredictions = (store: ArtifactStore, manifest: Manifest): Promise<PredictedFields | undefined> =>
  readCommittedJson(store, manifest, files.predictions, predictedFieldsSchema);

export const readProgress = (store: ArtifactStore, manifest: Manifest): Promise<Progress | undefined> =>
  readCommittedJson(store, manifest, files.progress, progressSchema);

/** @throws RunError when the committed epoch has none. */
export async function progressOf(store: ArtifactStore, manifest: Manifest): Promise<Progress> {
  const progress = await readProgress(store, manifest);
  if (!progress) throw new RunError(`epoch ${manifest.epoch} has no progress on record`, { where: manifest.run });
  return progress;
}

/** The last commit; undefined before the first. */
export const readLastCommit = async (store: ArtifactStore, run: string): Promise<Manifest | undefined> =>
  (await readHead(store, run)) && readHeadManifest(store, run);

/** The content of `rates.json`: the rates, and the balance settings that they follow from. */
export type RateRecord = RateTable & { readonly balance: RunConfig['balance'] };

/** Its `balance` is read as that of a stored run file, so that the two can be compared. */
const rateRecordSchema = z
  .custom<RateRecord>()
  .transform((rates): RateRecord => ({ ...rates, balance: recordedBalance(rates.balance) }));

/** Stored balance settings with defaults for those that came later; as they are where this version can't read them. */
function recordedBalance(balance: RateRecord['balance']): RateRecord['balance'] {
  const parsed = balanceConfigSchema.safeParse(asRecordedBalance(balance));
  return parsed.success ? parsed.data : balance;
}

export const readRates = (store: ArtifactStore, manifest: Manifest): Promise<RateRecord | undefined> =>
  readCommittedJson(store, manifest, files.rates, rateRecordSchema);

export const readSpectra = (store: ArtifactStore, manifest: Manifest): Promise<SpectraReport | undefined> =>
  readCommittedJson(store, manifest, files.spectra, z.custom<SpectraReport>());

/** A JSON file of an attempt that is not committed yet. @throws RunError when it is missing or damaged. */
export async function readAttemptJson<T>(
  store: ArtifactStore,
  at: { run: string; epoch: number; attempt: string },
  file: string,
  schema: z.ZodType<T>,
): Promise<T> {
  const key = runKeys.artifact(at.run, at.epoch, at.attempt, file);
  const value = await readJson(store, key, schema);
  if (value === undefined) throw new RunError('is missing', { where: `${store.label}/${key}` });
  return value;
}
