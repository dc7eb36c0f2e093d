import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../core/errors.ts';
import { diskError } from './disk-error.ts';
import { draftName } from './drafts.ts';
import { type S3Options, s3Bucket } from './s3/bucket.ts';
import { currentVersion, readParts, refuseWrongBytes, untilUnspoilt } from './s3/read.ts';
import type { S3Location } from './s3-uri.ts';

/**
 * Fetches an object to the file `path`, in ranges. It is written aside, compared on disk with the checksum that S3 keeps
 * (where it keeps one of the whole object), and moved into place: the file is there as a whole or not at all.
 * @throws UserError when there is no such object, or it may not be read; TransientError when S3 does not answer.
 */
export async function downloadTo(
  path: string,
  { key, versionId }: Pick<S3Location, 'key' | 'versionId'>,
  options: S3Options,
): Promise<void> {
  const bucket = s3Bucket(options);
  const s3 = { ...bucket, object: (name: string) => ({ ...bucket.object(name), VersionId: versionId }) };
  const draft = join(dirname(path), draftName());
  const fetchDraft = async () => {
    const version = await currentVersion(s3, key);
    if (!version) {
      throw new UserError('there is no such object', { where: s3.where(key), remedy: 'Check the bucket and the key.' });
    }
    const file = await open(draft, 'w');
    try {
      await readParts(s3, key, version, { start: 0, end: version.size }, async (bytes, at) => {
        for (let done = 0; done < bytes.length; ) {
          done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
        }
      });
      await file.sync();
    } finally {
      await file.close();
    }
    await refuseWrongBytes(s3, key, version, createReadStream(draft));
  };
  try {
    await mkdir(dirname(path), { recursive: true });
    await untilUnspoilt(s3, fetchDraft);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw diskError(error, path);
  }
}
