import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { messageOf, TransientError } from '../../core/errors.ts';
import { mapInFlight } from '../../core/in-flight.ts';
import { withRetries } from '../../core/retry.ts';
import type { Bucket } from './bucket.ts';
import { crc32Of } from './checksums.ts';
import { clientTriesOf, isAbsence, isConflict, isUnmet, isUploadGone } from './failures.ts';
import { currentVersion, partsOf } from './read.ts';
import { followedBy, goneEtag, judge, versionTag, type Writes, writesAsMetadata } from './versions.ts';

/** The condition of a write, in S3's terms. */
type Condition = { readonly IfNoneMatch?: '*'; readonly IfMatch?: string };

interface ObjectWrite {
  readonly key: string;
  readonly bytes: Uint8Array;
  readonly writes: Writes;
  readonly condition: Condition;
}

/**
 * The ETag of what was written; or that the condition does not hold, where `perhapsOurs` says that an earlier try may have
 * done the write and made it so.
 */
type Outcome = { readonly etag: string } | { readonly perhapsOurs: boolean };

/** Most parts of an upload (S3's rule). */
const mostParts = 10_000;

/** S3 wants the upload begun anew. */
class UploadConflict extends Error {}

async function putWhole(s3: Bucket, { key, bytes, writes, condition }: ObjectWrite): Promise<Outcome> {
  const put = new PutObjectCommand({
    ...s3.object(key),
    ...condition,
    Body: bytes,
    Metadata: writesAsMetadata(writes),
    ChecksumAlgorithm: 'CRC32',
    ChecksumCRC32: crc32Of(bytes),
  });
  let retried = false;
  try {
    const answer = await s3.request('PutObject', key, (options, failed) => {
      retried = failed > 0;
      return s3.client.send(put, options);
    });
    return { etag: answer.ETag! };
  } catch (error) {
    if (!isUnmet(error) && !isAbsence(error)) throw error;
    return { perhapsOurs: retried || clientTriesOf(error) > 1 };
  }
}

async function uploadParts(s3: Bucket, { key, bytes }: ObjectWrite, UploadId: string): Promise<CompletedPart[]> {
  const partBytes = Math.max(s3.partBytes, Math.ceil(bytes.length / mostParts));
  const parts = partsOf(0, bytes.length, partBytes).map(({ start, end }, index) => ({
    PartNumber: index + 1,
    content: bytes.subarray(start, end),
  }));
  return mapInFlight(parts, { count: s3.parallel }, async ({ PartNumber, content }) => {
    const ChecksumCRC32 = crc32Of(content);
    const part = { ...s3.object(key), UploadId, PartNumber, Body: content, ChecksumCRC32 };
    const answer = await s3.request('UploadPart', key, (options) =>
      s3.client.send(new UploadPartCommand(part), options),
    );
    return { PartNumber, ETag: answer.ETag, ChecksumCRC32 };
  });
}

async function completeUpload(
  s3: Bucket,
  { key, bytes, condition }: ObjectWrite,
  UploadId: string,
  Parts: CompletedPart[],
): Promise<Outcome> {
  const complete = new CompleteMultipartUploadCommand({
    ...s3.object(key),
    ...condition,
    UploadId,
    MultipartUpload: { Parts },
    ChecksumType: 'FULL_OBJECT',
    ChecksumCRC32: crc32Of(bytes),
    MpuObjectSize: bytes.length,
  });
  return s3.request('CompleteMultipartUpload', key, async (options, failed) => {
    try {
      return { etag: (await s3.client.send(complete, options)).ETag! };
    } catch (error) {
      if (isConflict(error)) throw new UploadConflict(messageOf(error), { cause: error });
      if (isUploadGone(error)) return { perhapsOurs: true };
      if (isUnmet(error) || isAbsence(error)) return { perhapsOurs: failed > 0 || clientTriesOf(error) > 1 };
      throw error;
    }
  });
}

/** One multipart upload; unless it was completed it is aborted, so that no parts are left. */
async function uploadOnce(s3: Bucket, write: ObjectWrite, begunAnew: boolean): Promise<Outcome> {
  const { key, writes } = write;
  const create = new CreateMultipartUploadCommand({
    ...s3.object(key),
    Metadata: writesAsMetadata(writes),
    ChecksumAlgorithm: 'CRC32',
    ChecksumType: 'FULL_OBJECT',
  });
  const { UploadId } = await s3.request('CreateMultipartUpload', key, (options) => s3.client.send(create, options));
  let completed = false;
  try {
    const outcome = await completeUpload(s3, write, UploadId!, await uploadParts(s3, write, UploadId!));
    completed = 'etag' in outcome;
    return 'etag' in outcome ? outcome : { perhapsOurs: outcome.perhapsOurs || begunAnew };
  } finally {
    if (!completed) await abort(s3, key, UploadId!);
  }
}

/** Tries to leave no parts; what stays when S3 doesn't answer is for the bucket's lifecycle rule. */
async function abort(s3: Bucket, key: string, UploadId: string): Promise<void> {
  const command = new AbortMultipartUploadCommand({ ...s3.object(key), UploadId });
  await s3.request('AbortMultipartUpload', key, (options) => s3.client.send(command, options)).catch(() => undefined);
}

async function putInParts(s3: Bucket, write: ObjectWrite): Promise<Outcome> {
  const isUploadConflict = (error: unknown) => error instanceof UploadConflict;
  try {
    return await withRetries((failed) => uploadOnce(s3, write, failed > 0), isUploadConflict, s3.retry);
  } catch (error) {
    if (!isUploadConflict(error)) throw error;
    throw new TransientError(`S3 found the upload in conflict with others in ${s3.retry.tries} tries`, {
      where: s3.where(write.key),
      cause: error,
    });
  }
}

/** The tag of our write if it took effect though S3 says that its condition doesn't hold; undefined if it didn't. */
async function settle(s3: Bucket, { key, writes }: ObjectWrite): Promise<string | undefined> {
  const current = await currentVersion(s3, key);
  switch (judge(writes, current?.writes)) {
    case 'won':
      return versionTag(current!.writes[0] === writes[0] ? current!.etag : goneEtag, writes);
    case 'lost':
      return undefined;
    case 'unknown':
      throw new TransientError('whether it was written is not known: the reply was lost, and others wrote since', {
        where: s3.where(key),
        remedy: 'Nothing is damaged: read it again and decide anew.',
      });
  }
}

/**
 * Writes an object under a condition.
 * @param earlier the writes of the version that it replaces.
 * @returns its tag; undefined when the condition doesn't hold.
 */
export async function writeObject(
  s3: Bucket,
  key: string,
  bytes: Uint8Array,
  condition: Condition = {},
  earlier: Writes = [],
): Promise<string | undefined> {
  const write = { key, bytes, condition, writes: followedBy(earlier) };
  const outcome = await (bytes.length > s3.partBytes ? putInParts : putWhole)(s3, write);
  if ('etag' in outcome) return versionTag(outcome.etag, write.writes);
  return outcome.perhapsOurs ? settle(s3, write) : undefined;
}
