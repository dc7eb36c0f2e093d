import type { ArtifactStore } from '../../checkpoints/artifact-store.ts';
import { encodeJson } from '../../checkpoints/json.ts';
import { type Manifest, readArtifact, readHeadManifest, readManifest } from '../../checkpoints/manifest.ts';
import { pruneResults } from '../../checkpoints/prune.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import { RunError } from '../../core/errors.ts';
import { exportRemark, type Progress } from '../../decisions/decide.ts';
import { BeyondRangeError, type ExportDtype } from '../../models/hugging-face/export-precision.ts';
import { renderModelCard } from '../../reports/model-card.ts';
import { renderReport } from '../../reports/report.ts';
import type { TaskContext } from '../context.ts';
import { isTakenOver, leave } from '../execution.ts';
import type { FinaliseInput, PipelineState } from '../messages.ts';
import { publishedNext } from '../publication.ts';
import {
  describeDrawn,
  explainOutcome,
  modelFileOf,
  type OutcomeRecord,
  type RunRecord,
  readLastCommit,
  readProgress,
  readRunRecord,
} from '../records.ts';
import { announceEnd } from '../run-events.ts';
import { dtypeOfRun, exportedFiles, modelOfRun } from '../run-model.ts';
import { readRunReport } from '../run-report.ts';
import { plainMessage } from '../task-failure.ts';
import { trackEnd } from '../trackers.ts';

/**
 * Exports the best epoch's model, notes how the run ended, and writes the model's card and the report: the report of a long
 * run takes longest, and without it there is a model and an outcome nevertheless. With an error, the budget does not pay for the function that it is of.
 */
export async function finalise(ctx: TaskContext, { error, ...before }: FinaliseInput): Promise<PipelineState> {
  const { run } = before;
  const { store } = ctx;
  // Of a run that another execution goes on with, it is no end that this one can't pay for more.
  if (error && isTakenOver(await readLastCommit(store, run), before)) return leave(ctx, before);
  const state = error ? endedByBudget(before, plainMessage(error)) : before;
  const { decision } = state;
  const text = (content: string) => new TextEncoder().encode(content);
  const recorded = await readRunRecord(store, run);
  const warn = (message: string) => ctx.emit({ type: 'warning', message });
  const { progress, epoch: exported, bytes: weights } = await bestModel(ctx, run, warn);
  const { files: written, dtype } = await filesOf(recorded, weights, warn);
  for (const [name, bytes] of written) await store.put(runKeys.model(run, name), bytes);
  const { outcome, reason } = decision;
  const at = ctx.now().toISOString();
  const { metric } = recorded.config.convergence;
  const remark = progress && exportRemark(progress, { exported, metric, drawn: describeDrawn(recorded) });
  const record: OutcomeRecord = { outcome, reason, ...(remark === undefined ? {} : { remark }), at };
  await store.put(runKeys.outcome(run), encodeJson(record));
  await trackEnd(ctx, run, recorded, record);

  const report = await readRunReport(store, run, warn);
  await store.put(runKeys.model(run, 'README.md'), text(renderModelCard(report, undefined, { dtype })));
  const page = renderReport({ title: report.name, madeAt: at, runs: [report] });
  await store.put(runKeys.report(run), text(page));
  await pruneResults(store, run, state.epoch);
  const usd = report.cost?.usd;
  ctx.emit({ type: 'finished', run, outcome, reason: explainOutcome(record), ...(usd === undefined ? {} : { usd }) });
  const { config } = recorded;
  await announceEnd(ctx, run, config, { epoch: progress?.epoch ?? exported, record, progress, usd });
  return publishedNext(ctx, state, config);
}

/** The state of a run whose budget does not pay for another of its functions; one that had ended before ended as it did. */
function endedByBudget(state: PipelineState, why: string): PipelineState {
  const { outcome, reason } = state.decision;
  const decision =
    outcome === 'running' ? { outcome: 'budget' as const, reason: why } : { outcome, reason: `${reason}; ${why}` };
  return { ...state, attempt: '', files: {}, decision: { next: 'finalise', ...decision } };
}

/** The model's files in the type that the settings ask for; in float32 where it has no place in that, so that there is always a model. */
async function filesOf(
  record: RunRecord,
  weights: Uint8Array,
  warn: (message: string) => void,
): Promise<{ files: Map<string, Uint8Array>; dtype: ExportDtype }> {
  const dtype = dtypeOfRun(record);
  const model = modelOfRun(record);
  try {
    return { files: await exportedFiles(model, weights, dtype), dtype };
  } catch (error) {
    if (!(error instanceof BeyondRangeError)) throw error;
    warn(`the model is exported in float32, not in ${dtype} (output.dtype): ${error.message}`);
    return { files: await exportedFiles(model, weights), dtype: 'float32' };
  }
}

/** A model to be exported. */
interface ChosenModel {
  readonly epoch: number;
  readonly bytes: Uint8Array;
  /** The progress after the last epoch. */
  readonly progress: Progress | undefined;
}

/** The best epoch's weights; where they are damaged or there is none, those of the last epoch, so that there is always a model. */
async function bestModel(ctx: TaskContext, run: string, warn: (message: string) => void): Promise<ChosenModel> {
  const { store } = ctx;
  const head = await readHeadManifest(store, run);
  const progress = await readProgress(store, head);
  const best = progress?.best?.epoch ?? head.epoch;
  if (best !== head.epoch) {
    try {
      const bytes = await modelOf(store, await readManifest(store, run, best), `the best epoch (${best})`);
      return { epoch: best, bytes, progress };
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      warn(`${error.message}; exporting the model of the last epoch (${head.epoch}) instead`);
    }
  }
  const bytes = await modelOf(store, head, `the last epoch (${head.epoch})`);
  return { epoch: head.epoch, bytes, progress };
}

async function modelOf(store: ArtifactStore, manifest: Manifest | undefined, which: string): Promise<Uint8Array> {
  const model = manifest && (await readArtifact(store, manifest, modelFileOf(manifest)));
  if (!model) throw new RunError(`${which} has no model`, { where: store.label });
  return model;
}
