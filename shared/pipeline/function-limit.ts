/** How long a call of a function may take, so that the dollars of its run's budget are not exceeded. */
import type { RunConfig } from '../config/run-file.ts';
import { BudgetError, RunError, UserError } from '../core/errors.ts';
import type { BegunCall } from '../costs/begun-calls.ts';
import { type NamedEntry, readOpenEntries } from '../costs/meter.ts';
import { type RegionPrices, usdPerSecond } from '../costs/prices.ts';
import {
  type FunctionShares,
  failureSeconds,
  functionShares,
  functionsOfPublishing,
  leastFunctionSeconds,
  usdOfCall,
} from '../decisions/spending.ts';
import type { TaskContext } from './context.ts';
import { endGivenUpJob, noteJobTime } from './ended-job.ts';
import { budgetTooSmall } from './job-price.ts';
import { type PipelineState, stateSchema, type TaskName, taskMessages } from './messages.ts';
import { progressOf, readConfig, readLastCommit, readRequest } from './records.ts';

/** A task that a function is called for, and what it is given. */
export interface CalledTask {
  readonly run: string;
  readonly task: TaskName;
  /** The state that it is given. */
  readonly message: unknown;
}

/** Tasks that an execution comes to of a run that nobody has asked for; or whose settings are newer than its record. */
export const mayBeUnknown: readonly TaskName[] = ['Prepare', 'RecordFailure'];

/** Tasks after whose refusal the run ends with its last commit, as the document has it. */
const refusedToEnd: readonly TaskName[] = ['CollectEpoch', 'PlanAnalysis', 'AnalyseShard', 'SetRates', 'Checkpoint'];

/** Parts of a state that limits rest on; empty where it is none, which the task says itself. */
const partsOf = (message: unknown): Partial<Pick<PipelineState, 'compute' | 'decision'>> =>
  stateSchema.pick({ compute: true, decision: true }).partial().safeParse(message).data ?? {};

const shardOf = ({ task, message }: CalledTask) =>
  task === 'AnalyseShard' ? taskMessages.AnalyseShard.input.safeParse(message).data : undefined;

/** What the ids of all calls of the shards of an analysis begin with. */
const analysisName = ({ attempt }: { attempt: string }) => `AnalyseShard-${attempt}-`;

/** What the ids of all calls begin with that are tries of the same. */
export function nameOfCall(call: CalledTask): string {
  const shard = shardOf(call);
  return shard ? `${analysisName(shard)}${shard.shard}-` : `${call.task}-`;
}

/** What a run has used, each part under its id, and by its last commit; in US dollars. */
interface Spending {
  readonly committed: number;
  readonly parts: readonly { readonly id: string; readonly task: string; readonly usd: number }[];
}

const sumOf = (parts: Spending['parts'], prefix = '') =>
  parts.reduce((sum, { id, usd }) => sum + (id.startsWith(prefix) ? usd : 0), 0);

/**
 * The billable seconds that the call may take; infinite where the run has no budget in dollars.
 * @param begun calls that are under way beside it, or were cut off
 * @param used seconds that it has taken already
 * @throws BudgetError where they are too few for a function that the run can do without: it ends with its last commit.
 * @throws UserError where they are too few for another.
 */
export async function allowedSeconds(
  ctx: TaskContext,
  call: CalledTask,
  { memoryGb, used, begun }: { memoryGb: number; used: number; begun: readonly BegunCall[] },
): Promise<number> {
  const config = await configOf(ctx, call);
  const prices = config?.budget.usd === undefined ? undefined : await ctx.meter?.prices();
  if (!config || !prices) return Number.POSITIVE_INFINITY;
  await settleJob(ctx, call);
  const spending = await spendingOf(ctx, call.run, begun);
  const kept = keptAfter(call, config, memoryGb, prices);
  const usd = config.budget.usd! - spending.committed - kept;
  const allowed = shareOf(call, usd, spending.parts) - usdOfCall(memoryGb, 0, prices);
  const paid = allowed / usdPerSecond({ kind: 'lambda', memoryGb }, prices);
  const seconds = followsJob(call) ? Math.min(paid, failureSeconds) : paid;
  if (seconds < used + leastFunctionSeconds) throw await refusal(ctx, call, config, { spending, kept });
  return seconds;
}

