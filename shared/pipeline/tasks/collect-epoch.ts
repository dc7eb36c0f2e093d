import type { Manifest } from '../../checkpoints/manifest.ts';
import { elapsedSeconds } from '../../core/elapsed.ts';
import { RunError, UserError } from '../../core/errors.ts';
import { type JobFailure, triesAfter } from '../../decisions/compute.ts';
import { paysForJob, secondsLeft } from '../../decisions/spending.ts';
import { isBudgetCap } from '../../decisions/task-length.ts';
import { computeState, limitsOf, sinceCommit } from '../compute.ts';
import type { TaskContext } from '../context.ts';
import { decideAfter } from '../decide-next.ts';
import { endGivenUpJob, noteJobTime } from '../ended-job.ts';
import { isTakenOver, leave } from '../execution.ts';
import { handedOver } from '../hand-over.ts';
import { eventsOfJob, handedOverWhenFull } from '../history.ts';
import { budgetTooSmall } from '../job-price.ts';
import type { CollectInput, PipelineState } from '../messages.ts';
import { spentSoFar } from '../metering.ts';
import { readConfig, readLastCommit } from '../records.ts';
import { type ClassifiedFailure, classifyFailure, withReason } from '../task-failure.ts';
import { readResult } from '../task-result.ts';
import { endsWithTest, endUntested, testedFirst } from '../test-data.ts';

/**
 * Takes up the result that the training task left in the store, whatever became of its job afterwards. Without one it
 * decides by what is said of the job: try again, elsewhere if need be; finalise when the job ran into the budget.
 * @throws UserError or the task's own error when there is no use in trying again.
 */
export async function collectEpoch(ctx: TaskContext, given: CollectInput): Promise<PipelineState> {
  const { error, ...before } = given;
  const state = { ...before, events: before.events + eventsOfJob() };
  await noteJobTime(ctx, given);
  const result = await readResult(ctx.store, before);
  if (result && 'state' in result) return withinBudget(ctx, { ...result.state, events: state.events });
  if (result) throw errorNamed(result.error);
  if (!error)
    throw new RunError('the training task ended without a result', { where: `${ctx.store.label}/${before.run}` });
  const ended = await endGivenUpJob(ctx, given);
  const failure = withReason(classifyFailure(error), ended?.reason);
  if (failure.kind === 'final' || failure.kind === 'stopped') throw errorNamed(failure);
  if (failure.kind === 'timeout' && isBudgetCap(state.compute.attemptSeconds)) return outOfBudget(ctx, state, failure);
  const head = await readLastCommit(ctx.store, state.run);
  if (isTakenOver(head, state)) return leave(ctx, state);
  const kind = failure.kind === 'timeout' ? 'hang' : failure.kind;
  if (!head || head.epoch < state.epoch) return tryAgain(ctx, state, failure, kind);
  const config = await readConfig(ctx.store, state.run);
  const decision = await decideAfter(ctx, head, config, state.compute.price, sinceCommit(state, head));
  const reached = await testedFirst(ctx, { ...afterCommits(state, head), decision }, config);
  if (reached.decision.next === 'finalise') return reached;
  const again = await tryAgain(ctx, reached, failure, kind);
  const tests = endsWithTest(config);
  return { ...again, decision: handedOverWhenFull(again.decision, state.events, ctx.historyEvents, { tests }) };
}

/** The state that a job left after which another one follows: what it decided on that holds for what was left of the budget then. */
async function withinBudget(ctx: TaskContext, state: PipelineState): Promise<PipelineState> {
  const { run, compute, decision } = state;
  if (!ctx.meter || !['train', 'test'].includes(decision.next)) return state;
  const config = await readConfig(ctx.store, run);
  const head = await readLastCommit(ctx.store, run);
  const { usd, hours } = config.budget;
  if ((usd ?? hours) === undefined || !head || isTakenOver(head, state)) return state;
  const since = sinceCommit(state, head);
  if (decision.next === 'train') {
    const anew = await decideAfter(ctx, head, config, compute.price, since);
    if (anew.next === 'finalise') return testedFirst(ctx, { ...state, decision: anew }, config, { isTried: true });
  }
  const until = ctx.now();
  const spent = await spentSoFar(ctx, run, elapsedSeconds(since, until));
  if (decision.next === 'test' && !paysForJob(spent, config.budget, compute.price)) return endUntested(ctx, state);
  return { ...state, compute: { ...compute, ...limitsOf(compute, config, { ...spent, until }, ctx.now) } };
}

