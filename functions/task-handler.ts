import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { countedStore } from '../shared/checkpoints/counted-store.ts';
import { s3Store } from '../shared/checkpoints/s3-store.ts';
import { cloudContext } from '../shared/cloud/cloud-context.ts';
import { type ComputeChoices, computeChoices, required } from '../shared/cloud/environment.ts';
import { type Inputs, s3Inputs } from '../shared/cloud/inputs.ts';
import { cloudMeter } from '../shared/cloud/meter.ts';
import { type Notification, notificationOf } from '../shared/cloud/notifications.ts';
import { explained } from '../shared/core/errors.ts';
import type { ProgressEvent, TaskContext } from '../shared/pipeline/context.ts';
import type { TaskName } from '../shared/pipeline/messages.ts';
import { type FunctionUse, metered } from '../shared/pipeline/metering.ts';
import type { ResourceOptions, Resources } from '../shared/pipeline/resources.ts';
import { performTask, type Task } from '../shared/pipeline/tasks/perform.ts';
import { emitEvent } from './emit.ts';
import { hungRequestMs, lambda, logger, notify, s3 } from './lambda.ts';

/** Lambda bills the start of a function's process with its first call; it gives it ten seconds at most. */
let startSeconds = Math.min(10, process.uptime());

const scratchOf = (name: TaskName) => join(process.env.TMPDIR ?? tmpdir(), `inputs-${name}`);

/** What some tasks need besides. */
interface TaskOptions {
  readonly forget?: boolean;
  readonly endJob?: TaskContext['endJob'];
  readonly handOver?: TaskContext['handOver'];
  /** Of the account, for the machines of the deployment. */
  readonly quotas?: (choices: ComputeChoices) => TaskContext['quotaFor'];
}

/** What a function keeps from one invocation to the next. */
interface Kept {
  readonly context: TaskContext;
  readonly inputs: Inputs;
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
  const handle = async (message: { run: string }, call: Context) => {
    logger.appendKeys({ run: message.run });
    messages.length = 0;
    if (options.forget) kept = undefined;
    const { context } = keep();
    const output = await metered(context, message.run, name, useOf(call), () =>
      performTask(name, task, context, message),
    );
    for (const notification of messages) await notify(notification);
    return output;
  };
  return lambda(z.looseObject({ run: z.string() }), handle, (error) =>
    kept ? explained(error, kept.inputs.withAddresses) : error,
  );
}

/** The invocation as it will be billed. */
function useOf({ awsRequestId: id, getRemainingTimeInMillis }: Context): FunctionUse {
  const began = performance.now();
  const start = startSeconds;
  startSeconds = 0;
  return {
    id,
    memoryGb: memoryGb(),
    seconds: () => start + (performance.now() - began) / 1000,
    secondsLeft: getRemainingTimeInMillis() / 1000,
  };
}

const memoryGb = () => Number(required(process.env, 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE')) / 1024;

function keepOpen(
  name: TaskName,
  open: ((options: ResourceOptions) => Resources) | undefined,
  { endJob, handOver, quotas }: TaskOptions,
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
  const context = cloudContext({
    store,
    emit,
    meter: cloudMeter({ store, region, functionGb: memoryGb(), takeRequests: take }),
    service: process.env.POWERTOOLS_SERVICE_NAME,
    inputs,
    ...(open ? { resources: open({ localPath, warn }) } : {}),
    compute,
    ...(endJob ? { endJob } : {}),
    ...(handOver ? { handOver } : {}),
    ...(quotas && compute ? { quotaFor: quotas(compute) } : {}),
  });
  return { context, inputs };
}
