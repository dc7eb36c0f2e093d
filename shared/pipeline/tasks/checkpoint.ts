import { commit, OvertakenError } from '../../checkpoints/commit.ts';
import { encodeJson } from '../../checkpoints/json.ts';
import type { Manifest } from '../../checkpoints/manifest.ts';
import { prune, pruneResults } from '../../checkpoints/prune.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { RunConfig } from '../../config/run-file.ts';
import { elapsedSeconds } from '../../core/elapsed.ts';
import { readMeterEntries, usdOfEntries } from '../../costs/meter.ts';
import { observe, type Progress } from '../../decisions/decide.ts';
import { spentUsd } from '../../decisions/spending.ts';
import { writeJson } from '../attempt.ts';
import { limitsOf, sinceCommit } from '../compute.ts';
import type { TaskContext } from '../context.ts';
import { decideAfter } from '../decide-next.ts';
import { epochEvent } from '../epoch-event.ts';
import { isOwn, isTakenOver, leave } from '../execution.ts';
import { handedOverWhenFull } from '../history.ts';
import type { PipelineState } from '../messages.ts';
import { withOpenUsd } from '../metering.ts';
import {
  epochMetricsSchema,
  files,
  metricValue,
  progressOf,
  type RunRecord,
  readAttemptJson,
  readLastCommit,
  readMetrics,
  readRunRecord,
  readSpectra,
} from '../records.ts';
import { announceEpoch, warnOfBudget } from '../run-events.ts';
import { endsWithTest, testedFirst } from '../test-data.ts';
import { trackEpoch } from '../trackers.ts';

/**
 * Commits the attempt, frees what old epochs no longer need, and decides whether to go on. Where another execution has
 * committed this epoch, that one goes on with the run and this one leaves it.
 */
export async function checkpoint(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const { run, epoch } = state;
  const record = await readRunRecord(ctx.store, run);
  const { config, drawn } = record;
  const before = await readLastCommit(ctx.store, run);
  if (isTakenOver(before, state)) return leave(ctx, state);
  const manifest = before?.epoch === epoch ? before : await commitAttempt(ctx, state, { config, drawn }, before);
  if (!manifest || !isOwn(manifest.attempt, state)) return leave(ctx, state);
  await trackEpoch(ctx, run, record, epoch);
  const progress = await progressOf(ctx.store, manifest);
  const measured = await readMetrics(ctx.store, manifest);

  if (progress.best?.epoch === epoch) await ctx.store.put(runKeys.best(run), encodeJson(progress.best));
  const { keep } = config.output;
  const former = before && (await progressOf(ctx.store, before));
  await prune(ctx.store, manifest, {
    keep,
    best: progress.best?.epoch,
    epochs: new Set([epoch, epoch - keep, former?.best?.epoch ?? epoch]),
  });
  await pruneResults(ctx.store, run, epoch);
  const spectra = await readSpectra(ctx.store, manifest);
  ctx.emit(epochEvent(run, config, { progress, before: former, measured, spectra }));
  await announceEpoch(ctx, run, config, { progress, measured, spectra });
  await warnOfBudget(ctx, run, config, progress);
  const { price } = state.compute;
  const spent = await withOpenUsd(ctx, run, progress);
  const until = sinceCommit(state, manifest);
  const decision = await decideAfter(ctx, manifest, config, price, until);
  const tests = endsWithTest(config);
  const next: PipelineState = {
    ...state,
    epoch: epoch + 1,
    attempt: '',
    files: {},
    decision: handedOverWhenFull(decision, state.events, ctx.historyEvents, { tests }),
    compute: { ...state.compute, ...limitsOf(state.compute, config, { ...spent, until }, ctx.now) },
    job: { ...state.job, try: 0, failures: 0 },
  };
  return testedFirst(ctx, next, config);
}

/** Adds the progress so far to the attempt's files, and commits them; undefined when another execution was first. */
async function commitAttempt(
  ctx: TaskContext,
  state: PipelineState,
  { config, drawn }: Pick<RunRecord, 'config' | 'drawn'>,
  before: Manifest | undefined,
): Promise<Manifest | undefined> {
  const { run, epoch, attempt } = state;
  if ((before?.epoch ?? -1) !== epoch - 1) return undefined;
  const now = ctx.now();
  const measured = await readAttemptJson(ctx.store, state, files.metrics, epochMetricsSchema);
  const former = before && (await progressOf(ctx.store, before));
  const seconds = elapsedSeconds(sinceCommit(state, before), now);
  const usd = await usdSince(ctx, state, config, former, seconds);
  const epochSeconds = ordinarySeconds(ctx, state, { seconds, now });
  const seen = {
    epoch,
    value: metricValue(measured, config, run),
    loss: measured.metrics.loss ?? undefined,
    isDrawn: epoch === 0 && drawn !== undefined,
    seconds,
    epochSeconds,
    usd,
  };
  const progress = observe(former, seen, config.convergence);
  const written = { ...state.files, ...(await writeJson(ctx, state, files.progress, progress)) };
  try {
    return await commit(ctx.store, { run, epoch, attempt, files: written }, now);
  } catch (error) {
    if (error instanceof OvertakenError) return undefined;
    throw error;
  }
}

/** Seconds since the last commit; where jobs wait for machines, those since the attempt was begun, and a machine's start. */
function ordinarySeconds(
  { startSeconds }: TaskContext,
  { job }: PipelineState,
  { seconds, now }: { seconds: number; now: Date },
): number {
  if (startSeconds === 0 || job.beganAt === undefined) return seconds;
  return Math.min(seconds, startSeconds + elapsedSeconds(new Date(job.beganAt), now));
}

/** What the epoch has cost, in US dollars: as metered or, where a metered run goes on here, by the price of this machine. */
async function usdSince(
  ctx: TaskContext,
  { run, epoch }: PipelineState,
  { budget }: RunConfig,
  before: Progress | undefined,
  seconds: number,
): Promise<number | undefined> {
  if (ctx.meter) return usdOfEntries(await readMeterEntries(ctx.store, run, epoch));
  return before?.usd === undefined ? undefined : spentUsd({ seconds }, budget);
}
