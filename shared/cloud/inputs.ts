import { createHash } from 'node:crypto';
import { mkdir, statfs } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri, type S3Location } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { downloadInput, isFolderAddress, parseFolder } from './download-input.ts';
import { headObject } from './head-object.ts';

/** Data sets and weights on this machine. */
export interface Inputs {
  readonly localPath: TaskContext['localPath'];
  /** A text with the addresses of inputs in place of where they lie on this machine. */
  withAddresses(text: string): string;
}

/** @throws UserError when an object is larger than what is free here; whether it is there at all, the download says. */
async function refuseWithoutRoom(client: S3Client, object: S3Location, scratch: string) {
  await mkdir(scratch, { recursive: true });
  const { bavail, bsize } = await statfs(scratch);
  const head = await headObject(client, object).catch(() => undefined);
  const size = head?.ContentLength ?? 0;
  if (size <= bavail * bsize) return;
  throw new UserError(`has ${gigabytes(size)} GB, more than the ${gigabytes(bavail * bsize)} GB that fit here`, {
    where: `s3://${object.bucket}/${object.key}`,
    remedy: 'Store fewer samples, time steps or points, in float32, or split the data set.',
  });
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);

/**
 * Fetches data sets and weights out of S3 into `scratch`, each once; other paths are left as they are.
 * @param limits where other than the store's own.
 */
export function s3Inputs(client: S3Client, scratch: string, limits: { readonly tryTimeoutMs?: number } = {}): Inputs {
  const fetched = new Map<string, Promise<string>>();
  const addresses = new Map<string, string>();
  const fetchOnce = async (address: string) => {
    const isFolder = isFolderAddress(address);
    const name = isFolder ? parseFolder(address).prefix : parseS3Uri(address).key;
    const digest = createHash('sha256').update(address).digest('hex').slice(0, 16);
    const path = join(scratch, digest, basename(name));
    addresses.set(path, address.replace(/\/$/, ''));
    if (!isFolder) await refuseWithoutRoom(client, parseS3Uri(address), scratch);
    await downloadInput(client, address, path, limits);
    return path;
  };
  return {
    async localPath(address) {
      if (!address.startsWith('s3://')) return address;
      const known = fetched.get(address) ?? fetchOnce(address);
      fetched.set(address, known);
      known.catch(() => fetched.delete(address));
      return known;
    },
    withAddresses: (text) =>
      [...addresses].reduce((replaced, [path, address]) => replaced.replaceAll(path, address), text),
  };
}
