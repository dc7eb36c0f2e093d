/** Predicts fields of a file by the model of one of our runs, and compares them with the true ones where these are there. */
import { UserError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { eachPath, mapPathAsync } from '../datasets/data-path.ts';
import { axesOfGrid } from '../datasets/field-grid.ts';
import { type FieldsToPredict, openFieldsToPredict } from '../datasets/fields-to-predict.ts';
import { fingerprintFiles } from '../datasets/fingerprint.ts';
import { sampleBytes, type Trajectories } from '../datasets/trajectories.ts';
import type { Engine } from '../engines/engine.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import { microBatchSize, timeSteps } from '../training/batches.ts';
import { type PredictedPiece, piecesOf, placeSteps, predictPieces } from '../training/predict.ts';
import type { PredictedFields } from '../training/predicted/record.ts';
import { recordFields } from '../training/predicted/recorder.ts';
import { beginErrors, type RolloutErrors } from '../training/rollout-errors.ts';
import type { Operator } from './open-operator.ts';
import { checkPredictionFormat, openPredictionFile, refuseReplacing } from './prediction-file.ts';

/** The rows of a run's own data that it was not trained on, or was. */
export const ownRows = ['validation', 'test', 'training'] as const;
export type OwnRows = (typeof ownRows)[number];

/** The request for a prediction of fields. */
export interface FieldsRequest {
  /** The file; absent: the run's own. */
  readonly file?: string | undefined;
  /** Rows of the run's own data. */
  readonly own?: OwnRows | undefined;
  /** Rows such as `0-99`; absent: all. */
  readonly rows?: string | undefined;
  /** Time steps; absent: as many as there are true ones, or else as the run was trained on. */
  readonly steps?: number | undefined;
  readonly batchSize?: number | undefined;
  /** The file for the predictions; absent: they are only compared. */
  readonly out?: string | undefined;
  /** The file for a page with a few samples; absent: none is drawn. */
  readonly plot?: string | undefined;
  readonly localPath: TaskContext['localPath'];
}

/** A prediction that is checked and may begin. */
export interface PlannedPrediction {
  readonly fields: FieldsToPredict;
  /** The file that is predicted from, as it is named. */
  readonly source: string;
  readonly steps: number;
  readonly batchSize: number;
  readonly notes: readonly string[];
  readonly out?: string | undefined;
  readonly draws: boolean;
}

/** A sample whose predictions are not all numbers. */
export interface BrokenSample {
  readonly row: number;
  /** The first such predicted step, from 1 on. */
  readonly step: number;
  readonly value: 'NaN' | 'Infinity' | '-Infinity';
  /** Whether what it was predicted from has such numbers too. */
  readonly given: boolean;
}

/** The outcome of a prediction. */
export interface FieldsPrediction {
  /** The errors, where the true fields are known. */
  readonly errors?: RolloutErrors | undefined;
  /** Samples whose true fields are not all numbers. */
  readonly brokenTruth: readonly number[];
  readonly broken: readonly BrokenSample[];
  /** A few samples to be drawn. */
  readonly drawn?: PredictedFields | undefined;
  /** Bytes of the file that was written. */
  readonly bytes?: number | undefined;
}

/** Bytes of a batch beyond which it is not tried: what is computed from it takes many times as much. */
const mostBatchBytes = 4 * 2 ** 30;

/**
 * Opens the fields and checks that the model takes them, and that the predictions can be written.
 * @throws UserError when not, with what the run has and what the file has.
 */
export async function planPrediction(operator: Operator, request: FieldsRequest): Promise<PlannedPrediction> {
  const { fields: trained, dataset, anyResolution } = operator;
  const { own, out, plot, localPath } = request;
  if (out !== undefined) checkPredictionFormat(out);
  const place = own ? await ownPlace(operator, own, localPath) : undefined;
  const path = place?.path ?? (await localPath(request.file!));
  const rows = place?.rows ?? request.rows;
  const wanted = stepsAsked(request, trained) ?? (own ? trained.rolloutSteps : undefined);
  const fields = await openFieldsToPredict(dataset, path, trained, { rows, steps: wanted, anyResolution });
  const steps = trained.window === 0 ? 1 : (wanted ?? (fields.truthSteps || trained.rolloutSteps));
  operator.on(fields.data.grid.shape.slice(0, -1));
  if (out !== undefined) await refuseReplacing(out, eachPath(path));
  if (plot !== undefined) await refuseReplacing(plot, [...eachPath(path), ...(out === undefined ? [] : [out])]);
  const draws = plot !== undefined;
  const stepsHeld = draws ? steps : piecesOf(steps)[0]!.steps;
  const batchSize = batchSizeFor(operator, fields, stepsHeld, request.batchSize);
  return {
    fields,
    source: request.file ?? eachPath(path).join(', '),
    steps,
    batchSize,
    notes: fields.notes,
    out,
    draws,
  };
}

/** @throws UserError when a static map is to be rolled out. */
function stepsAsked({ steps }: FieldsRequest, { window }: Operator['fields']): number | undefined {
  if (steps === undefined || window > 0) return steps;
  throw new UserError('the run trained a static map, which predicts one field and no time steps', {
    where: '--steps',
    remedy: 'Leave it out.',
  });
}

/**
 * Where rows of the run's own data are.
 * @throws UserError when the run has none of them, or the file is another one than it was.
 */
async function ownPlace({ record, dataset, fields }: Operator, own: OwnRows, localPath: FieldsRequest['localPath']) {
  const recorded = record.dataset;
  const rows = { validation: fields.validationRows, test: fields.testRows, training: fields.trainingRows }[own];
  const where = `--of ${own}`;
  if (rows === undefined) {
    throw new UserError(`the run has no ${own} rows on record`, { where, remedy: 'Name a file, and --rows of it.' });
  }
  const other = { validation: dataset.validationPath, test: dataset.test?.path, training: undefined }[own];
  const path = await mapPathAsync(other ?? dataset.path, localPath);
  const known = other === undefined ? recorded : own === 'test' ? recorded.test : recorded.validation;
  if (known && (await fingerprintFiles(eachPath(path))).sha256 !== known.sha256) {
    throw new UserError('is not the file that the run began with, so its rows may be others', {
      where: eachPath(path).join(', '),
      remedy: 'Put the old file back, or name the file and its rows: predict <run> <file> --rows 0-99.',
    });
  }
  return { path, rows };
}

/**
 * Samples that are computed at a time: as in the run, where they fit.
 * @param stepsHeld predicted steps that are in memory at a time
 * @throws UserError when what is asked for does not fit.
 */
function batchSizeFor(
  { record }: Operator,
  { data }: FieldsToPredict,
  stepsHeld: number,
  wanted: number | undefined,
): number {
  const { batchSize, accumulate } = record.config.training;
  const frame = elementCount(data.shape.slice(1, -2)) * data.shape.at(-1)! * Float32Array.BYTES_PER_ELEMENT;
  const each = sampleBytes(data) + stepsHeld * frame;
  const most = Math.floor(mostBatchBytes / each);
  if (most < 1 || (wanted ?? 1) > most) {
    throw new UserError(
      `${wanted ?? 1} samples of ${formatBytes(each)} are above the ${formatBytes(mostBatchBytes)} that are computed at a time at most`,
      {
        where: '--batch-size',
        remedy: most < 1 ? 'Predict fewer steps of fields with fewer points.' : `Set it to at most ${most}.`,
      },
    );
  }
  return wanted ?? Math.min(most, microBatchSize(batchSize, accumulate));
}

/**
 * Rolls the samples out, batch by batch, and writes the predictions as they come.
 * @param options.onPiece told how many steps of samples are done, of all
 * @throws UserError when the fields can't be read or the predictions not written; nothing is left of the file then.
 */
export async function runPrediction(
  operator: Operator,
  plan: PlannedPrediction,
  {
    engine,
    onPiece,
    attributes,
  }: {
    readonly engine: Engine;
    readonly onPiece: (done: number, total: number) => void;
    readonly attributes: Readonly<Record<string, string | number>>;
  },
): Promise<FieldsPrediction> {
  const { fields, steps, batchSize } = plan;
  const { data } = fields;
  const { window } = operator.fields;
  const space = data.grid.shape.slice(0, -1);
  const [samples, channels] = [data.shape[0]!, data.channels];
  const { subsample } = operator.dataset;
  const file =
    plan.out === undefined
      ? undefined
      : await openPredictionFile(plan.out, {
          shape: [samples, steps, ...space, channels.length],
          channels,
          coordinates: axesOfGrid(data.grid),
          rows: data.rows,
          steps: Array.from({ length: steps }, (_, step) => (window + step) * subsample.time),
          attributes,
        });
  const errors = beginErrors(data.shape, window);
  const watch = beginWatch(data.rows, window);
  const drawn = plan.draws ? beginDrawn(data, { window, steps }) : undefined;
  let done = 0;
  let bytes: number | undefined;
  const use = async (piece: PredictedPiece) => {
    await file?.write(piece.samples[0]!, piece, piece.predicted);
    errors.add(piece);
    watch.look(piece);
    drawn?.add(piece);
    done += piece.samples.length * piece.steps;
    onPiece(done, samples * steps);
  };
  try {
    const { parameters } = operator;
    const request = { engine, model: operator.on(space), parameters, data, window, rolloutSteps: steps, batchSize };
    await predictPieces(request, use);
    bytes = await file?.finish();
  } catch (error) {
    await file?.abandon();
    throw error;
  }
  return { errors: errors.values(), ...watch.found(), drawn: drawn?.record(), bytes };
}

/** Keeps a few samples to be drawn: of the steps whose true fields are known, or of all where none are. */
function beginDrawn(data: Trajectories, { window, steps }: { readonly window: number; readonly steps: number }) {
  const known = Math.min(steps, data.shape.at(-2)! - window);
  const shown = known > 0 ? known : steps;
  const recorder = recordFields(data, { window, steps: shown });
  let whole: HostTensor | undefined;
  return {
    add({ samples, first, steps: count, predicted, given }: PredictedPiece): void {
      if (first >= shown) return;
      const taken = timeSteps(predicted, 0, Math.min(count, shown - first));
      const shape = [...predicted.shape.slice(0, -2), shown, predicted.shape.at(-1)!];
      if (first === 0) whole = { shape, data: new Float32Array(elementCount(shape)) };
      placeSteps(whole!, first, taken);
      if (first + count < shown) return;
      const target = known > 0 ? timeSteps(given.values, window, known).data : undefined;
      recorder.add({ rows: samples.map((sample) => data.rows[sample]!), predicted: whole!.data, target });
    },
    record: () => recorder.record(),
  };
}

/** Looks for numbers that are not finite. */
function beginWatch(rows: readonly number[], window: number) {
  const broken = new Map<number, BrokenSample>();
  const brokenTruth = new Set<number>();
  return {
    look({ samples, first, predicted, given }: PredictedPiece): void {
      for (const [at, sample] of samples.entries()) {
        const row = rows[sample]!;
        if (first === 0 && firstBroken(given.values, at, window) !== undefined) brokenTruth.add(row);
        if (broken.has(sample)) continue;
        const found = firstBroken(predicted, at, 0);
        if (!found) continue;
        const isGiven =
          firstBroken(given.values, at, 0, window) !== undefined ||
          (given.statics !== undefined && firstBroken(oneStep(given.statics), at, 0) !== undefined);
        broken.set(sample, { row, step: first + found.step + 1, value: found.value, given: isGiven });
      }
    },
    found: () => ({
      broken: [...broken.values()].toSorted((a, b) => a.row - b.row),
      brokenTruth: [...brokenTruth].toSorted((a, b) => a - b),
    }),
  };
}

/** Fields without a time axis as fields of one time step. */
const oneStep = ({ shape, data }: HostTensor): HostTensor => ({
  shape: [...shape.slice(0, -1), 1, shape.at(-1)!],
  data,
});

/** The first time step of a sample, of those from `from` to before `to`, at which a number is not finite. */
function firstBroken(
  { shape, data }: HostTensor,
  sample: number,
  from: number,
  to = Number.POSITIVE_INFINITY,
): { step: number; value: BrokenSample['value'] } | undefined {
  const [time, channels] = shape.slice(-2) as [number, number];
  const size = data.length / shape[0]!;
  let found: { step: number; value: BrokenSample['value'] } | undefined;
  for (let index = 0; index < size; index++) {
    const value = data[sample * size + index]!;
    if (Number.isFinite(value)) continue;
    const step = Math.floor(index / channels) % time;
    if (step < from || step >= to || (found && found.step <= step)) continue;
    found = { step, value: String(value) as BrokenSample['value'] };
  }
  return found;
}
