import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { s3Store } from '../shared/checkpoints/s3-store.ts';
import { cloudContext } from '../shared/cloud/cloud-context.ts';
import { computeChoices, required } from '../shared/cloud/environment.ts';
import { type Inputs, s3Inputs } from '../shared/cloud/inputs.ts';
import { type Notification, notificationOf } from '../shared/cloud/notifications.ts';
import { explained } from '../shared/core/errors.ts';
import type { ProgressEvent, TaskContext } from '../shared/pipeline/context.ts';
import type { TaskName } from '../shared/pipeline/messages.ts';
import type { ResourceOptions, Resources } from '../shared/pipeline/resources.ts';
import { performTask, type Task } from '../shared/pipeline/tasks/perform.ts';
import { lambda, logger, notify, s3 } from './lambda.ts';

const scratch = join(process.env.TMPDIR ?? tmpdir(), 'inputs');

/** What a function keeps from one invocation to the next. */
interface Kept {
  readonly context: TaskContext;
  readonly inputs: Inputs;
}

/**
 * The handler of a task of the workflow.
 * @param open opens data, engines and solvers; absent where the task needs none, so that they are not in its bundle.
 */
export function taskHandler<Name extends TaskName>(
  name: Name,
  task: Task<Name>,
  open?: (options: ResourceOptions) => Resources,
) {
  const messages: Notification[] = [];
  let kept: Kept | undefined;
  const keep = (): Kept => {
    kept ??= keepOpen(open, (event) => {
      logEvent(event);
      const message = notificationOf(event, required(process.env, 'TEMPBALANCE_BUCKET'));
      if (message) messages.push(message);
    });
    return kept;
  };
  const handle = async (message: { run: string }) => {
    logger.appendKeys({ run: message.run });
    const output = await performTask(name, task, keep().context, message);
    for (const notification of messages.splice(0)) await notify(notification);
    return output;
  };
  return lambda(z.looseObject({ run: z.string() }), handle, (error) =>
    kept ? explained(error, kept.inputs.withAddresses) : error,
  );
}

function keepOpen(
  open: ((options: ResourceOptions) => Resources) | undefined,
  emit: (event: ProgressEvent) => void,
): Kept {
  const bucket = required(process.env, 'TEMPBALANCE_BUCKET');
  const inputs = s3Inputs(s3, scratch);
  const { localPath } = inputs;
  const warn = (message: string) => emit({ type: 'warning', message });
  const context = cloudContext({
    store: s3Store({ client: s3, bucket }),
    emit,
    localPath,
    ...(open ? { resources: open({ localPath, warn }) } : {}),
    compute: computeChoices(process.env),
  });
  return { context, inputs };
}

/** Progress as structured logs, step by step only where details are asked for. */
function logEvent(event: ProgressEvent): void {
  if (event.type === 'warning') logger.warn(event.message);
  else if (event.type === 'step') logger.debug('step', { event });
  else logger.info(event.type, { event });
}
