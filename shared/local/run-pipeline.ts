/** The workflow document, interpreted in this process. */
import { ExecutionAbortedError, StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import type { TaskContext } from '../pipeline/context.ts';
import { type TaskName, taskMessages } from '../pipeline/messages.ts';
import document from '../pipeline/pipeline.asl.json' with { type: 'json' };
import { runTask } from '../pipeline/tasks/index.ts';

/** How an execution ended. `error` is what the failed task threw. */
export type Execution =
  | { readonly status: 'done' | 'diverged' | 'interrupted' }
  | { readonly status: 'failed'; readonly error: unknown };

/** Fills in the resources, as a deployment does with the functions' own names. */
function definition(): StateMachineDefinition {
  const text = JSON.stringify(document).replace(/\$\{(\w+)Arn\}/g, 'arn:aws:lambda:us-east-1:000000000000:function:$1');
  return JSON.parse(text) as StateMachineDefinition;
}

/**
 * Runs the workflow on the run's folder until it ends, or until `stopRequested` is true after a commit.
 */
export async function runPipeline(
  run: string,
  ctx: TaskContext,
  stopRequested: () => boolean = () => false,
): Promise<Execution> {
  let thrown: unknown;
  const handler = (name: TaskName) => async (message: unknown) => {
    try {
      return (await runTask(name, ctx, message)) as never;
    } catch (error) {
      thrown = error;
      throw error;
    } finally {
      if (name === 'Checkpoint' && stopRequested()) execution.abort();
    }
  };
  const handlers = Object.fromEntries(Object.keys(taskMessages).map((name) => [name, handler(name as TaskName)]));
  const machine = new StateMachine(definition());
  const execution = machine.run({ run }, { overrides: { taskResourceLocalHandlers: handlers } });
  const watched = watch(execution.eventLogs, ctx);
  try {
    await execution.result;
    return { status: 'done' };
  } catch (error) {
    if (error instanceof ExecutionAbortedError) return { status: 'interrupted' };
    return thrown === undefined ? { status: 'diverged' } : { status: 'failed', error: thrown };
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
