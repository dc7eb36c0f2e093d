import { encodeJson } from '../../checkpoints/json.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState, PublishInput } from '../messages.ts';
import { isPublished, modelToPublish, type Publication, readPublication } from '../publication.ts';
import { readConfig } from '../records.ts';

/** Publishes the exported model where its run's settings say, once, or notes that it is not, and why. */
export async function publish(ctx: TaskContext, input: PublishInput): Promise<PipelineState> {
  const { approval, error, ...state } = input;
  const { run } = state;
  const after: PipelineState = { ...state, decision: { ...state.decision, next: 'finalise' } };
  const config = await readConfig(ctx.store, run);
  const { publish: settings } = config;
  const { publisher } = ctx;
  if (!settings || !publisher) return after;
  const { to } = settings;
  const model = await modelToPublish(ctx, run, config, approval?.approved === true);
  const isDone = isPublished(await readPublication(ctx, run), settings, model.digest);
  const note = async (what: Pick<Publication, 'status' | 'address'>) => {
    const by = approval?.by === undefined ? {} : { by: approval.by };
    const at = ctx.now().toISOString();
    const record: Publication = { version: 1, to, digest: model.digest, ...what, ...by, at };
    await ctx.store.put(runKeys.publication(run), encodeJson(record));
    await ctx.store.delete(runKeys.approval(run));
  };
  if (state.decision.next === 'approve' && !model.isApproved) {
    const status = approval ? 'declined' : 'unanswered';
    if (!isDone) await note({ status });
    const why = approval ? 'was declined' : `was not answered (${error?.Error ?? 'no answer'})`;
    ctx.emit({ type: 'warning', message: `the model is not published: the question ${why}` });
    return after;
  }
  if (!isDone) {
    const address = await publisher.publish(to, model);
    await note({ status: 'published', address });
    ctx.emit({ type: 'published', run, to, address });
  }
  return after;
}
