import type { Readable } from 'node:stream';
import { GetObjectCommand, type GetObjectCommandOutput, HeadObjectCommand } from '@aws-sdk/client-s3';
import { TransientError } from '../../core/errors.ts';
import { mapInFlight } from '../../core/in-flight.ts';
import { withRetries } from '../../core/retry.ts';
import type { ByteSource } from '../../tensors/byte-source.ts';
import type { Bucket } from './bucket.ts';
import { hasChecksum, type ObjectChecksum, objectChecksum } from './checksums.ts';
import { BrokenReply, isAbsence, isUnmet } from './failures.ts';
import { type Writes, writesInMetadata } from './versions.ts';

/** One version of an object: its size, tag, checksum and the writes that led to it. */
export interface ObjectVersion {
  readonly size: number;
  readonly etag: string;
  readonly writes: Writes;
  readonly checksum: ObjectChecksum | undefined;
}

/** The object is not as it was when reading began, or what came is not what S3 keeps: to be read from the beginning. */
class SpoiltReading extends TransientError {}

type Headers = Pick<GetObjectCommandOutput, 'ContentLength' | 'ETag' | 'Metadata' | 'ChecksumType'>;

function versionIn(answer: Headers): ObjectVersion {
  const { ContentLength: size, ETag: etag } = answer;
  if (size === undefined || etag === undefined) throw new BrokenReply('the reply lacks the size or the ETag');
  return { size, etag, writes: writesInMetadata(answer.Metadata), checksum: objectChecksum(answer) };
}

/** Fills `into` with a body of exactly its length. */
async function readBody(answer: GetObjectCommandOutput, into: Uint8Array): Promise<void> {
  let filled = 0;
  try {
    for await (const chunk of answer.Body as Readable) {
      if (filled + chunk.length > into.length) throw new Error(`it goes on after ${into.length} bytes`);
      into.set(chunk, filled);
      filled += chunk.length;
    }
  } catch (cause) {
    throw new BrokenReply(`the reply broke off at byte ${filled} of ${into.length}`, { cause });
  }
  if (filled < into.length) throw new BrokenReply(`the reply ended at byte ${filled} of ${into.length}`);
}

const leave = (answer: GetObjectCommandOutput) => (answer.Body as Readable).destroy();

/** Undefined when there is no such object. */
async function ifPresent<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** An object's version, and its bytes where it is no larger than a part; the client compares them with S3's checksum. */
function beginReading(s3: Bucket, key: string, wanted: 'version' | 'bytes') {
  return ifPresent(
    s3.request('GetObject', key, async (options) => {
      const answer = await s3.client.send(
        new GetObjectCommand({ ...s3.object(key), ChecksumMode: 'ENABLED' }),
        options,
      );
      const version = versionIn(answer);
      if (wanted === 'version' || version.size > s3.partBytes) {
        leave(answer);
        return { version };
      }
      const bytes = new Uint8Array(version.size);
      await readBody(answer, bytes);
      return { version, bytes };
    }),
  );
}

/** The version of the object that there is now; undefined when there is none. */
export async function currentVersion(s3: Bucket, key: string): Promise<ObjectVersion | undefined> {
  const head = new HeadObjectCommand({ ...s3.object(key), ChecksumMode: 'ENABLED' });
  try {
    return await s3.request('HeadObject', key, async (options) => versionIn(await s3.client.send(head, options)));
  } catch (error) {
    if (error instanceof TransientError) throw error;
    // HEAD says no more than a status: GET tells a missing object from a missing bucket.
    return (await beginReading(s3, key, 'version'))?.version;
  }
}

/** The bytes `[start, end)` of this version, and no other. */
async function readRange(s3: Bucket, key: string, version: ObjectVersion, start: number, end: number) {
  const range = `bytes ${start}-${end - 1}`;
  const bytes = new Uint8Array(end - start);
  const get = new GetObjectCommand({ ...s3.object(key), Range: range.replace(' ', '='), IfMatch: version.etag });
  try {
    await s3.request('GetObject', key, async (options) => {
      const answer = await s3.client.send(get, options);
      if (answer.ETag !== version.etag || answer.ContentRange !== `${range}/${version.size}`) {
        leave(answer);
        throw new BrokenReply(
          `the reply is of ${answer.ETag}, ${answer.ContentRange}, instead of ${version.etag}, ${range}`,
        );
      }
      await readBody(answer, bytes);
    });
  } catch (error) {
    if (!isUnmet(error) && !isAbsence(error)) throw error;
    throw new SpoiltReading('was replaced or deleted while it was being read', { where: s3.where(key), cause: error });
  }
  return bytes;
}

/** Parts of `[start, end)` that are read or written by one request each. */
export function partsOf(start: number, end: number, partBytes: number): { start: number; end: number }[] {
  return Array.from({ length: Math.ceil((end - start) / partBytes) }, (_, index) => {
    const at = start + index * partBytes;
    return { start: at, end: Math.min(end, at + partBytes) };
  });
}

/** Hands the bytes `[start, end)` of this version over as they come, in parts, several at a time. */
export async function readParts(
  s3: Bucket,
  key: string,
  version: ObjectVersion,
  { start, end }: { start: number; end: number },
  take: (bytes: Uint8Array, at: number) => unknown,
): Promise<void> {
  await mapInFlight(partsOf(start, end, s3.partBytes), { count: s3.parallel }, async (part) =>
    take(await readRange(s3, key, version, part.start, part.end), part.start),
  );
}

/** This version for ranged reads; a read fails once the object is another. */
export function versionSource(s3: Bucket, key: string, version: ObjectVersion): ByteSource {
  return {
    label: s3.where(key),
    size: version.size,
    async read(start, end) {
      if (!(start >= 0 && start <= end && end <= version.size)) {
        throw new RangeError(`${s3.where(key)} has ${version.size} bytes, no range [${start}, ${end})`);
      }
      if (end - start <= s3.partBytes && end > start) return readRange(s3, key, version, start, end);
      const bytes = new Uint8Array(end - start);
      await readParts(s3, key, version, { start, end }, (part, at) => bytes.set(part, at - start));
      return bytes;
    },
  };
}

/** @throws SpoiltReading when the bytes of an object are not of the checksum that S3 keeps. */
export async function refuseWrongBytes(
  s3: Bucket,
  key: string,
  { checksum }: ObjectVersion,
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  if (await hasChecksum(bytes, checksum)) return;
  throw new SpoiltReading('what was read is not of the checksum that S3 keeps', {
    where: s3.where(key),
    remedy: 'It was damaged on the way: try again.',
  });
}

/** What `read` gives, begun anew when the object is replaced meanwhile or its bytes are damaged on the way. */
export const untilUnspoilt = <Result>(s3: Bucket, read: () => Promise<Result>): Promise<Result> =>
  withRetries(read, (error) => error instanceof SpoiltReading, s3.retry);

/** An object as a whole, of its length and checksum; undefined when there is none. */
export function readObject(
  s3: Bucket,
  key: string,
): Promise<{ version: ObjectVersion; bytes: Uint8Array } | undefined> {
  return untilUnspoilt(s3, async () => {
    const begun = await beginReading(s3, key, 'bytes');
    if (!begun) return undefined;
    const { version } = begun;
    if (begun.bytes) return { version, bytes: begun.bytes };
    const bytes = await versionSource(s3, key, version).read(0, version.size);
    await refuseWrongBytes(s3, key, version, [bytes]);
    return { version, bytes };
  });
}
