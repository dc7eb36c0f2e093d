/** Several executions on one run: which attempts are whose, and how the one that comes too late ends. */
import type { Manifest } from '../checkpoints/manifest.ts';
import type { TaskContext } from './context.ts';
import type { PipelineState } from './messages.ts';

/** The variable in the environment of a training job that has the state which it begins with. */
export const stateVariable = 'TEMPBALANCE_STATE';

type Execution = Pick<PipelineState, 'execution'>;

/** The name of a new attempt of an execution. */
export const attemptOf = ({ execution }: Execution, name: string): string => `${execution}.${name}`;

/** Whether an attempt was made by this execution, in whichever of its tasks. */
export const isOwn = (attempt: string, { execution }: Execution): boolean => attempt.startsWith(`${execution}.`);

/** Whether an epoch that was this execution's to make is committed, and not by it. */
export const isTakenOver = (head: Manifest | undefined, state: Execution & { readonly epoch: number }): boolean =>
  head !== undefined && head.epoch >= state.epoch && !isOwn(head.attempt, state);

/** The end of an execution that another one has taken over from: the run is as the other one left it. */
export function leave(ctx: TaskContext, state: PipelineState): PipelineState {
  const { run } = state;
  const reason = 'another execution has taken over the run, and goes on with it';
  ctx.emit({ type: 'finished', run, outcome: 'running', reason });
  return { ...state, attempt: '', files: {}, decision: { next: 'leave', outcome: 'running', reason } };
}
