import { openAttemptTensors, writeJson } from '../attempt.ts';
import { measure, shardsOf } from '../balanced-rates.ts';
import type { TaskContext } from '../context.ts';
import type { ShardInput } from '../messages.ts';
import { files, readRunRecord } from '../records.ts';

/** Measures the layers of one shard of the attempt's model, and leaves their spectra beside it. */
export async function analyseShard(
  ctx: TaskContext,
  { run, epoch, attempt, shard, shards }: ShardInput,
): Promise<{ shard: number }> {
  const at = { run, epoch, attempt };
  const record = await readRunRecord(ctx.store, run);
  const model = await openAttemptTensors(ctx, at, files.model);
  const spectra = await measure(ctx, record, model, shardsOf(record, shards)[shard]!);
  await writeJson(ctx, at, files.shard(shard, shards), spectra);
  return { shard };
}
