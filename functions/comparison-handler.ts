import type { Context } from 'aws-lambda';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };
import { s3Store } from '../shared/checkpoints/s3-store.ts';
import { ceilingIn, required } from '../shared/cloud/environment.ts';
import { comparisonNotification, type Notification } from '../shared/cloud/notifications.ts';
import {
  type ComparisonContext,
  type ComparisonEvent,
  usualParallelDeployed,
} from '../shared/pipeline/comparison/context.ts';
import type { ComparisonTaskName } from '../shared/pipeline/comparison/messages.ts';
import { type ComparisonTask, performComparisonTask } from '../shared/pipeline/comparison/tasks/perform.ts';
import { hungRequestMs, lambda, logger, notify, s3 } from './lambda.ts';

/** The handler of a task of the workflow of comparisons. */
export function comparisonHandler<Name extends ComparisonTaskName>(name: Name, task: ComparisonTask<Name>) {
  const handle = async (message: { comparison: string }, _call: Context) => {
    logger.appendKeys({ comparison: message.comparison });
    const messages: Notification[] = [];
    const bucket = required(process.env, 'TEMPBALANCE_BUCKET');
    const context: ComparisonContext = {
      store: s3Store({ client: s3, bucket, tryTimeoutMs: hungRequestMs }),
      now: () => new Date(),
      parallel: usualParallelDeployed,
      ceiling: ceilingIn(process.env.TEMPBALANCE_CEILING),
      versions: { tempbalance: packageJson.version, node: process.version },
      emit(event) {
        logEvent(event);
        const told = comparisonNotification(event, bucket);
        if (told) messages.push(told);
      },
    };
    const output = await performComparisonTask(name, task, context, message);
    for (const notification of messages) await notify(notification);
    return output;
  };
  return lambda(z.looseObject({ comparison: z.string() }), handle);
}

function logEvent(event: ComparisonEvent): void {
  if (event.type === 'warning') logger.warn(event.message);
  else logger.info(event.type, { event });
}
