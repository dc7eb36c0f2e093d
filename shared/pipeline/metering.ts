/** What functions use of the cloud, and may: held against the budget of their run, noted and added up. */
import { runKeys } from '../checkpoints/run-keys.ts';
import { elapsedSeconds } from '../core/elapsed.ts';
import { type BegunCall, forgetBegunCall, readBegunCalls, writeBegunCall } from '../costs/begun-calls.ts';
import { openUsd } from '../costs/meter.ts';
import { type RegionPrices, type Requests, type Resource, usdOf, usdOfRequests } from '../costs/prices.ts';
import type { Progress } from '../decisions/decide.ts';
import {
  decidingSeconds,
  decidingShare,
  requestsOfCall,
  type Spent,
  transitionsOfFunction,
  usdOfCall,
} from '../decisions/spending.ts';
import type { Meter, TaskContext } from './context.ts';
import { allowedSeconds, type CalledTask, mayBeUnknown, nameOfCall } from './function-limit.ts';
import { note, type Used, unlessImpossible } from './meter-notes.ts';
import { progressOf, readLastCommit } from './records.ts';

/** Whether anybody has asked for this run: nothing is written of one that an execution was started with by mistake. */
export const isRequested = async ({ store }: TaskContext, run: string): Promise<boolean> =>
  (await store.get(runKeys.request(run))) !== undefined;

/** An invocation of a function as it is billed. */
export interface FunctionUse {
  readonly id: string;
  readonly memoryGb: number;
  /** Billable seconds so far. */
  seconds(): number;
  /** Until it is ended for want of time. */
  readonly secondsLeft: number;
  /** Ends its process once it has taken so many billable seconds, whatever it is at; undefined: not before its own limit. */
  endAfter(seconds: number | undefined): void;
}

/** A function that is about to be ended is noted so many seconds before, as it would not come to it afterwards. */
const noticeSeconds = 3;

/** What a function may take until it knows what it may take: it reads that from the store, which may hang. */
const firstSeconds = 60;

/** What a call used, where its requests are known and where they are not. */
function usedByCall(
  { task, memoryGb }: Pick<BegunCall, 'task' | 'memoryGb'>,
  seconds: number,
  requests: Requests,
  prices: RegionPrices | undefined,
): Used {
  const resource: Resource = { kind: 'lambda', memoryGb };
  const usd = prices ? usdOf({ ...resource, seconds }, prices) + usdOfRequests(requests, prices) : null;
  return { task, resource, seconds, ...requests, usd };
}

/**
 * Does a function's work and notes what it used, whatever becomes of it; a call that is cut off has a note from its beginning, by which the next one
 * counts it. Where the run has a budget in dollars, it is ended when it has used what it may. That a note can't be written fails no task.
 * @throws what `work` throws.
 * @throws BudgetError or UserError where the rest of the budget does not pay for it.
 */
export async function metered<Output>(
  ctx: TaskContext,
  call: CalledTask,
  use: FunctionUse,
  work: (ctx: TaskContext) => Promise<Output>,
): Promise<Output> {
  const { meter } = ctx;
  if (!meter || (mayBeUnknown.includes(call.task) && !(await isRequested(ctx, call.run)))) return work(ctx);
  const id = `${nameOfCall(call)}${use.id}`;
  let isNoted = false;
  const noteUse = (more = 0) =>
    unlessImpossible(ctx, async () => {
      if (isNoted) return;
      const requests = { ...meter.takeRequests(), transitions: transitionsOfFunction };
      const { task } = call;
      const used = usedByCall({ task, memoryGb: use.memoryGb }, use.seconds() + more, requests, await pricesOf(meter));
      await note(ctx, call.run, id, used, { isOwn: true });
      isNoted = true;
    });
  const lastMoment = setTimeout(
    () => noteUse(noticeSeconds),
    1000 * Math.max(0, use.secondsLeft - noticeSeconds),
  ).unref();
  try {
    use.endAfter(firstSeconds);
    const limited = await begin(ctx, call, use, id);
    return await work({ ...ctx, meter: { ...meter, ...(limited ? { call: limited } : {}) } });
  } finally {
    clearTimeout(lastMoment);
    await noteUse();
    await unlessImpossible(ctx, () => forgetBegunCall(ctx.store, call.run, id));
    use.endAfter(undefined);
  }
}

