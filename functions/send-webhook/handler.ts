import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SQSBatchResponse } from 'aws-lambda';
import { z } from 'zod';
import { required } from '../../shared/cloud/environment.ts';
import { parseSecret, sendWebhook } from '../../shared/cloud/webhook.ts';
import { runEventSchema } from '../../shared/pipeline/run-events.ts';
import { lambda, logger, tracer } from '../lambda.ts';

const client = tracer.captureAWSv3Client(new SecretsManagerClient({}));

/** A new secret is taken up after so long. */
const keptMs = 5 * 60_000;
let kept: { readonly key: Buffer; readonly at: number } | undefined;

async function keyNow(): Promise<Buffer> {
  if (kept && Date.now() - kept.at < keptMs) return kept.key;
  const SecretId = required(process.env, 'TEMPBALANCE_WEBHOOK_SECRET');
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId }));
  kept = { key: parseSecret(SecretString, SecretId), at: Date.now() };
  return kept.key;
}

const retries = {
  tries: 3,
  firstWaitMs: 2000,
  longestWaitMs: 8000,
  sleep: (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds)),
  random: Math.random,
};

const inputSchema = z.object({ Records: z.array(z.object({ messageId: z.string(), body: z.string() })) });

/** Sends events out of the queue; those that were not taken stay in it, and come again. */
export const handler = lambda(
  inputSchema,
  async ({ Records }: z.infer<typeof inputSchema>): Promise<SQSBatchResponse> => {
    const url = required(process.env, 'TEMPBALANCE_WEBHOOK_URL');
    const batchItemFailures: { itemIdentifier: string }[] = [];
    for (const { messageId, body } of Records) {
      try {
        const event = runEventSchema.parse(JSON.parse(body));
        await sendWebhook(event, { url, key: await keyNow(), now: () => new Date(), retries });
        logger.info('sent', { id: event.id, run: event.run, kind: event.kind });
      } catch (error) {
        logger.error('an event was not taken by the webhook', error as Error);
        batchItemFailures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures };
  },
);
