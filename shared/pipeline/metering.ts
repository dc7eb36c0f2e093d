/** What tasks use of the cloud: noted beside the run, added up, and held against its budget. */
import { readHead } from '../checkpoints/manifest.ts';
import { runKeys } from '../checkpoints/run-keys.ts';
import { noteSpend } from '../costs/ceiling.ts';
import { type MeterEntry, openUsd, readMeterEntries, writeMeterEntry } from '../costs/meter.ts';
import { type Resource, usdOf, usdOfRequests } from '../costs/prices.ts';
import type { Progress } from '../decisions/decide.ts';
import { type JobPrice, type Spent, transitionsOfFunction } from '../decisions/spending.ts';
import type { TaskContext } from './context.ts';
import type { PipelineState, TaskName } from './messages.ts';
import { progressOf, readLastCommit } from './records.ts';

/** The epoch whose commit will count what is used now. */
async function epochUnderWay({ store }: TaskContext, run: string): Promise<number> {
  const head = await readHead(store, run);
  return head ? head.epoch + 1 : 0;
}

/** A meter entry before its run and epoch are known. */
type Used = Omit<MeterEntry, 'version' | 'run' | 'epoch' | 'at'>;

/** Whether anybody has asked for this run: nothing is written of one that an execution was started with by mistake. */
export const isRequested = async ({ store }: TaskContext, run: string): Promise<boolean> =>
  (await store.get(runKeys.request(run))) !== undefined;

/** Tasks that an execution of such a run comes to. */
const mayBeUnknown: readonly TaskName[] = ['Prepare', 'RecordFailure'];

/** Notes what was used; tells of it when it is new. */
async function note(ctx: TaskContext, run: string, id: string, used: Used): Promise<void> {
  const epoch = await epochUnderWay(ctx, run);
  const at = ctx.now();
  const entry: MeterEntry = { version: 1, run, epoch, ...used, at: at.toISOString() };
  const isNew = await writeMeterEntry(ctx.store, id, entry);
  const { task, usd } = entry;
  if (!isNew || usd === null) return;
  ctx.emit({ type: 'spend', run, task, usd });
  await noteSpend(ctx.store, { run, id, usd, at });
}

/** An invocation of a function as it is billed. */
export interface FunctionUse {
  readonly id: string;
  readonly memoryGb: number;
  /** Billable seconds so far. */
  seconds(): number;
  /** Until it is ended for want of time. */
  readonly secondsLeft: number;
}

/** A function that is about to be ended is noted so many seconds before, as it would not come to it afterwards. */
const noticeSeconds = 3;

/**
 * Does a function's work and notes what it used, whatever becomes of it. That a note can't be written fails no task.
 * @throws what `work` throws.
 */
export async function metered<Output>(
  ctx: TaskContext,
  run: string,
  task: TaskName,
  use: FunctionUse,
  work: () => Promise<Output>,
): Promise<Output> {
  const resource: Resource = { kind: 'lambda', memoryGb: use.memoryGb };
  const noteUse = (more = 0) =>
    unlessImpossible(ctx, async () => {
      const seconds = use.seconds() + more;
      const prices = await ctx.meter?.prices().catch(() => undefined);
      if (!ctx.meter || (mayBeUnknown.includes(task) && !(await isRequested(ctx, run)))) return;
      const requests = { ...ctx.meter.takeRequests(), transitions: transitionsOfFunction };
      const usd = prices ? usdOf({ ...resource, seconds }, prices) + usdOfRequests(requests, prices) : null;
      await note(ctx, run, `${task}-${use.id}`, { task, resource, seconds, ...requests, usd });
    });
  const lastMoment = setTimeout(() => noteUse(noticeSeconds), 1000 * Math.max(0, use.secondsLeft - noticeSeconds));
  try {
    return await work();
  } finally {
    clearTimeout(lastMoment);
    await noteUse();
  }
}

async function unlessImpossible(ctx: TaskContext, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    ctx.emit({ type: 'warning', message: `what the task used could not be noted: ${(error as Error).message}` });
  }
}

const jobEntry = (job: string, part: string | number) => `${jobPrefix(job)}${part}`;
const jobPrefix = (job: string) => `TrainEpoch-${job}-`;

/** What a training job used, by the price that the state has for it. */
function usedByJob(
  { market }: PipelineState['compute'],
  price: JobPrice,
  seconds: number,
  asked = { writes: 0, reads: 0 },
): Used {
  const { resource, usdPerSecond, requestUsd } = price;
  const requests = { ...asked, transitions: 0 };
  const usd = seconds * usdPerSecond + usdOfRequests(requests, { ...requestUsd, stateTransition: 0 });
  return { task: 'TrainEpoch', resource, market, seconds, ...requests, usd };
}

/** In a training job: notes its time and requests since the last note, with its start in the first. */
export async function noteLap(ctx: TaskContext, { run, compute }: PipelineState): Promise<void> {
  const { price } = compute;
  if (!ctx.meter?.job || !price) return;
  const { job } = ctx.meter;
  const { lap, seconds } = job.lap();
  const billed = seconds + (lap === 0 ? price.startSeconds : 0);
  await note(ctx, run, jobEntry(job.id, lap), usedByJob(compute, price, billed, ctx.meter.takeRequests()));
}

/** As `noteLap`; that the note can't be written fails no task: what is missing is noted after the job has failed. */
export const noteLastLap = (ctx: TaskContext, state: PipelineState): Promise<void> =>
  unlessImpossible(ctx, () => noteLap(ctx, state));

/** Notes what a job used by its description and did not note itself: of one that was cut off, the time since its last note. */
export async function noteRestOfJob(
  ctx: TaskContext,
  { run, epoch, compute }: PipelineState,
  { id, seconds }: { id: string; seconds: number },
): Promise<void> {
  if (!ctx.meter || !compute.price) return;
  const last = await epochUnderWay(ctx, run);
  let noted = 0;
  for (let each = Math.min(epoch, last); each <= last; each++) {
    for (const entry of await readMeterEntries(ctx.store, run, each, jobPrefix(id))) noted += entry.seconds;
  }
  const rest = compute.price.startSeconds + seconds - noted;
  if (rest > 0) await note(ctx, run, jobEntry(id, 'rest'), usedByJob(compute, compute.price, rest));
}

/** The progress at a commit, with the dollars that no commit has counted yet: later tries, epochs that a recovery gave up. */
export async function withOpenUsd({ store, meter }: TaskContext, run: string, progress: Progress): Promise<Progress> {
  if (!meter) return progress;
  return { ...progress, usd: (progress.usd ?? 0) + (await openUsd(store, run, progress.epoch + 1)) };
}

/** What the run has used so far, what no commit has counted yet included; `lost` are seconds since the last commit. */
export async function spentSoFar(ctx: TaskContext, run: string, lost = 0): Promise<Spent> {
  const head = await readLastCommit(ctx.store, run);
  const progress = head && (await progressOf(ctx.store, head));
  if (progress) {
    const { seconds, usd } = await withOpenUsd(ctx, run, progress);
    return { seconds: seconds + lost, usd };
  }
  return { seconds: lost, usd: ctx.meter && (await openUsd(ctx.store, run, 0)) };
}
