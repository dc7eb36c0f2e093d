import { HeadObjectCommand, type HeadObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { isAbsence } from '../checkpoints/s3/failures.ts';
import type { S3Location } from '../checkpoints/s3-uri.ts';

/** What S3 keeps about an object, by default about its newest version; undefined where there is none. */
export async function headObject(
  s3: S3Client,
  { bucket, key, versionId }: S3Location,
): Promise<HeadObjectCommandOutput | undefined> {
  try {
    return await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }));
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}
