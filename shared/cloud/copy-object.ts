/** Copying within S3, without the bytes coming here. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { S3Location } from '../checkpoints/s3-uri.ts';
import { mapInFlight } from '../core/in-flight.ts';

/** S3 copies 5 GB at most in one request; the parts are small because functions give up requests that take long. */
export const largestPart = 256 * 1024 * 1024;

const partsAtATime = 8;

/**
 * Copies an object, or a version of it, to another key, in its own bucket or another: larger ones in parts, after which all are there or nothing is.
 * @param s3 a client for the region of the target.
 * @param size in bytes.
 * @returns the version of the copy; undefined where the bucket keeps none.
 */
export async function copyObject(
  s3: S3Client,
  { bucket, key, versionId }: S3Location,
  options: {
    readonly target: string;
    readonly size: number;
    readonly partBytes?: number;
    /** Absent: the same. */
    readonly targetBucket?: string;
    /** The ETag of the source: an object that was replaced meanwhile is not copied, so that all parts are of one content. */
    readonly etag?: string | undefined;
    readonly metadata?: Readonly<Record<string, string>>;
  },
): Promise<string | undefined> {
  const { target: Key, size, partBytes = largestPart, targetBucket: Bucket = bucket, metadata: Metadata } = options;
  const { etag: CopySourceIfMatch } = options;
  const version = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
  const CopySource = `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}${version}`;
  if (size <= partBytes) {
    const replaced = Metadata ? ({ Metadata, MetadataDirective: 'REPLACE' } as const) : {};
    const copy = { Bucket, Key, CopySource, CopySourceIfMatch, TaggingDirective: 'REPLACE', ...replaced } as const;
    return (await s3.send(new CopyObjectCommand(copy))).VersionId;
  }
  const { UploadId } = await s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ...(Metadata ? { Metadata } : {}) }),
  );
  const upload = { Bucket, Key, UploadId };
  try {
    const starts = Array.from({ length: Math.ceil(size / partBytes) }, (_, part) => part * partBytes);
    const Parts = await mapInFlight(starts, { count: partsAtATime }, async (start) => {
      const PartNumber = start / partBytes + 1;
      const CopySourceRange = `bytes=${start}-${Math.min(start + partBytes, size) - 1}`;
      const { CopyPartResult } = await s3.send(
        new UploadPartCopyCommand({ ...upload, PartNumber, CopySource, CopySourceIfMatch, CopySourceRange }),
      );
      return { PartNumber, ETag: CopyPartResult!.ETag };
    });
    const done = await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    return done.VersionId;
  } catch (error) {
    await s3.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}