/** The state after epochs that the job has committed before it failed: tries and failures are counted for each epoch. */
const afterCommits = (state: PipelineState, head: Manifest): PipelineState => ({
  ...state,
  epoch: head.epoch + 1,
  attempt: '',
  files: {},
  job: { ...state.job, try: 0, failures: 0 },
});

/** An error as the task threw it, as far as the workflow needs to tell errors apart. */
function errorNamed({ name, message }: { name: string; message: string }): Error {
  return name === 'UserError' ? new UserError(message) : new RunError(message);
}

/** A job's description can be long, and the state is handed to the next job, which takes 8 KiB. */
const longestReason = 500;

const shortened = (text: string) => (text.length > longestReason ? `${text.slice(0, longestReason - 3)}...` : text);

async function tryAgain(
  ctx: TaskContext,
  state: PipelineState,
  classified: ClassifiedFailure,
  failure: JobFailure,
): Promise<PipelineState> {
  const { run, compute, job } = state;
  const { message, remedy } = classified;
  const tests = state.decision.next === 'test';
  const tries = triesAfter(failure, { ...compute, failures: job.failures });
  const config = await readConfig(ctx.store, run);
  const until = ctx.now();
  const lost = elapsedSeconds(sinceCommit(state, await readLastCommit(ctx.store, run)), until);
  const spent = await spentSoFar(ctx, run, lost);
  const { budget } = config;
  const isUsedUp = secondsLeft(spent, budget, compute.price) <= 0 || !paysForJob(spent, budget, compute.price);
  // Waiting counts, and may have used up the hours: that ends a run as training would.
  if (failure === 'waiting' && isUsedUp) return outOfBudget(ctx, state, classified);
  if (!tries && failure === 'waiting') {
    const leaving = { run, execution: state.execution, seconds: lost };
    const { decision, refusal } = await handedOver(ctx, leaving, 'no machine was to be had');
    if (decision) return { ...state, attempt: '', files: {}, decision };
    const details = [remedy, refusal].filter((line) => line !== undefined).join('\n  ');
    throw new RunError(`no machine was to be had: ${message}`, details === '' ? {} : { remedy: details });
  }
  if (!tries) throw new RunError(`the training task failed ${job.try + 1} times, the last time so: ${message}`);
  if (isUsedUp) return outOfBudget(ctx, state, classified);
  const { market, interruptions, failures } = tries;
  const reason = `${shortened(message)}: tried again on ${market === 'spot' ? 'a Spot instance' : 'an on-demand instance'}`;
  ctx.emit({ type: 'warning', message: reason });
  const place = computeState(ctx, config, { ...compute, market, interruptions }, { ...spent, until });
  return {
    ...state,
    attempt: '',
    files: {},
    decision: tests ? state.decision : { next: 'train', outcome: 'running', reason },
    compute: place,
    job: { ...job, try: job.try + 1, failures },
  };
}

/** Ends a run that has a model; the epoch, or the measurement on test data, that the budget did not pay for is not kept. */
async function outOfBudget(
  ctx: TaskContext,
  state: PipelineState,
  { message }: ClassifiedFailure,
): Promise<PipelineState> {
  const { run, compute } = state;
  if (state.decision.next === 'test') return endUntested(ctx, { ...state, attempt: '', files: {} });
  const head = await readLastCommit(ctx.store, run);
  if (!head) {
    throw budgetTooSmall(await readConfig(ctx.store, run), await spentSoFar(ctx, run), compute.price, message);
  }
  const reason = `epoch ${head.epoch + 1} took longer than what was left of the budget`;
  const ended: PipelineState = {
    ...state,
    attempt: '',
    files: {},
    decision: { next: 'finalise', outcome: 'budget', reason },
  };
  return testedFirst(ctx, ended, await readConfig(ctx.store, run), { isTried: true });
}
