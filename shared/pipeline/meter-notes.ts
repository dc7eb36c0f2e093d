/** Notes of what tasks used of the cloud, as entries of the meter: of what a training job says itself, and what is said of it afterwards. */
import { readHead } from '../checkpoints/manifest.ts';
import { noteSpend } from '../costs/ceiling.ts';
import { type MeterEntry, readMeterEntries, replaceMeterEntry, writeMeterEntry } from '../costs/meter.ts';
import { usdOfRequests } from '../costs/prices.ts';
import type { JobPrice } from '../decisions/spending.ts';
import type { TaskContext } from './context.ts';
import type { PipelineState } from './messages.ts';

/** The epoch whose commit will count what is used now. */
async function epochUnderWay({ store }: TaskContext, run: string): Promise<number> {
  const head = await readHead(store, run);
  return head ? head.epoch + 1 : 0;
}

/** A meter entry before its run and epoch are known. */
export type Used = Omit<MeterEntry, 'version' | 'run' | 'epoch' | 'at'>;

/**
 * Notes what was used; tells of it when it is new.
 * @param options.isOwn whether the task itself says so, which may have been taken for cut off meanwhile
 */
export async function note(
  ctx: TaskContext,
  run: string,
  id: string,
  used: Used,
  { isOwn = false } = {},
): Promise<void> {
  const epoch = await epochUnderWay(ctx, run);
  const at = ctx.now();
  const entry: MeterEntry = { version: 1, run, epoch, ...used, at: at.toISOString() };
  const isNew = await writeMeterEntry(ctx.store, id, entry);
  if (!isNew && !isOwn) return;
  if (!isNew) await replaceMeterEntry(ctx.store, id, entry);
  const { task, usd } = entry;
  if (usd === null) return;
  if (isNew) ctx.emit({ type: 'spend', run, task, usd });
  await noteSpend(ctx.store, { run, id, usd, at });
}

/** Does what fails no task when it can't be done: that is told. */
export async function unlessImpossible(ctx: TaskContext, work: () => Promise<void>): Promise<void> {
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
