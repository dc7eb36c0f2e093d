import { type Damage, recover } from '../../checkpoints/commit.ts';
import { encodeJson, readJson } from '../../checkpoints/json.ts';
import type { Manifest } from '../../checkpoints/manifest.ts';
import { prune } from '../../checkpoints/prune.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import { describeChanges, refuseFixedChanges } from '../../config/changes.ts';
import type { RunConfig } from '../../config/run-file.ts';
import { elapsedSeconds } from '../../core/elapsed.ts';
import { RunError, UserError } from '../../core/errors.ts';
import { fingerprintFile } from '../../datasets/fingerprint.ts';
import { decide } from '../../decisions/decide.ts';
import { readPretrained } from '../../models/pretrained.ts';
import type { Workload } from '../../training/workload.ts';
import { allWritten, writeJson, writeTensors } from '../attempt.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import {
  type EpochMetrics,
  files,
  metricValue,
  type RunRecord,
  readMetrics,
  readProgress,
  readRequest,
  runRecordSchema,
} from '../records.ts';
import { openRunSolver } from '../run-solver.ts';

type Prepared = { run: string; config: RunConfig; startedAt: string };

/** Checks settings and data, and begins a run or goes on with it from its last intact epoch. */
export async function prepare(ctx: TaskContext, { run }: { run: string }): Promise<PipelineState> {
  const { config } = await readRequest(ctx.store, run);
  const startedAt = ctx.now().toISOString();
  const before = await readJson(ctx.store, runKeys.record(run), runRecordSchema);
  if (before) refuseFixedChanges(before.config, config);
  const dataset = await fingerprintFile(config.dataset.path);
  if (before && before.dataset.sha256 !== dataset.sha256) {
    throw new UserError('the data set is not the one that the run began with', {
      where: config.dataset.path,
      remedy: 'Put the old file back, or start a new run for the new data.',
    });
  }
  const workload = await ctx.openWorkload(config);
  const { manifest, damage } = await recover(ctx.store, run);
  const { solver } = await openRunSolver(ctx, workload, config, before?.versions.solver);
  const versions = { ...ctx.versions, engine: workload.engine, solver };
  const history = historyOf(before, { config, versions }, manifest, damage);
  for (const what of history.notes) ctx.emit({ type: 'warning', message: what });

  const record: RunRecord = {
    version: 1,
    name: run.split('/').at(-1)!,
    config,
    seed: config.training.seed,
    dataset: { path: config.dataset.path, ...dataset, ...workload.data },
    versions,
    history: [
      ...(before?.history ?? []),
      ...[...history.notes, history.begun].map((what) => ({ at: startedAt, what })),
    ],
  };
  await ctx.store.put(runKeys.record(run), encodeJson(record));
  await ctx.store.delete(runKeys.outcome(run));
  ctx.emit({ type: 'prepared', run, epoch: manifest?.epoch ?? 0, epochs: config.training.epochs });
  const prepared = { run, config, startedAt };
  return manifest ? goOn(ctx, prepared, manifest) : begin(ctx, prepared, workload);
}

function historyOf(
  before: RunRecord | undefined,
  now: Pick<RunRecord, 'config' | 'versions'>,
  manifest: Manifest | undefined,
  damage: readonly Damage[],
): { notes: string[]; begun: string } {
  const reported = damage.filter(
    ({ epoch, what }) => what !== 'is missing' || epoch > damage[0]!.epoch - now.config.output.keep,
  );
  return {
    notes: [
      ...(manifest ? reported.map((each) => `${each.key} ${each.what}: ${mended(each, manifest)}`) : []),
      ...(before ? describeChanges(before.config, now.config) : []),
      ...(before ? describeChanges({ versions: before.versions }, { versions: now.versions }) : []),
    ],
    begun: manifest ? `resumed after epoch ${manifest.epoch}` : 'started',
  };
}

const mended = (damage: Damage, { epoch }: Manifest) =>
  damage.epoch > epoch ? `went back to epoch ${epoch}, the last intact one` : `made anew from epoch ${epoch}`;

/** Epoch 0: the model before training, measured like every other epoch. */
async function begin(
  ctx: TaskContext,
  { run, config, startedAt }: Prepared,
  workload: Workload,
): Promise<PipelineState> {
  const at = { run, epoch: 0, attempt: ctx.newAttempt() };
  const { weights } = config.model;
  const parameters = weights ? await readPretrained(weights, workload.parameters) : workload.initialise();
  const clock = ctx.now();
  const metrics: EpochMetrics = {
    epoch: 0,
    trainLoss: null,
    losses: [],
    metrics: await workload.evaluate(parameters),
    seconds: 0,
    baseLearningRate: null,
    applied: [],
    engine: workload.engine,
  };
  const seconds = elapsedSeconds(clock, ctx.now());
  return {
    ...at,
    startedAt,
    files: await allWritten(
      writeTensors(ctx, at, files.model, parameters),
      writeJson(ctx, at, files.metrics, { ...metrics, seconds }),
    ),
    decision: { next: 'analyse', outcome: 'running', reason: 'the model before training' },
  };
}

async function goOn(
  ctx: TaskContext,
  { run, config, startedAt }: Prepared,
  manifest: Manifest,
): Promise<PipelineState> {
  const progress = await readProgress(ctx.store, manifest);
  if (!progress) throw new RunError(`epoch ${manifest.epoch} has no progress on record`, { where: run });
  const value = metricValue(await readMetrics(ctx.store, manifest), config, run);
  await ctx.store.put(runKeys.best(run), encodeJson(progress.best));
  await prune(ctx.store, manifest, {
    keep: config.output.keep,
    best: progress.best?.epoch,
    epochs: Array.from({ length: manifest.epoch + 1 }, (_, epoch) => epoch),
  });
  const { epochs } = config.training;
  const { convergence, budget } = config;
  return {
    run,
    startedAt,
    epoch: manifest.epoch,
    attempt: '',
    files: {},
    decision: decide(progress, value, { epochs, convergence, budget }),
  };
}
