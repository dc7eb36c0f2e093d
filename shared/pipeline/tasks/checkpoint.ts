import { commit } from '../../checkpoints/commit.ts';
import { encodeJson } from '../../checkpoints/json.ts';
import { type Manifest, readHead, readHeadManifest } from '../../checkpoints/manifest.ts';
import { prune } from '../../checkpoints/prune.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { RunConfig } from '../../config/run-file.ts';
import { elapsedSeconds } from '../../core/elapsed.ts';
import { RunError } from '../../core/errors.ts';
import { decide, observe, type Progress } from '../../decisions/decide.ts';
import type { SpectraReport } from '../../spectra/spectrum.ts';
import { writeJson } from '../attempt.ts';
import type { ProgressEvent, TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import {
  type EpochMetrics,
  epochMetricsSchema,
  files,
  metricValue,
  readAttemptJson,
  readConfig,
  readMetrics,
  readProgress,
  readSpectra,
} from '../records.ts';

/** Commits the attempt, frees what old epochs no longer need, and decides whether to go on. */
export async function checkpoint(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const { run, epoch } = state;
  const config = await readConfig(ctx.store, run);
  const head = await readHead(ctx.store, run);
  const before = head && (await readHeadManifest(ctx.store, run));
  const manifest = before?.epoch === epoch ? before : await commitAttempt(ctx, state, config, before);
  const progress = await progressOf(ctx, manifest);
  const measured = await readMetrics(ctx.store, manifest);

  if (progress.best?.epoch === epoch) await ctx.store.put(runKeys.best(run), encodeJson(progress.best));
  const { keep } = config.output;
  const formerBest = before && (await progressOf(ctx, before)).best?.epoch;
  await prune(ctx.store, manifest, {
    keep,
    best: progress.best?.epoch,
    epochs: new Set([epoch, epoch - keep, formerBest ?? epoch]),
  });
  ctx.emit(epochEvent(config, progress, measured, await readSpectra(ctx.store, manifest)));
  const { epochs } = config.training;
  const { convergence, budget } = config;
  return {
    run,
    startedAt: state.startedAt,
    epoch,
    attempt: '',
    files: {},
    decision: decide(progress, metricValue(measured, config, run), { epochs, convergence, budget }),
  };
}

/** Adds the progress so far to the attempt's files, and commits them. */
async function commitAttempt(
  ctx: TaskContext,
  state: PipelineState,
  config: RunConfig,
  before: Manifest | undefined,
): Promise<Manifest> {
  const { run, epoch, attempt } = state;
  const now = ctx.now();
  const since = Math.max(Date.parse(state.startedAt), before ? Date.parse(before.committedAt) : 0);
  const measured = await readAttemptJson(ctx.store, state, files.metrics, epochMetricsSchema);
  const seen = { epoch, value: metricValue(measured, config, run), seconds: elapsedSeconds(new Date(since), now) };
  const progress = observe(before && (await progressOf(ctx, before)), seen, config.convergence);
  const written = { ...state.files, ...(await writeJson(ctx, state, files.progress, progress)) };
  return commit(ctx.store, { run, epoch, attempt, files: written }, now);
}

async function progressOf(ctx: TaskContext, manifest: Manifest): Promise<Progress> {
  const progress = await readProgress(ctx.store, manifest);
  if (!progress) throw new RunError(`epoch ${manifest.epoch} has no progress on record`, { where: manifest.run });
  return progress;
}

function epochEvent(
  config: RunConfig,
  progress: Progress,
  measured: EpochMetrics | undefined,
  spectra: SpectraReport | undefined,
): ProgressEvent {
  const { epochs } = config.training;
  const { metric } = config.convergence;
  const { epoch, seconds } = progress;
  return {
    type: 'epoch',
    epoch,
    epochs,
    trainLoss: measured?.trainLoss ?? null,
    metric: { name: metric, value: measured?.metrics[metric] ?? null },
    best: progress.best,
    alphaMean: spectra?.summary.alphaMean ?? null,
    alphaStd: spectra?.summary.alphaStd ?? null,
    seconds,
    secondsLeft: epoch === 0 ? null : (seconds / epoch) * (epochs - epoch),
  };
}
