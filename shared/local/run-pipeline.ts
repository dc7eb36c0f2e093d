/** The workflow document, interpreted in this process. */
import {
  ExecutionAbortedError,
  type RunOptions,
  StateMachine,
  type StateMachineDefinition,
} from 'aws-local-stepfunctions';
import type { TaskContext } from '../pipeline/context.ts';
import { type TaskName, taskMessages } from '../pipeline/messages.ts';
import document from '../pipeline/pipeline.asl.json' with { type: 'json' };
import { runTask } from '../pipeline/tasks/index.ts';

/** How an execution ended. `error` is what the failed task threw. */
export type Execution =
  | { readonly status: 'done' | 'diverged' | 'interrupted' }
  | { readonly status: 'failed'; readonly error: unknown };

type Overrides = NonNullable<RunOptions['overrides']>;

/** The document with its resources filled in, as a deployment does with the functions' own names. */
export function workflowDefinition(): StateMachineDefinition {
  const text = JSON.stringify(document).replace(/\$\{(\w+)Arn\}/g, 'arn:aws:lambda:us-east-1:000000000000:function:$1');
  return JSON.parse(text) as StateMachineDefinition;
}

/**
 * Runs the workflow on the run's folder until it ends, or until `stopRequested` is true after a commit. `retryDelay`:
 * milliseconds before a failed task is tried again, instead of what the document says.
 */
export async function runPipeline(
  run: string,
  ctx: TaskContext,
  stopRequested: () => boolean = () => false,
  { retryDelay }: { retryDelay?: number } = {},
): Promise<Execution> {
  let thrown: unknown;
  const handler = (name: TaskName) => async (message: unknown) => {
    try {
      const result = await runTask(name, ctx, message);
      if (name !== 'RecordFailure') thrown = undefined;
      if (name === 'Checkpoint' && stopRequested()) execution.abort();
      return result as never;
    } catch (error) {
      if (name !== 'RecordFailure') thrown = error;
      throw error;
    }
  };
  const names = Object.keys(taskMessages) as TaskName[];
  const machine = new StateMachine(workflowDefinition(), { validationOptions: { noValidate: true } });
  const overrides: Overrides = {
    taskResourceLocalHandlers: Object.fromEntries(names.map((name) => [name, handler(name)])),
    ...(retryDelay === undefined
      ? {}
      : { retryIntervalOverrides: Object.fromEntries(names.map((name) => [name, retryDelay])) }),
  };
  const execution = machine.run({ run }, { overrides });
  const watched = watch(execution.eventLogs, ctx);
  try {
    await execution.result;
    return { status: 'done' };
  } catch (error) {
    if (error instanceof ExecutionAbortedError) return { status: 'interrupted' };
    const cause = error instanceof Error && error.cause;
    if (cause instanceof Error && cause.name === 'Diverged') return { status: 'diverged' };
    return { status: 'failed', error: thrown ?? cause ?? error };
  } finally {
    await watched;
  }
}

async function watch(events: ReturnType<StateMachine['run']>['eventLogs'], ctx: TaskContext): Promise<void> {
  for await (const event of events) {
    if (event.type === 'StateEntered') ctx.emit({ type: 'state', state: event.state.name });
    if (event.type === 'StateRetried') ctx.emit({ type: 'retry', state: event.state.name });
  }
}
