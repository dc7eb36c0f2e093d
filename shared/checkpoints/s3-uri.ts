import { UserError } from '../core/errors.ts';

/** The bucket, the key and the version of an object. */
export interface S3Location {
  readonly bucket: string;
  /** The key as it is, never percent-decoded. */
  readonly key: string;
  /** Of a bucket that keeps versions: which one. Absent: the newest. */
  readonly versionId?: string;
}

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * The parts of `s3://bucket/key` or `s3://bucket/key?versionId=id`.
 * @throws UserError that says which part is missing or wrong.
 */
export function parseS3Uri(uri: string): S3Location {
  const refuse = (what: string) =>
    new UserError(what, { where: uri, remedy: 'Write s3://bucket/key, e.g. s3://my-data/burgers/train.hdf5.' });
  const [, bucket, key] = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(uri) ?? [];
  if (bucket === undefined) throw refuse('is not the address of an object in S3');
  if (bucket === '') throw refuse('names no bucket');
  if (!bucketName.test(bucket)) {
    throw refuse(`"${bucket}" can't be a bucket: 3 to 63 lower-case letters, digits, dots and hyphens`);
  }
  if (!key) throw refuse('names a bucket but no object in it');
  if (key.endsWith('/')) throw refuse('names a folder, not an object');
  const [, plain, versionId] = /^(.*)\?versionId=([^?/&]+)$/s.exec(key) ?? [];
  return plain === undefined || versionId === undefined ? { bucket, key } : { bucket, key: plain, versionId };
}
