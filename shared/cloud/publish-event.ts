/** Events of runs on EventBridge: what tasks have noted in the bucket, published under a source of its own. */
import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, NoSuchKey, type S3Client } from '@aws-sdk/client-s3';
import type { z } from 'zod';
import { decodeJson } from '../checkpoints/json.ts';
import { TransientError } from '../core/errors.ts';
import { detailTypes, eventSource, type RunEvent, runEventSchema } from '../pipeline/run-events.ts';
import type { arrivalSchema } from './arrival.ts';

/**
 * Publishes the event whose file has arrived.
 * @returns the event; undefined where its file is gone.
 * @throws TransientError when the bus did not take it.
 */
export async function publishNoted(
  { s3, events }: { readonly s3: S3Client; readonly events: EventBridgeClient },
  { detail: { bucket, object } }: z.infer<typeof arrivalSchema>,
): Promise<RunEvent | undefined> {
  const bytes = await read(s3, { Bucket: bucket.name, Key: object.key, VersionId: object['version-id'] });
  if (!bytes) return undefined;
  const event = decodeJson(object.key, bytes, runEventSchema);
  const entry = {
    Source: eventSource,
    DetailType: detailTypes[event.kind],
    Time: new Date(event.at),
    Detail: JSON.stringify(event),
  };
  const { FailedEntryCount = 0, Entries = [] } = await events.send(new PutEventsCommand({ Entries: [entry] }));
  if (FailedEntryCount === 0) return event;
  const { ErrorCode, ErrorMessage } = Entries[0] ?? {};
  throw new TransientError(`EventBridge did not take the event: ${ErrorCode}, ${ErrorMessage}`, { where: object.key });
}

async function read(
  s3: S3Client,
  object: { readonly Bucket: string; readonly Key: string; readonly VersionId: string | undefined },
): Promise<Uint8Array | undefined> {
  try {
    const { Body } = await s3.send(new GetObjectCommand(object));
    return await Body?.transformToByteArray();
  } catch (error) {
    if (error instanceof NoSuchKey || (error as Error).name === 'NoSuchVersion') return undefined;
    throw error;
  }
}
