/** One epoch as an attempt: trained, or the model before training, and evaluated. */
import { encodeJson } from '../checkpoints/json.ts';
import type { FileRecords, Manifest } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { describeChanges } from '../config/changes.ts';
import { elapsedSeconds } from '../core/elapsed.ts';
import { InterruptedError, TransientError } from '../core/errors.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import { joinAverage, splitAverage } from '../training/ema.ts';
import type { EpochResult } from '../training/train-epoch.ts';
import type { Evaluation, Workload } from '../training/workload.ts';
import { allWritten, readCommittedTensors, writeJson, writeTensors } from './attempt.ts';
import { ratesInForce } from './balanced-rates.ts';
import { choiceInWords } from './choose-engine.ts';
import type { TaskContext } from './context.ts';
import { attemptOf, isTakenOver, leave } from './execution.ts';
import type { PipelineState } from './messages.ts';
import type { StartedWorkload } from './open-workload.ts';
import { keepsRates, movesRates } from './rate-timing.ts';
import { ratesWithin } from './rates-within.ts';
import {
  type EpochMetrics,
  files,
  type RateRecord,
  type RunRecord,
  readLastCommit,
  readMetrics,
  readRunRecord,
  readTaggedRecord,
} from './records.ts';

/** @throws InterruptedError when this process was told to end. */
export function refuseWhenInterrupted(ctx: TaskContext): void {
  if (ctx.interrupted()) throw new InterruptedError('the training task was told to end; what is committed is kept');
}

/**
 * Makes the epoch after the last commit; where nothing is committed, epoch 0; none where another execution has the run.
 * @returns the state with the attempt and, of a trained epoch, how long it took.
 * @throws InterruptedError after the step under way when this process was told to end.
 */
export async function makeEpoch(
  ctx: TaskContext,
  before: PipelineState,
): Promise<{ state: PipelineState; epochSeconds: number | undefined }> {
  refuseWhenInterrupted(ctx);
  const { run } = before;
  const state = { ...before, job: { ...before.job, beganAt: ctx.now().toISOString() } };
  const head = await readLastCommit(ctx.store, run);
  if (isTakenOver(head, state)) return { state: leave(ctx, state), epochSeconds: undefined };
  const record = await readRunRecord(ctx.store, run);
  const workload = await ctx.openWorkload(record.config, record.engineChoice?.engine);
  const isChosen = workload.choice !== undefined && record.engineChoice === undefined;
  if (isChosen || record.versions.engine !== workload.engine) await noteEngine(ctx, run, workload);
  return head
    ? trainAfter(ctx, state, { record, workload, head })
    : { state: await begin(ctx, state, { record, workload }), epochSeconds: undefined };
}

/** Another writer of the record is a person who resumes the run. */
const mostRewrites = 5;

/**
 * Keeps what trains on record, and how `auto` chose it; a change of it is a part of the run's history. Opening the workload takes minutes, in which a
 * resume may have written other settings: these stay.
 */
async function noteEngine(ctx: TaskContext, run: string, { engine, choice }: StartedWorkload): Promise<void> {
  const { store } = ctx;
  for (let written = 0; written < mostRewrites; written++) {
    const { record, etag } = await readTaggedRecord(store, run);
    const before = record.versions.engine;
    const chosen = record.engineChoice ? undefined : choice;
    if (before === engine && !chosen) return;
    const notes = [
      ...(chosen?.measured ? [choiceInWords(chosen)] : []),
      ...(before === undefined ? [] : describeChanges({ versions: { engine: before } }, { versions: { engine } })),
    ];
    const at = ctx.now().toISOString();
    const versions = { ...record.versions, engine };
    const history = [...record.history, ...notes.map((what) => ({ at, what }))];
    const bytes = encodeJson({ ...record, versions, ...(chosen ? { engineChoice: chosen } : {}), history });
    if ((await store.putIfMatch(runKeys.record(run), bytes, etag)) === undefined) continue;
    for (const message of notes) ctx.emit({ type: 'warning', message });
    return;
  }
  throw new TransientError('was written by others again and again', { where: `${store.label}/${runKeys.record(run)}` });
}

/** Parameters with what is fitted to them, where there is any. */
const fittedIn = async (workload: Workload, parameters: HostTensors): Promise<HostTensors> =>
  (await workload.fitted?.(parameters)) ?? parameters;

