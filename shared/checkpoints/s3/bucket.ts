import { setTimeout as wait } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { type RetrySettings, withRetries } from '../../core/retry.ts';
import { BrokenReply, explain, mayPass } from './failures.ts';

/** Options of the connection to a bucket. */
export interface S3Options {
  /** The store retries by itself; a client with `maxAttempts: 1` leaves it to that. */
  readonly client: S3Client;
  readonly bucket: string;
  /** The account that the bucket must belong to. */
  readonly expectedBucketOwner?: string;
  /** Objects of more bytes are written and read in parts of so many; at least 5 MiB (S3's rule). */
  readonly partBytes?: number;
  /** Parts of one object that are under way at a time. */
  readonly parallel?: number;
  /** A try that has not ended after so long is given up. */
  readonly tryTimeoutMs?: number;
  readonly retry?: Partial<RetrySettings>;
}

const retryDefaults: RetrySettings = {
  tries: 8,
  firstWaitMs: 250,
  longestWaitMs: 20_000,
  sleep: wait,
  random: Math.random,
};

/** The options of the client's `send` besides the command. */
interface SendOptions {
  readonly abortSignal: AbortSignal;
}

/** A bucket and the manner of talking to it. */
export interface Bucket {
  readonly client: S3Client;
  readonly partBytes: number;
  readonly parallel: number;
  readonly retry: RetrySettings;
  /** Names the bucket in a request. */
  readonly self: { Bucket: string; ExpectedBucketOwner: string | undefined };
  /** Names an object in a request. */
  object(key: string): { Bucket: string; Key: string; ExpectedBucketOwner: string | undefined };
  /** For messages. */
  where(key: string): string;
  /**
   * The answer to a request, its body too if `attempt` reads it, tried again while that may help.
   * @param key or prefix that it is about.
   * @param attempt is told how many tries have failed.
   * @throws TransientError after the last try, UserError, RunError; S3's own error where there is no such object, or a
   *   condition of the request is not met.
   */
  request<Answer>(
    operation: string,
    key: string,
    attempt: (options: SendOptions, failed: number) => Promise<Answer>,
  ): Promise<Answer>;
}

export function s3Bucket(options: S3Options): Bucket {
  const { client, bucket, expectedBucketOwner, tryTimeoutMs = 120_000 } = options;
  const { partBytes = 16 * 1024 * 1024, parallel = 4 } = options;
  const retry = { ...retryDefaults, ...options.retry };
  const self = { Bucket: bucket, ExpectedBucketOwner: expectedBucketOwner };
  const where = (key: string) => `s3://${bucket}/${key}`;

  async function oneTry<Answer>(attempt: (options: SendOptions) => Promise<Answer>): Promise<Answer> {
    const abortSignal = AbortSignal.timeout(tryTimeoutMs);
    try {
      return await attempt({ abortSignal });
    } catch (error) {
      if (abortSignal.aborted) throw new BrokenReply(`no reply within ${tryTimeoutMs} ms`, { cause: error });
      throw error;
    }
  }

  return {
    client,
    partBytes,
    parallel,
    retry,
    self,
    object: (key) => ({ ...self, Key: key }),
    where,
    async request(operation, key, attempt) {
      let tries = 0;
      try {
        return await withRetries(
          (failed) => {
            tries = failed + 1;
            return oneTry((sendOptions) => attempt(sendOptions, failed));
          },
          mayPass,
          retry,
        );
      } catch (error) {
        const resource = operation.startsWith('List') ? bucket : `${bucket}/${key}`;
        const request = { operation, where: where(key), expectedOwner: expectedBucketOwner };
        throw explain(error, { ...request, resource: `arn:aws:s3:::${resource}` }, tries);
      }
    },
  };
}
