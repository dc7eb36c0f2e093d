import { createHash } from 'node:crypto';
import { mkdir, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { downloadTo } from '../checkpoints/s3-download.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri, type S3Location } from '../checkpoints/s3-uri.ts';
import { TooLargeError, UserError } from '../core/errors.ts';
import { modelFilesIn } from '../models/hugging-face/model-files.ts';
import { headObject } from './head-object.ts';

/** The bucket, and what all keys of a folder begin with. @throws UserError when it is no address. */
export function parseFolder(address: string): { bucket: string; prefix: string } {
  const { bucket, key } = parseS3Uri(address.replace(/\/+$/, ''));
  return { bucket, prefix: `${key}/` };
}

/** Whether an address is that of a folder: all objects below it. */
export const isFolderAddress = (address: string): boolean => address.endsWith('/');

interface Limits {
  readonly tryTimeoutMs?: number;
  /** Bytes that can be written to a folder; absent: what its file system says. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/**
 * Fetches a data set, weights, or a folder of a model to `path`. Of a folder that is what a model is read from: weights in other
 * formats, which often lie beside it, stay.
 * @throws UserError when there is nothing of that address, it may not be read, or it is larger than what is free here.
 */
export async function downloadInput(
  client: S3Client,
  address: string,
  path: string,
  { freeBytes = freeOnDisk, ...limits }: Limits = {},
): Promise<void> {
  const files = isFolderAddress(address)
    ? await filesOfModel(client, address, path, limits)
    : [{ object: parseS3Uri(address), path }];
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  await refuseWithoutRoom(client, address, files, await freeBytes(folder));
  for (const { object, path } of files) {
    await mkdir(dirname(path), { recursive: true });
    await downloadTo(path, object, { client, bucket: object.bucket, ...limits });
  }
}

interface FileToFetch {
  readonly object: S3Location;
  readonly path: string;
}

/** What tells the content of a model's folder from another: name and ETag of each file. @throws UserError when it holds no model. */
export async function tagsOfModel(client: S3Client, address: string): Promise<readonly (readonly string[])[]> {
  const files = await filesOfModel(client, address, '', {});
  return Promise.all(
    files.map(async ({ object, path }) => [path, (await headObject(client, object))?.ETag ?? ''] as const),
  );
}

/**
 * What tells the content of an address from any other, and its bytes: where it is from, with the version or the ETag of each file.
 * @throws UserError when there is nothing of that address, or it may not be read.
 */
export async function contentOf(client: S3Client, address: string): Promise<{ id: string; bytes: number }> {
  const files = isFolderAddress(address)
    ? await filesOfModel(client, address, '', {})
    : [{ object: parseS3Uri(address), path: '' }];
  let bytes = 0;
  const parts: unknown[] = [];
  for (const { object, path } of files) {
    const head = await headObject(client, object);
    if (!head)
      throw new UserError('there is no such object', { where: address, remedy: 'Check the bucket and the key.' });
    bytes += head.ContentLength ?? 0;
    parts.push([object.bucket, object.key, path, head.VersionId, head.ETag, head.ContentLength]);
  }
  return { id: createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32), bytes };
}

async function filesOfModel(client: S3Client, address: string, path: string, limits: Limits): Promise<FileToFetch[]> {
  const { bucket, prefix } = parseFolder(address);
  const keys = await s3Store({ client, bucket, ...limits }).list(prefix);
  const names = keys.map((key) => key.slice(prefix.length));
  const files = modelFilesIn(names);
  // Without weights it may be a model that is to be pre-trained; where it is not, the reader of the folder says so.
  if (files.some((name) => /\.(safetensors|bin)$/.test(name) || name === 'config.json')) {
    return files.map((name) => ({ object: { bucket, key: prefix + name }, path: join(path, name) }));
  }
  throw new UserError(
    names.length === 0
      ? 'there is nothing in this folder'
      : `holds no weights (.safetensors, pytorch_model.bin), but ${names.join(', ')}`,
    { where: address, remedy: 'Upload the model with its weights, or mend model.folder.' },
  );
}

async function freeOnDisk(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Whether the files are there at all, and may be read, the download says. */
async function refuseWithoutRoom(client: S3Client, address: string, files: readonly FileToFetch[], free: number) {
  const heads = await Promise.all(files.map(({ object }) => headObject(client, object).catch(() => undefined)));
  const size = heads.reduce((sum, head) => sum + (head?.ContentLength ?? 0), 0);
  if (size <= free) return;
  throw new TooLargeError(`has ${formatBytes(size)}, more than the ${formatBytes(free)} that fit here`, {
    where: address,
    remedy: address.includes('/weights/')
      ? 'Take a smaller model, or store its weights in 16 bits.'
      : 'Store fewer samples, time steps or points, in float32, or split the data set.',
  });
}

const formatBytes = (bytes: number) =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
