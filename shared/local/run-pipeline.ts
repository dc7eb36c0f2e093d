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
import { type Environment, environmentOf, runTrainingJob } from '../pipeline/training-job.ts';
import { filledIn } from './workflow-definition.ts';

/** How an execution ended: `takenOver` by another one. `error` is what the failed task threw. */
export type Execution =
  | { readonly status: 'done' | 'diverged' | 'interrupted' | 'takenOver' }
  | { readonly status: 'failed'; readonly error: unknown };

type Overrides = NonNullable<RunOptions['overrides']>;
type Handlers = NonNullable<Overrides['taskResourceLocalHandlers']>;

/** The services of the document's placeholders. */
const services: Readonly<Record<string, string>> = {
  TrainEpochResource: 'arn:aws:states:::batch:submitJob.sync',
  SuccessorResource: 'arn:aws:states:::states:startExecution',
  AskApprovalResource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
};
/** Two weeks: a job of this process waits in no queue, and its own limits end it. */
const jobTimeoutSeconds = 1_209_600;

/**
 * The document with its resources filled in, as a deployment does. The interpreter applies the path of a timeout to the
 * parameters of a state and not to its input, so that a number takes its place.
 */
export function workflowDefinition(): StateMachineDefinition {
  const { TrainEpoch, ...others } = document.States;
  const { TimeoutSecondsPath: _, ...job } = TrainEpoch;
  const States = { ...others, TrainEpoch: { ...job, TimeoutSeconds: jobTimeoutSeconds } };
  return filledIn({ ...document, States }, services);
}

interface LocalOptions {
  /** Milliseconds before a failed task is tried again, instead of what the document says. */
  readonly retryDelay?: number;
  /** How a training job with this environment is run; by default in this process. */
  readonly runJob?: (environment: Environment) => Promise<unknown>;
  /** Performs the other tasks; by default in this process too. */
  readonly perform?: (name: TaskName, message: unknown) => Promise<unknown>;
  /** Told of every task with what it was given, and what it gave or threw. */
  readonly onTask?: (task: { name: string; input: unknown; output?: unknown; error?: unknown }) => void;
}

/**
 * Runs the workflow on the run's folder until it ends, or until `stopRequested` is true after a commit, or the context is interrupted. Where an execution
 * hands the run over, the next one follows.
 */
export async function runPipeline(
  run: string,
  ctx: TaskContext,
  stopRequested: () => boolean = () => false,
  options: LocalOptions = {},
): Promise<Execution> {
  const context: TaskContext = { ...ctx, stopRequested };
  let input: { run: string } | undefined = { run };
  let execution: Execution = { status: 'done' };
  while (input) {
    let next: { run: string } | undefined;
    const startSuccessor = (successor: { run: string }) => {
      next = successor;
    };
    execution = await execute(input, context, startSuccessor, options);
    input = next;
  }
  return execution;
}

/** Does one execution of the document. */
async function execute(
  input: { run: string },
  ctx: TaskContext,
  startSuccessor: (input: { run: string }) => void,
  {
    retryDelay,
    runJob = (environment) => runTrainingJob(ctx, environment),
    perform: performTask = (name, message) => runTask(name, ctx, message),
    onTask,
  }: LocalOptions,
): Promise<Execution> {
  let thrown: unknown;
  const startedAt = ctx.now().toISOString();
  const givenTo = (name: string, message: unknown): unknown => {
    // The interpreter has a clock of its own.
    if (name === 'Prepare') return { ...(message as object), startedAt };
    return name === 'AskApproval' ? (message as { Payload: unknown }).Payload : message;
  };
  const perform = async (name: string, message: unknown): Promise<unknown> => {
    if (name === 'Successor') {
      startSuccessor((message as { Input: { run: string } }).Input);
      return {};
    }
    if (name === 'TrainEpoch') {
      await runJob(environmentOf(message));
      return {};
    }
    const result = await performTask(name as TaskName, givenTo(name, message));
    if ((name === 'Checkpoint' && ctx.stopRequested?.()) || ctx.interrupted()) execution.abort();
    return result;
  };
  /** The error that is reported is the first one, not what CollectEpoch or RecordFailure say of it. */
  const handler = (name: string) => async (message: unknown) => {
    try {
      const output = await perform(name, message);
      onTask?.({ name, input: message, output });
      if (name !== 'RecordFailure') thrown = undefined;
      return output as never;
    } catch (error) {
      onTask?.({ name, input: message, error });
      // Not tried again: the process is to end.
      if (ctx.interrupted()) execution.abort();
      if (name === 'CollectEpoch') thrown ??= error;
      else if (name !== 'RecordFailure') thrown = error;
      throw error;
    }
  };
  const names = [...Object.keys(taskMessages), 'Successor'];
  const each = <Value>(value: (name: string) => Value) => Object.fromEntries(names.map((name) => [name, value(name)]));
  const machine = new StateMachine(workflowDefinition(), { validationOptions: { noValidate: true } });
  const overrides: Overrides = {
    taskResourceLocalHandlers: each(handler) as Handlers,
    ...(retryDelay === undefined ? {} : { retryIntervalOverrides: each(() => retryDelay) }),
  };
  const execution = machine.run(input, {
    overrides,
    context: { StateMachine: { Id: 'local' }, Execution: { Name: 'local' }, Task: { Token: 'local' } },
  });
  const watched = watch(execution.eventLogs, ctx);
  try {
    const output = (await execution.result) as { decision?: { next?: string } };
    return { status: output.decision?.next === 'leave' ? 'takenOver' : 'done' };
  } catch (error) {
    if (error instanceof ExecutionAbortedError) return { status: 'interrupted' };
    const cause = error instanceof Error && error.cause;
    if (cause instanceof Error && cause.name === 'Diverged') return { status: 'diverged' };
    return { status: 'failed', error: thrown ?? cause ?? error };
  } finally {
    await watched;
  }
}

/** Tells of the document's own states; those of a map's items have none of their own order. */
async function watch(events: ReturnType<StateMachine['run']>['eventLogs'], ctx: TaskContext): Promise<void> {
  for await (const event of events) {
    if (event.type === 'StateEntered' && event.index === undefined)
      ctx.emit({ type: 'state', state: event.state.name });
    if (event.type === 'StateRetried') ctx.emit({ type: 'retry', state: event.state.name });
  }
}
