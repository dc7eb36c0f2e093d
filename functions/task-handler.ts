import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'aws-lambda';
import { z } from 'zod';
import type { ArtifactStore } from '../shared/checkpoints/artifact-store.ts';
import { countedStore } from '../shared/checkpoints/counted-store.ts';
import { s3Store } from '../shared/checkpoints/s3-store.ts';
import { cloudContext } from '../shared/cloud/cloud-context.ts';
import { type ComputeChoices, computeChoices, required } from '../shared/cloud/environment.ts';
import { type Inputs, s3Inputs } from '../shared/cloud/inputs.ts';
import { cloudMeter } from '../shared/cloud/meter.ts';
import { type Notification, notificationOf } from '../shared/cloud/notifications.ts';
import { type Publishing, publishingIn, targetsOf } from '../shared/cloud/publishing.ts';
import { explained, RunError } from '../shared/core/errors.ts';
import type { ProgressEvent, Publisher, TaskContext } from '../shared/pipeline/context.ts';
import type { TaskName } from '../shared/pipeline/messages.ts';
import { type FunctionUse, metered } from '../shared/pipeline/metering.ts';
import type { ResourceOptions, Resources } from '../shared/pipeline/resources.ts';
import { performTask, type Task } from '../shared/pipeline/tasks/perform.ts';
import { emitEvent } from './emit.ts';
import { hungRequestMs, lambda, logger, notify, s3 } from './lambda.ts';
import { watched } from './watchdog.ts';

/** Lambda bills the start of a function's process with its first call; it gives it ten seconds at most. */
let startSeconds = Math.min(10, process.uptime());

const scratchOf = (name: TaskName) => join(process.env.TMPDIR ?? tmpdir(), `inputs-${name}`);

const cannotPublish = (): Publisher['publish'] => () => {
  throw new RunError("this task can't publish models", { remedy: 'That is a fault in the deployment: report it.' });
};

/** Parts that only some tasks need. */
interface TaskOptions {
  readonly forget?: boolean;
  readonly endJob?: TaskContext['endJob'];
  /** Publishes models; absent: the task does not. */
  readonly publish?: (store: ArtifactStore, publishing: Publishing) => Publisher['publish'];
  readonly handOver?: TaskContext['handOver'];
  /** Finds the account's quotas for the machines of the deployment. */
  readonly quotas?: (choices: ComputeChoices) => TaskContext['quotaFor'];
}

/** The objects that a function keeps from one invocation to the next. */
interface Kept {
  readonly context: TaskContext;
  readonly inputs: Inputs;
}

/** Performs a task of the workflow, meters it, and tells people what is worth a message. */
function performer<Name extends TaskName>(
  name: Name,
  task: Task<Name>,
  open: ((options: ResourceOptions) => Resources) | undefined,
  options: TaskOptions,
) {
  const messages: Notification[] = [];
  let kept: Kept | undefined;
  const keep = (): Kept => {
    kept ??= keepOpen(name, open, options, (event) => {
      emitEvent(logger, event);
      const message = notificationOf(event, required(process.env, 'TEMPBALANCE_BUCKET'));
      if (message) messages.push(message);
    });
    return kept;
  };
  const handle = async (run: string, message: object, call: Context, state = message) => {
    logger.appendKeys({ run });
    messages.length = 0;
    if (options.forget) kept = undefined;
    const { context } = keep();
    const called = { run, task: name, message: state };
    const output = await metered(context, called, useOf(call), (within) => performTask(name, task, within, message));
    for (const notification of messages) await notify(notification);
    return output;
  };
  const explain = (error: Error) => (kept ? explained(error, kept.inputs.withAddresses) : error);
  return { handle, explain };
}

/**
 * The handler of a task of the workflow.
 * @param open opens data, engines and solvers; absent where the task needs none, so that they are not in its bundle.
 * @param options.forget whether nothing is kept for the next call: data sets of one run after the other would fill memory and disk.
 */
export function taskHandler<Name extends TaskName>(
  name: Name,
  task: Task<Name>,
  open?: (options: ResourceOptions) => Resources,
  options: TaskOptions = {},
) {
  const { handle, explain } = performer(name, task, open, options);
  const input = z.looseObject({ run: z.string() });
  return lambda(input, (message: { run: string }, call: Context) => handle(message.run, message, call), explain);
}

/** The handler of the task whose answer the workflow waits for: it is given the state, and by what the answer is told. */
export function approvalHandler(task: Task<'AskApproval'>) {
  const { handle, explain } = performer('AskApproval', task, undefined, {});
  const input = z.looseObject({ state: z.looseObject({ run: z.string() }) });
  return lambda(
    input,
    (message: { state: { run: string } }, call: Context) => handle(message.state.run, message, call, message.state),
    explain,
  );
}

/** The invocation as it will be billed. */
function useOf({ awsRequestId: id, getRemainingTimeInMillis }: Context): FunctionUse {
  const began = performance.now();
  const start = startSeconds;
  startSeconds = 0;
  const seconds = () => start + (performance.now() - began) / 1000;
  const endIn = watched();
  return {
    id,
    memoryGb: memoryGb(),
    seconds,
    secondsLeft: getRemainingTimeInMillis() / 1000,
    endAfter: (most) => endIn(most === undefined ? undefined : Math.max(0, most - endingSeconds - seconds())),
  };
}

/** What it takes to end a process, and to tell that it has ended. */
const endingSeconds = 0.5;

const memoryGb = () => Number(required(process.env, 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE')) / 1024;

function keepOpen(
  name: TaskName,
  open: ((options: ResourceOptions) => Resources) | undefined,
  { endJob, handOver, quotas, publish = cannotPublish }: TaskOptions,
  emit: (event: ProgressEvent) => void,
): Kept {
  const bucket = required(process.env, 'TEMPBALANCE_BUCKET');
  const scratch = scratchOf(name);
  rmSync(scratch, { recursive: true, force: true });
  const inputs = s3Inputs(s3, scratch, { tryTimeoutMs: hungRequestMs });
  const { localPath } = inputs;
  const warn = (message: string) => emit({ type: 'warning', message });
  const { store, take } = countedStore(s3Store({ client: s3, bucket, tryTimeoutMs: hungRequestMs }));
  const region = required(process.env, 'AWS_REGION');
  const compute = computeChoices(process.env);
  const publishing = publishingIn(process.env.TEMPBALANCE_PUBLISHING);
  const context = cloudContext({
    store,
    emit,
    meter: cloudMeter({ store, region, functionGb: memoryGb(), takeRequests: take }),
    service: process.env.POWERTOOLS_SERVICE_NAME,
    inputs,
    ...(open ? { resources: open({ localPath, warn }) } : {}),
    compute,
    publisher: { targets: targetsOf(publishing), publish: publish(store, publishing) },
    ...(endJob ? { endJob } : {}),
    ...(handOver ? { handOver } : {}),
    ...(quotas && compute ? { quotaFor: quotas(compute) } : {}),
  });
  return { context, inputs };
}
