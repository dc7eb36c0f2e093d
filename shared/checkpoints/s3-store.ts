import { DeleteObjectCommand, ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { TransientError } from '../core/errors.ts';
import { type ArtifactStore, checkKey, checkPrefix } from './artifact-store.ts';
import { type Bucket, type S3Options, s3Bucket } from './s3/bucket.ts';
import { currentVersion, readObject, versionSource } from './s3/read.ts';
import { parseVersionTag, versionTag } from './s3/versions.ts';
import { writeObject } from './s3/write.ts';

export interface S3StoreOptions extends S3Options {
  /** Everything lies below this key, e.g. `team/experiments`. */
  readonly prefix?: string;
}

/** Whether it can be a key of a store; consoles leave objects whose names end in `/` for folders. */
function isKey(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

/** Keys of the bucket that begin with `prefix`. */
async function listKeys(s3: Bucket, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const list = new ListObjectsV2Command({
      ...s3.self,
      Prefix: prefix,
      ContinuationToken: token,
      EncodingType: 'url',
    });
    const page: ListObjectsV2CommandOutput = await s3.request('ListObjectsV2', prefix, (options) =>
      s3.client.send(list, options),
    );
    for (const { Key } of page.Contents ?? []) keys.push(decodeURIComponent(Key!.replaceAll('+', ' ')));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}

/**
 * A store in a bucket. Writes carry checksums that S3 verifies, large ones part by part; reads are of one version, of its
 * length, and `get` of its checksum. Requests that fail in a way that passes are tried again, with growing random waits,
 * before a TransientError says so. The bucket's own encryption applies.
 *
 * Who wins a conditional write is told right even when replies are lost (`s3/versions.ts`); where that can't be known, a
 * TransientError says so rather than guess. A creation that is lost on the way may leave an empty multipart upload: give the
 * bucket a lifecycle rule that aborts incomplete uploads.
 *
 * Needs s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on the objects, s3:ListBucket on the bucket.
 *
 * @throws UserError when access is denied, there is no such bucket, or the credentials or the region are wrong.
 */
export function s3Store(options: S3StoreOptions): ArtifactStore {
  const s3 = s3Bucket(options);
  if (options.prefix !== undefined) checkKey(options.prefix);
  const below = options.prefix === undefined ? '' : `${options.prefix}/`;
  const keyOf = (key: string) => {
    checkKey(key);
    return below + key;
  };
  return {
    label: `s3://${options.bucket}${below && `/${options.prefix}`}`,
    async get(key) {
      const read = await readObject(s3, keyOf(key));
      return read && { bytes: read.bytes, etag: versionTag(read.version.etag, read.version.writes) };
    },
    async open(key) {
      const version = await currentVersion(s3, keyOf(key));
      return version && versionSource(s3, keyOf(key), version);
    },
    async put(key, bytes) {
      const tag = await writeObject(s3, keyOf(key), bytes);
      if (tag !== undefined) return tag;
      throw new TransientError('the upload was ended by another', { where: s3.where(keyOf(key)) });
    },
    putIfAbsent: async (key, bytes) => writeObject(s3, keyOf(key), bytes, { IfNoneMatch: '*' }),
    async putIfMatch(key, bytes, tag) {
      const { etag, writes } = parseVersionTag(tag);
      return writeObject(s3, keyOf(key), bytes, { IfMatch: etag }, writes);
    },
    async list(prefix) {
      checkPrefix(prefix);
      const keys = await listKeys(s3, below + prefix);
      return keys
        .map((key) => key.slice(below.length))
        .filter(isKey)
        .sort();
    },
    async delete(key) {
      const remove = new DeleteObjectCommand(s3.object(keyOf(key)));
      await s3.request('DeleteObject', keyOf(key), (options) => s3.client.send(remove, options));
    },
  };
}