const pricesOf = (meter: Meter): Promise<RegionPrices | undefined> => meter.prices().catch(() => undefined);

/** Counts calls that were cut off before, says for how long this one may run, and notes that it has begun. */
async function begin(
  ctx: TaskContext,
  call: CalledTask,
  use: FunctionUse,
  id: string,
): Promise<Meter['call'] | undefined> {
  const { run, task } = call;
  const { memoryGb } = use;
  const prices = ctx.meter && (await pricesOf(ctx.meter));
  const began = new Date(ctx.now().getTime() - 1000 * use.seconds());
  const begun = await countCutOff(ctx, call, began, prices);
  const allowed = await allowedSeconds(ctx, call, { memoryGb, used: use.seconds(), begun });
  const isLimited = Number.isFinite(allowed);
  use.endAfter(isLimited ? allowed : undefined);
  const mostSeconds = Math.min(use.seconds() + use.secondsLeft, allowed);
  const startedAt = began.toISOString();
  const mostUsd = prices ? usdOfCall(memoryGb, mostSeconds, prices) : null;
  await unlessImpossible(ctx, () =>
    writeBegunCall(ctx.store, run, { version: 1, id, task, memoryGb, startedAt, mostSeconds, mostUsd }),
  );
  if (!isLimited || !prices) return undefined;
  const besideUsd = begun.reduce((sum, each) => sum + (each.mostUsd ?? 0), 0);
  const more = Math.max(decidingSeconds, decidingShare * (allowed - use.seconds()));
  let limit = mostSeconds;
  return {
    usdUntilItsEnd() {
      limit = Math.min(limit, use.seconds() + more);
      use.endAfter(limit);
      return besideUsd + usdOfCall(memoryGb, limit, prices);
    },
  };
}

/** Notes what calls used that were cut off before this one. @returns those that may still be under way, or could not be noted. */
async function countCutOff(
  ctx: TaskContext,
  call: CalledTask,
  began: Date,
  prices: RegionPrices | undefined,
): Promise<readonly BegunCall[]> {
  const { store } = ctx;
  const { run } = call;
  const left: BegunCall[] = [];
  for (const before of await readBegunCalls(store, run)) {
    const seconds = elapsedSeconds(new Date(before.startedAt), began);
    // Tasks of an execution follow each other; shards don't, and the others of an analysis that has failed may go on.
    const isOver = before.task !== 'AnalyseShard' || before.id.startsWith(nameOfCall(call));
    let isCounted = false;
    if (isOver || seconds >= before.mostSeconds) {
      await unlessImpossible(ctx, async () => {
        const used = usedByCall(before, Math.min(seconds, before.mostSeconds), requestsOfCall, prices);
        await note(ctx, run, before.id, used);
        isCounted = true;
        await forgetBegunCall(store, run, before.id);
      });
    }
    if (!isCounted) left.push(before);
  }
  return left;
}

/** What the function that asks comes to, and calls beside it; none in a training job, which notes its laps, and without a budget in dollars. */
const usdOfThisCall = ({ call }: Meter): number => call?.usdUntilItsEnd() ?? 0;

/** The progress at a commit, with the dollars that no commit has counted yet: later tries, epochs that a recovery gave up, this function. */
export async function withOpenUsd({ store, meter }: TaskContext, run: string, progress: Progress): Promise<Progress> {
  if (!meter) return progress;
  const open = (await openUsd(store, run, progress.epoch + 1)) + usdOfThisCall(meter);
  return { ...progress, usd: (progress.usd ?? 0) + open };
}

/** What the run has used so far, what no commit has counted yet included; `lost` are seconds since the last commit. */
export async function spentSoFar(ctx: TaskContext, run: string, lost = 0): Promise<Spent> {
  const head = await readLastCommit(ctx.store, run);
  const progress = head && (await progressOf(ctx.store, head));
  if (progress) {
    const { seconds, usd } = await withOpenUsd(ctx, run, progress);
    return { seconds: seconds + lost, usd };
  }
  return { seconds: lost, usd: ctx.meter && (await openUsd(ctx.store, run, 0)) + usdOfThisCall(ctx.meter) };
}
