/** The stand-in for S3 behind a proxy that makes faults, a client of it, and buckets of a test's own. */
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { afterAll, afterEach } from 'vitest';
import type { S3StoreOptions } from '../../shared/checkpoints/s3-store.ts';
import type { RetrySettings } from '../../shared/core/retry.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { startMoto } from './moto.ts';

export const mebibyte = 1024 * 1024;

/** Many tries that wait for nothing. */
const eager: Partial<RetrySettings> = { tries: 15, sleep: async () => undefined, random: () => 0.5 };

export interface TestS3 {
  readonly proxy: FaultProxy;
  readonly client: S3Client;
  clientWith(changes: S3ClientConfig): S3Client;
  newBucket(): Promise<string>;
  /** For a store in a new bucket; parts are as small as S3 lets them be. */
  options(): Promise<S3StoreOptions & { bucket: string }>;
  /** Keys of multipart uploads that were neither completed nor aborted. */
  unfinishedUploads(bucket: string): Promise<string[]>;
}

/** Starts it for the tests of a file; undefined where moto is not installed. */
export async function startTestS3(): Promise<TestS3 | undefined> {
  const moto = await startMoto();
  if (!moto) return undefined;
  const proxy = await startFaultProxy(moto.url);
  const clients: S3Client[] = [];
  const clientWith = (changes: S3ClientConfig) => {
    const client = new S3Client({
      endpoint: proxy.url,
      forcePathStyle: true,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
      ...changes,
    });
    clients.push(client);
    return client;
  };
  const client = clientWith({});
  /** Asks moto itself, whatever the proxy is up to. */
  const observer = clientWith({ endpoint: moto.url, maxAttempts: 3 });
  afterEach(() => proxy.play(() => undefined));
  afterAll(async () => {
    for (const each of clients) each.destroy();
    await proxy.close();
    await moto.stop();
  });
  const newBucket = async () => {
    const Bucket = `test-${randomUUID()}`;
    await observer.send(new CreateBucketCommand({ Bucket }));
    return Bucket;
  };
  return {
    proxy,
    client,
    clientWith,
    newBucket,
    options: async () => ({ client, bucket: await newBucket(), partBytes: 5 * mebibyte, retry: eager }),
    async unfinishedUploads(Bucket) {
      const { Uploads = [] } = await observer.send(new ListMultipartUploadsCommand({ Bucket }));
      return Uploads.map(({ Key }) => Key!);
    },
  };
}