/** The model before training, measured like every other epoch. */
async function begin(
  ctx: TaskContext,
  state: PipelineState,
  { record, workload }: { record: RunRecord; workload: Workload },
): Promise<PipelineState> {
  const { metric } = record.config.convergence;
  const initial = await workload.initial();
  const parameters = await fittedIn(workload, initial);
  const written = await writeWeights(ctx, attemptAt(ctx, state, 0), { [files.model]: parameters }, parameters);
  const clock = ctx.now();
  const { metrics, classes, predictions } = await workload.evaluate(parameters, 'validation', { donates: true });
  if (!Number.isFinite(metrics[metric])) ctx.emit({ type: 'warning', message: unusableMetric(metric, metrics, 0) });
  const measured: EpochMetrics = {
    epoch: 0,
    trainLoss: null,
    losses: [],
    metrics: finiteOrNull(metrics),
    ...(classes ? { classes } : {}),
    seconds: 0,
    baseLearningRate: null,
    baseLearningRates: [],
    applied: [],
    engine: workload.engine,
  };
  const seconds = elapsedSeconds(clock, ctx.now());
  const made = { measured: { ...measured, seconds }, predictions, written };
  return attempted(ctx, state, made, 'the model before training');
}

/** Trains with the rates of the last analysis, and evaluates on the validation data: the average of the weights, where one is kept. */
async function trainAfter(
  ctx: TaskContext,
  state: PipelineState,
  { record, workload, head }: { record: RunRecord; workload: Workload; head: Manifest },
): Promise<{ state: PipelineState; epochSeconds: number }> {
  const parameters = (await readCommittedTensors(ctx, head, files.model))!;
  const optimizerState = joinAverage(
    await readCommittedTensors(ctx, head, files.optimizer),
    await readCommittedTensors(ctx, head, files.average),
    workload.parameters,
  );
  const rates = await ratesInForce(ctx, head, record);

  const epoch = head.epoch + 1;
  const clock = ctx.now();
  const within = ratesWithin(ctx, record, epoch, rates);
  const onStep = (progress: { step: number; steps: number; loss: number }) => {
    ctx.emit({ type: 'step', epoch, ...progress });
    refuseWhenInterrupted(ctx);
  };
  const moving = { ramp: rates.ramp, changes: within.changes };
  const trained = await workload.train(epoch, parameters, optimizerState, rates.parameters, onStep, moving);
  if (trained.diverged) {
    const reason = divergence(epoch, trained.diverged);
    return { state: divergedState({ ...state, epoch }, reason), epochSeconds: elapsedSeconds(clock, ctx.now()) };
  }
  const split = splitAverage(trained.state, trained.parameters);
  const left = split.state;
  const weights = await fittedIn(workload, trained.parameters);
  const average = split.average && (await fittedIn(workload, split.average));
  const tensors = {
    [files.optimizer]: left,
    [files.model]: weights,
    ...(average ? { [files.average]: average } : {}),
  };
  const trainedSeconds = elapsedSeconds(clock, ctx.now());
  const evaluated = average ?? weights;
  const written = await writeWeights(ctx, attemptAt(ctx, state, epoch), tensors, evaluated);
  const evaluationClock = ctx.now();
  const { metrics, classes, predictions } = await workload.evaluate(evaluated, 'validation', { donates: true });
  const { metric } = record.config.convergence;
  // One warning for a row of such epochs.
  if (!Number.isFinite(metrics[metric]) && (await readMetrics(ctx.store, head))?.metrics[metric] !== null) {
    ctx.emit({ type: 'warning', message: unusableMetric(metric, metrics, epoch) });
  }

  const epochSeconds = trainedSeconds + elapsedSeconds(evaluationClock, ctx.now());
  const measured: EpochMetrics = {
    epoch,
    trainLoss: trained.loss,
    losses: trained.losses,
    metrics: finiteOrNull(metrics),
    ...(classes ? { classes } : {}),
    seconds: epochSeconds,
    baseLearningRate: trained.baseLearningRates[0]!,
    baseLearningRates: trained.baseLearningRates,
    applied: trained.applied,
    gradientNorm: trained.gradientNorm,
    ...(within.measurements.length > 0 ? { measurements: within.measurements } : {}),
    engine: workload.engine,
  };
  const made = { measured, predictions, written, ...ratesLeft(record, epoch, within.inForce()) };
  return { state: await attempted(ctx, state, made, `epoch ${epoch} is trained`), epochSeconds };
}