/** The settings by which the run is bound: those asked for, until Prepare has taken them over. */
async function configOf(ctx: TaskContext, { run, task }: CalledTask): Promise<RunConfig | undefined> {
  try {
    return mayBeUnknown.includes(task) ? (await readRequest(ctx.store, run)).config : await readConfig(ctx.store, run);
  } catch (error) {
    // The task says so itself.
    if (error instanceof RunError) return undefined;
    throw error;
  }
}

/** Whether it is RecordFailure after a CollectEpoch that failed: it may not be known what the job has used. */
const followsJob = ({ task, message }: CalledTask): boolean =>
  task === 'RecordFailure' && ['train', 'test'].includes(partsOf(message).decision?.next ?? '');

/** What the job has used that CollectEpoch is called for is noted first. */
async function settleJob(ctx: TaskContext, { task, message }: CalledTask): Promise<void> {
  const given = task === 'CollectEpoch' ? taskMessages.CollectEpoch.input.safeParse(message).data : undefined;
  if (!given) return;
  await noteJobTime(ctx, given);
  await endGivenUpJob(ctx, given);
}

async function spendingOf({ store }: TaskContext, run: string, begun: readonly BegunCall[]): Promise<Spending> {
  const head = await readLastCommit(store, run);
  const progress = head && (await progressOf(store, head));
  const noted = await readOpenEntries(store, run, progress ? progress.epoch + 1 : 0);
  const partOf = ({ id, entry }: NamedEntry) => ({ id, task: entry.task, usd: entry.usd ?? 0 });
  const parts = [...noted.map(partOf), ...begun.map(({ id, task, mostUsd }) => ({ id, task, usd: mostUsd ?? 0 }))];
  return { committed: progress?.usd ?? 0, parts };
}

/** What is kept for the functions that may follow, in US dollars. */
function keptAfter(
  { task, message }: CalledTask,
  { publish }: RunConfig,
  memoryGb: number,
  prices: RegionPrices,
): number {
  const own = functionShares(memoryGb, prices);
  const shares: FunctionShares = partsOf(message).compute?.price?.sharesUsd ?? own;
  const { finalise, failure } = shares;
  switch (task) {
    // A call that is refused.
    case 'RecordFailure':
      return usdOfCall(memoryGb, leastFunctionSeconds, prices);
    case 'Publish':
      return failure;
    case 'AskApproval':
      return failure + shares.task;
    default: {
      const publishing = publish ? functionsOfPublishing * shares.task : 0;
      return failure + publishing + (task === 'Finalise' ? 0 : finalise);
    }
  }
}

/** What is left for this call of what is left in all but for `parts`: shards of an analysis have equal parts of it. */
function shareOf(call: CalledTask, usd: number, parts: Spending['parts']): number {
  const shard = shardOf(call);
  if (!shard) return usd - sumOf(parts);
  const before = sumOf(parts) - sumOf(parts, analysisName(shard));
  return (usd - before) / shard.shards - sumOf(parts, nameOfCall(call));
}

async function refusal(
  ctx: TaskContext,
  { run, task, message }: CalledTask,
  config: RunConfig,
  { spending: { committed, parts }, kept }: { spending: Spending; kept: number },
): Promise<Error> {
  const budget = config.budget.usd!;
  const spent = committed + sumOf(parts);
  const usd = (value: number) => `${value.toPrecision(3)} USD`;
  const byTask = new Map<string, number>();
  for (const part of parts) byTask.set(part.task, (byTask.get(part.task) ?? 0) + part.usd);
  const list = [...byTask].map(([name, used]) => `${name} ${usd(used)}`).join(', ');
  const head = await readLastCommit(ctx.store, run);
  const parted = list === '' ? '' : ` (${head ? 'since the last commit: ' : ''}${list})`;
  const why = `${task} can't be paid for: ${usd(spent)} are spent${parted}, ${usd(kept)} are kept for the end`;
  if (!head) return budgetTooSmall(config, { seconds: 0, usd: spent }, partsOf(message).compute?.price, why);
  const error = refusedToEnd.includes(task) ? BudgetError : UserError;
  return new error(`the budget of ${budget} USD is used up: ${why}`, {
    where: 'budget.usd',
    remedy: 'What is committed is kept: raise it, and resume the run.',
  });
}
