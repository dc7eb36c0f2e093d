import { encodeJson } from '../../checkpoints/json.ts';
import { runKeys } from '../../checkpoints/run-keys.ts';
import type { TaskContext } from '../context.ts';
import type { PipelineState } from '../messages.ts';
import { approvalDays } from '../publication.ts';
import { readConfig } from '../records.ts';

/** Notes who waits for an answer, and tells people of it. */
export async function askApproval(
  ctx: TaskContext,
  { state: { run }, token }: { state: PipelineState; token: string },
): Promise<{ asked: boolean }> {
  const { publish } = await readConfig(ctx.store, run);
  if (!publish) return { asked: false };
  const { to } = publish;
  const now = ctx.now();
  const until = new Date(now.getTime() + approvalDays * 86_400_000).toISOString();
  const approval = { version: 1, to, token, askedAt: now.toISOString(), until };
  await ctx.store.put(runKeys.approval(run), encodeJson(approval));
  ctx.emit({ type: 'approval', run, to, days: approvalDays });
  return { asked: true };
}