/** The rates that an epoch ended with, where SetRates needs them: those set within the epoch can't be measured again. */
function ratesLeft(record: RunRecord, epoch: number, rates: RateRecord): Pick<Made, 'kept' | 'before'> {
  if (keepsRates(record, epoch)) return { kept: rates };
  return movesRates(record) ? { before: rates } : {};
}

/** The run, the epoch and the attempt that files belong to. */
type At = Pick<PipelineState, 'run' | 'epoch' | 'attempt'>;

const attemptAt = (ctx: TaskContext, state: PipelineState, epoch: number): At => ({
  run: state.run,
  epoch,
  attempt: attemptOf(state, ctx.newAttempt()),
});

/** Tensor files of an attempt. */
interface Written {
  readonly at: At;
  readonly files: FileRecords;
}

/**
 * Writes an attempt's tensor files one after the other, before the evaluation, beside which they go on to the disk.
 * @param evaluated the tensors that are needed for that; the others are empty afterwards
 */
async function writeWeights(
  ctx: TaskContext,
  at: At,
  tensors: Readonly<Record<string, HostTensors>>,
  evaluated: HostTensors,
): Promise<Written> {
  const written: Record<string, FileRecords[string]> = {};
  for (const [file, values] of Object.entries(tensors))
    Object.assign(written, await writeTensors(ctx, at, file, values, { consumes: values !== evaluated }));
  return { at, files: written };
}

/** The results of an attempt before the analysis. */
interface Made {
  readonly measured: EpochMetrics;
  readonly predictions: Evaluation['predictions'];
  readonly written: Written;
  /** The rates of the next epoch, where they stay as they are. */
  readonly kept?: RateRecord;
  /** The rates from which those of the next epoch move on. */
  readonly before?: RateRecord;
}

/** Writes an attempt's measurements, for the analysis. */
async function attempted(
  ctx: TaskContext,
  state: PipelineState,
  { measured, predictions, written: { at, files: tensors }, kept, before }: Made,
  reason: string,
): Promise<PipelineState> {
  const written = await allWritten(
    writeJson(ctx, at, files.metrics, measured),
    ...(predictions ? [writeJson(ctx, at, files.predictions, predictions)] : []),
    ...(kept ? [writeJson(ctx, at, files.rates, kept)] : []),
  );
  if (before) await writeJson(ctx, at, files.ratesBefore, before);
  return {
    ...state,
    ...at,
    files: { ...written, ...tensors },
    decision: { next: 'analyse', outcome: 'running', reason },
  };
}

type Metrics = Evaluation['metrics'];

/** Metrics with null for numbers that are not finite, which JSON can't hold. */
export const finiteOrNull = (metrics: Metrics): EpochMetrics['metrics'] =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]));

/** The warning about an epoch whose deciding metric is not finite. */
const unusableMetric = (metric: string, metrics: Metrics, epoch: number) =>
  `${metric} is ${metrics[metric]} at epoch ${epoch}: an epoch without a finite value can't be the best. Training goes on; predictions that are not numbers, or a target that the metric divides by and that is zero, are the usual causes.`;

/** Why an epoch diverged: loss, gradient or weights. */
function divergence(epoch: number, { step, loss, gradientNorm }: NonNullable<EpochResult['diverged']>): string {
  const at = `in epoch ${epoch}, step ${step}`;
  if (!Number.isFinite(loss)) return `the loss became ${loss} ${at}`;
  if (!Number.isFinite(gradientNorm))
    return `the norm of the gradient became ${gradientNorm} ${at}, at a loss of ${loss}`;
  return `weights were no longer finite numbers after the update ${at}, at a loss of ${loss}`;
}

/** Nothing of a diverged epoch is kept: the last commit stays, and the best epoch is exported. */
function divergedState(state: PipelineState, reason: string): PipelineState {
  return { ...state, attempt: '', files: {}, decision: { next: 'finalise', outcome: 'diverged', reason } };
}
