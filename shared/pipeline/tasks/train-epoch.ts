import { elapsedSeconds } from '../../core/elapsed.ts';
import { epochsPerTask, isBudgetCap } from '../../decisions/task-length.ts';
import type { TaskContext } from '../context.ts';
import { makeEpoch, refuseWhenInterrupted } from '../make-epoch.ts';
import type { PipelineState } from '../messages.ts';
import { noteLap, noteLastLap } from '../meter-notes.ts';
import { readConfig } from '../records.ts';
import { mayPass, namedError } from '../task-failure.ts';
import { writeResult } from '../task-result.ts';
import { measureTest, testedFirst } from '../test-data.ts';
import { analyseShard } from './analyse-shard.ts';
import { checkpoint } from './checkpoint.ts';
import { planAnalysis } from './plan-analysis.ts';
import { setRates } from './set-rates.ts';

/**
 * The training task: makes an epoch, or several of which it commits all but the last itself, or measures a run that ends on its
 * test data, and leaves the state after it in the store as its result. So does an error for which it is not to be run again.
 * @throws InterruptedError when the process was told to end, and TransientError: without a result, the task is run again.
 */
export async function trainEpoch(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  let result: PipelineState;
  try {
    result = await trainSome(ctx, state);
  } catch (error) {
    if (!mayPass(error)) await writeResult(ctx.store, state, { error: told(ctx, error) }).catch(() => undefined);
    throw error;
  } finally {
    await noteLastLap(ctx, state);
  }
  await writeResult(ctx.store, state, { state: result });
  return result;
}

/** An error as people can read it who were never on this machine. */
function told({ withAddresses = (text) => text }: TaskContext, error: unknown): { name: string; message: string } {
  const { name, message } = namedError(error);
  return { name, message: withAddresses(message) };
}

/** Goes on in this task as long as that is worth it, the job's time does for one more epoch, and nothing says stop. */
async function trainSome(ctx: TaskContext, before: PipelineState): Promise<PipelineState> {
  if (before.decision.next === 'test') return measureTest(ctx, before);
  const config = await readConfig(ctx.store, before.run);
  const { compute } = config;
  const { startSeconds } = ctx;
  const began = ctx.now();
  const secondsLeft = jobSeconds(before.compute, began);
  let longestSeconds = 0;
  /** The end of the task; where all that is left is to measure on test data, that is done too, unless the job's time may be short. */
  const endOf = async (state: PipelineState): Promise<PipelineState> => {
    const reached = await testedFirst(ctx, state, config, { isTried: true });
    const isNextJobs = reached.decision.next !== 'test' || isBudgetCap(secondsLeft) || ctx.stopRequested?.();
    return isNextJobs ? reached : measureTest(ctx, reached);
  };
  for (let state = before, made = 1; ; made++) {
    const roundBegan = ctx.now();
    const attempt = await makeEpoch(ctx, state);
    const { epochSeconds } = attempt;
    const wanted = epochsPerTask(compute.epochsPerTask, { startSeconds, epochSeconds, secondsLeft });
    const isLast = made >= wanted || ctx.stopRequested?.() || attempt.state.decision.next !== 'analyse';
    if (isLast) return endOf(attempt.state);
    state = await commitHere(ctx, attempt.state);
    const now = ctx.now();
    longestSeconds = Math.max(longestSeconds, elapsedSeconds(roundBegan, now));
    const isTimeUp = startSeconds + elapsedSeconds(began, now) + longestSeconds > secondsLeft;
    if (state.decision.next !== 'train' || isTimeUp) return endOf(state);
    refuseWhenInterrupted(ctx);
  }
}

/** How long a job may run that begins now; waiting may have taken some of it. */
function jobSeconds({ attemptSeconds, endsAt }: PipelineState['compute'], now: Date): number {
  return endsAt === undefined ? attemptSeconds : Math.min(attemptSeconds, (Date.parse(endsAt) - now.getTime()) / 1000);
}

/** Does with an attempt what the workflow would do, in this process. */
async function commitHere(ctx: TaskContext, attempt: PipelineState): Promise<PipelineState> {
  const { shards } = await planAnalysis(ctx, attempt);
  for (const shard of shards) await analyseShard(ctx, { ...attempt, shard, shards: shards.length });
  const rated = await setRates(ctx, { ...attempt, shards });
  await noteLap(ctx, attempt);
  return checkpoint(ctx, rated);
}
