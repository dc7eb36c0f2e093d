import { join, relative } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { downloadTo } from '../checkpoints/s3-download.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';

/** The bucket, and what all keys of a folder begin with. @throws UserError when it is no address. */
export function parseFolder(address: string): { bucket: string; prefix: string } {
  const { bucket, key } = parseS3Uri(address.replace(/\/+$/, ''));
  return { bucket, prefix: `${key}/` };
}

/** Whether an address is that of a folder: all objects below it. */
export const isFolderAddress = (address: string): boolean => address.endsWith('/');

/**
 * Fetches a data set, weights, or a folder of a model to `path`.
 * @throws UserError when there is nothing of that address, or it may not be read.
 */
export async function downloadInput(
  client: S3Client,
  address: string,
  path: string,
  limits: { readonly tryTimeoutMs?: number } = {},
): Promise<void> {
  if (!isFolderAddress(address)) {
    const { bucket, ...object } = parseS3Uri(address);
    return downloadTo(path, object, { client, bucket, ...limits });
  }
  const { bucket, prefix } = parseFolder(address);
  const keys = await s3Store({ client, bucket }).list(prefix);
  if (keys.length === 0) {
    throw new UserError('there is nothing in this folder', {
      where: address,
      remedy: 'Upload the model, or mend model.folder.',
    });
  }
  for (const key of keys) await downloadTo(join(path, relative(prefix, key)), { key }, { client, bucket, ...limits });
}
