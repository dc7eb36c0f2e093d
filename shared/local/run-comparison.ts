/** The workflow document of comparisons, interpreted in this process. */
import { ExecutionAbortedError, type RunOptions, StateMachine } from 'aws-local-stepfunctions';
import document from '../pipeline/compare.asl.json' with { type: 'json' };
import type { ComparisonContext } from '../pipeline/comparison/context.ts';
import { type ComparisonTaskName, comparisonMessages } from '../pipeline/comparison/messages.ts';
import { runComparisonTask } from '../pipeline/comparison/tasks/index.ts';
import type { PooledEnd } from './run-messages.ts';
import { filledIn } from './workflow-definition.ts';

/** The end of an execution; `error` is what the failed task threw. */
export type ComparisonExecution =
  | { readonly status: 'done' | 'interrupted' }
  | { readonly status: 'failed'; readonly error: unknown };

type Overrides = NonNullable<RunOptions['overrides']>;
type Handlers = NonNullable<Overrides['taskResourceLocalHandlers']>;

/** The document with its resources filled in, as a deployment does. */
export const comparisonDefinition = () =>
  filledIn(document, {
    TrainRunResource: 'arn:aws:states:::states:startExecution.sync:2',
    RunStateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:run',
  });

interface ComparisonOptions {
  /** Trains a run, by its key prefix, to its end. */
  readonly trainRun: (child: string) => Promise<PooledEnd>;
  /** Milliseconds before a failed task is tried again, instead of what the document says. */
  readonly retryDelay?: number;
  /** Performs the other tasks; by default in this process. */
  readonly perform?: (name: ComparisonTaskName, message: unknown) => Promise<unknown>;
  /** Told of every task with what it was given, and what it gave or threw. */
  readonly onTask?: (task: { name: string; input: unknown; output?: unknown; error?: unknown }) => void;
  /** Told of the document's states as they are entered, those within the map left out. */
  readonly onState?: (state: string) => void;
}

/**
 * Runs the workflow on a comparison's folder until it ends, or until a run of it was interrupted.
 * @param number which execution of the comparison it is, from 1 on
 */
export async function runComparison(
  { comparison, number }: { comparison: string; number: number },
  ctx: ComparisonContext,
  options: ComparisonOptions,
): Promise<ComparisonExecution> {
  const { trainRun, retryDelay, onTask, onState = () => undefined } = options;
  const performTask = options.perform ?? ((name, message) => runComparisonTask(name, ctx, message));
  let thrown: unknown;
  const perform = async (name: string, message: unknown): Promise<unknown> => {
    if (name !== 'TrainRun') return performTask(name as ComparisonTaskName, message);
    const { Input } = message as { Input: { run: string } };
    const end = await trainRun(Input.run);
    if (end.status === 'interrupted') execution.abort();
    if (end.status === 'failed') throw Object.assign(new Error(end.error.message), { name: end.error.name });
    if (end.status === 'diverged' || end.status === 'interrupted') {
      throw Object.assign(new Error(`the run ended as ${end.status}`), { name: end.status });
    }
    return {};
  };
  const handler = (name: string) => async (message: unknown) => {
    try {
      const output = await perform(name, message);
      onTask?.({ name, input: message, output });
      return output as never;
    } catch (error) {
      onTask?.({ name, input: message, error });
      // What becomes of a run is no failure of the comparison.
      if (name !== 'TrainRun' && name !== 'RecordComparisonFailure') thrown = error;
      throw error;
    }
  };
  const names = [...Object.keys(comparisonMessages), 'TrainRun'];
  const each = <Value>(value: (name: string) => Value) => Object.fromEntries(names.map((name) => [name, value(name)]));
  const machine = new StateMachine(comparisonDefinition(), { validationOptions: { noValidate: true } });
  const overrides: Overrides = {
    taskResourceLocalHandlers: each(handler) as Handlers,
    ...(retryDelay === undefined ? {} : { retryIntervalOverrides: each(() => retryDelay) }),
  };
  const execution = machine.run({ comparison, number }, { overrides });
  const watched = (async () => {
    for await (const event of execution.eventLogs) {
      if (event.type === 'StateEntered' && event.index === undefined) onState(event.state.name);
    }
  })();
  try {
    await execution.result;
    await watched;
    return { status: 'done' };
  } catch (error) {
    // The events of an aborted map never end.
    if (error instanceof ExecutionAbortedError) return { status: 'interrupted' };
    await watched;
    return { status: 'failed', error: thrown ?? error };
  }
}
