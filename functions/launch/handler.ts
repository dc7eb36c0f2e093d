import { IdempotencyAlreadyInProgressError, IdempotencyConfig } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { makeHandlerIdempotent } from '@aws-lambda-powertools/idempotency/middleware';
import { SFNClient } from '@aws-sdk/client-sfn';
import type { Context } from 'aws-lambda';
import { ceilingIn, required } from '../../shared/cloud/environment.ts';
import { type LaunchInput, launch, launchInputSchema } from '../../shared/cloud/launch.ts';
import { UserError } from '../../shared/core/errors.ts';
import { hungRequestMs, lambda, logger, notify, patientS3, tracer } from '../lambda.ts';

const sfn = tracer.captureAWSv3Client(new SFNClient({}));

/** What makes two events the same start; a person who asks has none, and is answered anew each time. */
const identity = 'detail.object.[key, "version-id"] || schedule && [schedule, time]';

/** Starts a run. What a person has to mend is told and not thrown: the event would come again and again. */
async function start(input: LaunchInput) {
  const ctx = {
    s3: patientS3,
    tryTimeoutMs: hungRequestMs,
    sfn,
    bucket: required(process.env, 'TEMPBALANCE_BUCKET'),
    stateMachine: required(process.env, 'TEMPBALANCE_STATE_MACHINE'),
    ceiling: ceilingIn(process.env.TEMPBALANCE_CEILING),
  };
  try {
    const launched = await launch(ctx, input);
    logger.info(launched.status, { ...launched });
    return launched;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    logger.warn(error.message);
    await notify({ subject: 'tempbalance: no run was started', message: error.message });
    return { status: 'rejected', reason: error.message };
  }
}

const once = lambda(launchInputSchema, start).use(
  makeHandlerIdempotent({
    persistenceStore: new DynamoDBPersistenceLayer({
      tableName: required(process.env, 'TEMPBALANCE_IDEMPOTENCY_TABLE'),
    }),
    config: new IdempotencyConfig({
      eventKeyJmesPath: identity,
      expiresAfterSeconds: 6 * 3600,
      throwOnNoIdempotencyKey: false,
    }),
  }),
);

/**
 * The same event twice at once is no error: the one that came first is at it, and where it fails, its own event comes again.
 */
export async function handler(event: LaunchInput, context: Context) {
  try {
    return await once(event, context);
  } catch (error) {
    if (!(error instanceof IdempotencyAlreadyInProgressError)) throw error;
    return { status: 'exists', reason: 'the same event is being handled' };
  }
}
