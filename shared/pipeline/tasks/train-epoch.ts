import { readHeadManifest } from '../../checkpoints/manifest.ts';
import { elapsedSeconds } from '../../core/elapsed.ts';
import { allWritten, openCommittedTensors, readCommittedTensors, writeJson, writeTensors } from '../attempt.ts';
import { ratesInForce } from '../balanced-rates.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import { type EpochMetrics, files, readRunRecord } from '../records.ts';

/** Trains the epoch after the last commit with the rates of the last analysis, and evaluates on the validation data. */
export async function trainEpoch(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const { run } = state;
  const record = await readRunRecord(ctx.store, run);
  const { config } = record;
  const workload = await ctx.openWorkload(config);
  const head = await readHeadManifest(ctx.store, run);
  const parameters = await (await openCommittedTensors(ctx, head, files.model)).readAll();
  const optimizerState = await readCommittedTensors(ctx, head, files.optimizer);
  const rates = await ratesInForce(ctx, head, record, workload);

  const epoch = head.epoch + 1;
  const clock = ctx.now();
  const trained = await workload.train(epoch, parameters, optimizerState, rates.parameters, (progress) =>
    ctx.emit({ type: 'step', epoch, ...progress }),
  );
  if (trained.diverged) {
    const { step, loss } = trained.diverged;
    return diverged(state, `the loss became ${loss} in epoch ${epoch}, step ${step}`);
  }
  const metrics = await workload.evaluate(trained.parameters);
  const { metric } = config.convergence;
  if (!Number.isFinite(metrics[metric]))
    return diverged(state, `${metric} became ${metrics[metric]} in epoch ${epoch}`);

  const at = { run, epoch, attempt: ctx.newAttempt() };
  const measured: EpochMetrics = {
    epoch,
    trainLoss: trained.loss,
    losses: trained.losses,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
    ),
    seconds: elapsedSeconds(clock, ctx.now()),
    baseLearningRate: trained.baseLearningRate,
    applied: trained.applied,
    engine: workload.engine,
  };
  return {
    ...state,
    ...at,
    files: await allWritten(
      writeTensors(ctx, at, files.model, trained.parameters),
      writeTensors(ctx, at, files.optimizer, trained.state),
      writeJson(ctx, at, files.metrics, measured),
    ),
    decision: { next: 'analyse', outcome: 'running', reason: `epoch ${epoch} is trained` },
  };
}

/** Nothing of a diverged epoch is kept: the last commit stays, and the best epoch is exported. */
function diverged(state: PipelineState, reason: string): PipelineState {
  return { ...state, attempt: '', files: {}, decision: { next: 'finalise', outcome: 'diverged', reason } };
}
