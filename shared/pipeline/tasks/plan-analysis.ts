import { shardCount } from '../balanced-rates.ts';
import type { TaskContext } from '../context.ts';
import { eventsOfCommit } from '../history.ts';
import type { PipelineState, PlannedState } from '../messages.ts';
import { isMeasured } from '../rate-timing.ts';
import { readRunRecord } from '../records.ts';

/**
 * Into how many shards the attempt's layers are shared out. Between two analyses there are none: the rates of the last one
 * stay. A run without balancing is measured too, so that it can be compared, and so is the last epoch.
 */
export async function planAnalysis(ctx: TaskContext, state: PipelineState): Promise<PlannedState> {
  const record = await readRunRecord(ctx.store, state.run);
  const count = isMeasured(record, state.epoch) ? shardCount(ctx, record) : 0;
  const shards = Array.from({ length: count }, (_, shard) => shard);
  return { ...state, events: state.events + eventsOfCommit(count), shards };
}
