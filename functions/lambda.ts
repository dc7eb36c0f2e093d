/** What every function has around its task: structured logs, traces, checked input, errors that say what to do. */
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import middy, { type MiddlewareObj } from '@middy/core';
import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { type Notification, publish } from '../shared/cloud/notifications.ts';
import { UserError } from '../shared/core/errors.ts';

export const logger = new Logger();
export const tracer = new Tracer();

/** A request that hangs must leave the shortest function time for another try: the store's own limit is longer than its life. */
export const hungRequestMs = 25_000;

/** AWS_ENDPOINT_URL points all clients elsewhere, for tests. */
const settings = {
  forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined,
  requestHandler: { requestTimeout: hungRequestMs, throwOnRequestTimeout: true },
};
/** For stores, which try again by themselves. */
export const s3 = tracer.captureAWSv3Client(new S3Client({ ...settings, maxAttempts: 1 }));
/** For single requests. */
export const patientS3 = tracer.captureAWSv3Client(new S3Client({ ...settings, maxAttempts: 6 }));
const sns = tracer.captureAWSv3Client(new SNSClient({}));

/** Tells people, where the deployment has named a topic; a message that can't be sent fails no task. */
export async function notify(notification: Notification | undefined): Promise<void> {
  const topic = process.env.TEMPBALANCE_TOPIC;
  if (!notification || !topic) return;
  try {
    await publish(sns, topic, notification);
  } catch (error) {
    logger.error('a notification could not be sent', error as Error);
  }
}

/** Input that is not what the function takes is the caller's mistake, and no other try would mend it. */
function parseInput(schema: z.ZodType): MiddlewareObj {
  return {
    before(request) {
      const parsed = schema.safeParse(request.event);
      if (!parsed.success) throw new UserError(`can't take this input:\n${z.prettifyError(parsed.error)}`);
      request.event = parsed.data;
    },
  };
}

/**
 * Logs an error with its cause, and hands on what `explain` makes of it; its name is what the workflow decides by. It isn't
 * thrown here: what is around it has to see it too.
 */
function mapErrors(explain: (error: Error) => Error): MiddlewareObj {
  return {
    onError(request) {
      const error = explain(request.error as Error);
      request.error = error;
      logger.error(error.message, error);
    },
  };
}

/** A function's handler. */
export function lambda<Input, Output>(
  input: z.ZodType<Input>,
  handle: (input: Input, context: Context) => Promise<Output>,
  explain: (error: Error) => Error = (error) => error,
) {
  return middy(handle)
    .use(captureLambdaHandler(tracer))
    .use(injectLambdaContext(logger, { clearState: true }))
    .use(mapErrors(explain))
    .use(parseInput(input));
}
