import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { z } from 'zod';
import { arrivalSchema } from '../../shared/cloud/arrival.ts';
import { publishNoted } from '../../shared/cloud/publish-event.ts';
import { lambda, logger, patientS3, tracer } from '../lambda.ts';

const events = tracer.captureAWSv3Client(new EventBridgeClient({}));

/** Publishes an event of a run that a task has noted in the bucket; where that fails, the note comes again. */
export const handler = lambda(arrivalSchema, async (arrival: z.infer<typeof arrivalSchema>) => {
  const event = await publishNoted({ s3: patientS3, events }, arrival);
  if (event) logger.info('published', { id: event.id, run: event.run, kind: event.kind });
  else logger.warn(`is gone: ${arrival.detail.object.key}`);
  return { published: event?.id ?? null };
});
