/** Data sets and models out of S3 for runs on this machine. */
import { createHash } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { draftName, sweepDrafts } from '../checkpoints/drafts.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';
import { pathKind } from '../tensors/open-tensors.ts';
import { downloadInput, isFolderAddress, parseFolder, tagsOfModel } from './download-input.ts';
import { headObject } from './head-object.ts';

/**
 * Fetches a data set, weights, or a model's folder (whose address may end with a slash), unless the same content is there.
 * @param cache folder that keeps what was fetched, each content in a folder of its own.
 * @param told of what has to be fetched, before it is.
 * @returns where it lies.
 * @throws UserError when there is nothing of that address, it may not be read, or there is no room for it.
 */
export async function cachedInput(
  s3: S3Client,
  address: string,
  cache: string,
  told: (path: string) => void,
): Promise<string> {
  const object = isFolderAddress(address) ? undefined : await headObject(s3, parseS3Uri(address));
  const source = object || isFolderAddress(address) ? address : await asFolder(s3, address);
  const content = object ? [object.ETag] : await tagsOfModel(s3, source);
  const digest = createHash('sha256')
    .update(JSON.stringify([source, content]))
    .digest('hex')
    .slice(0, 16);
  const name = basename(object ? parseS3Uri(source).key : parseFolder(source).prefix);
  const path = join(cache, digest, name);
  if (await pathKind(path)) return path;
  told(path);
  await mkdir(cache, { recursive: true });
  await sweepDrafts(cache);
  const draft = join(cache, draftName());
  try {
    await downloadInput(s3, source, join(draft, name));
    await rename(draft, join(cache, digest));
  } catch (error) {
    // Another process may have been as fast.
    if (!(await pathKind(path))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return path;
}

/** The address with the slash that makes it a folder's. @throws UserError when there is nothing below it. */
async function asFolder(s3: S3Client, address: string): Promise<string> {
  const { bucket, prefix } = parseFolder(address);
  const below = await s3Store({ client: s3, bucket }).list(prefix);
  if (below.length > 0) return `${address}/`;
  throw new UserError('there is no such object, nor a folder of this name', {
    where: address,
    remedy: 'Check the bucket and the key.',
  });
}
