import { elapsedSeconds } from '../../core/elapsed.ts';
import { RunError, UserError } from '../../core/errors.ts';
import { type JobFailure, triesAfter } from '../../decisions/compute.ts';
import { isBudgetCap } from '../../decisions/task-length.ts';
import { computeState, sinceCommit } from '../compute.ts';
import type { TaskContext } from '../context.ts';
import { eventsOfJob } from '../history.ts';
import type { CollectInput, PipelineState } from '../messages.ts';
import { progressOf, readConfig, readLastCommit } from '../records.ts';
import { type ClassifiedFailure, classifyFailure } from '../task-failure.ts';
import { readResult } from '../task-result.ts';

/**
 * Takes up the result that the training task left in the store, whatever became of its job afterwards. Without one it
 * decides by what is said of the job: try again, elsewhere if need be; finalise when the job ran into the budget.
 * @throws UserError or the task's own error when there is no use in trying again.
 */
export async function collectEpoch(ctx: TaskContext, { error, ...before }: CollectInput): Promise<PipelineState> {
  const state = { ...before, events: before.events + eventsOfJob() };
  const result = await readResult(ctx.store, before);
  if (result && 'state' in result) return { ...result.state, events: state.events };
  if (result) throw errorNamed(result.error);
  if (!error)
    throw new RunError('the training task ended without a result', { where: `${ctx.store.label}/${before.run}` });
  const failure = classifyFailure(error);
  if (failure.kind === 'final') throw errorNamed(failure);
  if (failure.kind === 'timeout' && isBudgetCap(state.compute.attemptSeconds)) return outOfBudget(ctx, state, failure);
  return tryAgain(ctx, state, failure, failure.kind === 'timeout' ? 'passing' : failure.kind);
}

/** An error as the task threw it, as far as the workflow needs to tell errors apart. */
function errorNamed({ name, message }: { name: string; message: string }): Error {
  return name === 'UserError' ? new UserError(message) : new RunError(message);
}

async function tryAgain(
  ctx: TaskContext,
  state: PipelineState,
  { message }: ClassifiedFailure,
  failure: JobFailure,
): Promise<PipelineState> {
  const { run, compute, job } = state;
  const tries = triesAfter(failure, { ...compute, failures: job.failures });
  if (!tries) throw new RunError(`the training task failed ${job.try + 1} times, the last time so: ${message}`);
  const { market, interruptions, failures } = tries;
  const reason = `${message}: tried again on ${market === 'spot' ? 'a Spot instance' : 'an on-demand instance'}`;
  ctx.emit({ type: 'warning', message: reason });
  const head = await readLastCommit(ctx.store, run);
  const lost = elapsedSeconds(sinceCommit(state, head), ctx.now());
  const spent = lost + (head ? (await progressOf(ctx.store, head)).seconds : 0);
  return {
    ...state,
    attempt: '',
    files: {},
    decision: { next: 'train', outcome: 'running', reason },
    compute: computeState(ctx, await readConfig(ctx.store, run), { ...compute, market, interruptions }, spent),
    job: { ...job, try: job.try + 1, failures },
  };
}

/** Ends a run that has a model; the epoch that took too long is not kept. */
async function outOfBudget(
  ctx: TaskContext,
  state: PipelineState,
  { message }: ClassifiedFailure,
): Promise<PipelineState> {
  if (!(await readLastCommit(ctx.store, state.run))) {
    throw new UserError(`the budget is used up before the model is evaluated even once (${message})`, {
      remedy: 'Raise `budget`, or take a smaller model or less data.',
    });
  }
  const reason = `epoch ${state.epoch} took longer than what was left of the budget`;
  return { ...state, attempt: '', files: {}, decision: { next: 'finalise', outcome: 'budget', reason } };
}
