import { encodeJson } from '../../checkpoints/json.ts';
import { readArtifact, readHeadManifest, readManifest } from '../../checkpoints/manifest.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import { RunError } from '../../core/errors.ts';
import { renderModelCard } from '../../reports/model-card.ts';
import { renderReport } from '../../reports/report.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import { files, type OutcomeRecord, readProgress, readRunRecord } from '../records.ts';
import { readRunReport } from '../run-report.ts';

/** Exports the best epoch's model with its card, writes the report, and notes how the run ended. */
export async function finalise(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const { run, decision } = state;
  const { store } = ctx;
  const text = (content: string) => new TextEncoder().encode(content);
  const { config } = await readRunRecord(store, run);
  const workload = await ctx.openWorkload(config);

  const head = await readHeadManifest(store, run);
  const best = (await readProgress(store, head))?.best?.epoch ?? head.epoch;
  const manifest = best === head.epoch ? head : await readManifest(store, run, best);
  const model = manifest && (await readArtifact(store, manifest, files.model));
  if (!model) throw new RunError(`the best epoch (${best}) has no model`, { where: `${store.label}/${run}` });

  const outcome: OutcomeRecord = {
    outcome: decision.outcome,
    reason: decision.reason,
    at: ctx.now().toISOString(),
  };
  await store.put(runKeys.outcome(run), encodeJson(outcome));
  const report = await readRunReport(store, run);
  await store.put(runKeys.model(run, 'model.safetensors'), model);
  await store.put(runKeys.model(run, 'config.json'), encodeJson(workload.modelConfig));
  await store.put(runKeys.model(run, 'README.md'), text(renderModelCard(report)));
  const page = renderReport({ title: report.name, madeAt: outcome.at, runs: [report] });
  await store.put(runKeys.report(run), text(page));
  ctx.emit({ type: 'finished', run, outcome: outcome.outcome, reason: outcome.reason });
  return state;
}
