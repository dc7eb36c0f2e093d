import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { s3Store } from '../checkpoints/s3-store.ts';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import { UserError } from '../core/errors.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { openTensors, type Place } from '../tensors/open-tensors.ts';
import { contentOf, downloadInput, isFolderAddress, parseFolder } from './download-input.ts';
import type { MachineCache } from './machine-cache.ts';

/** Data sets and weights on this machine. */
export interface Inputs {
  readonly localPath: TaskContext['localPath'];
  readonly openTensors: TaskContext['openTensors'];
  /** A text with the addresses of inputs in place of where they lie on this machine. */
  withAddresses(text: string): string;
}

/** The objects of a bucket as files, by their keys. */
function asFiles(store: ArtifactStore): Place {
  const below = async (folder: string) => {
    const keys = await store.list(`${folder}/`);
    return keys.map((key) => key.slice(folder.length + 1));
  };
  return {
    async kind(path) {
      const names = await store.list(path);
      if (names.includes(path)) return 'file';
      return names.some((name) => name.startsWith(`${path}/`)) ? 'folder' : undefined;
    },
    list: async (folder) => (await below(folder)).filter((name) => !name.includes('/')),
    async open(path) {
      const source = await store.open(path);
      if (source) return source;
      throw new UserError('there is no such object', { where: `${store.label}/${path}` });
    },
  };
}

/**
 * Fetches data sets and weights out of S3 into `scratch`, each once; other paths are left as they are.
 * @param limits where other than the store's own.
 * @param limits.cache that keeps what is fetched on this machine; its own folder takes the place of `scratch`.
 */
export function s3Inputs(
  client: S3Client,
  scratch: string,
  { cache, ...limits }: { readonly tryTimeoutMs?: number; readonly cache?: MachineCache | undefined } = {},
): Inputs {
  const fetched = new Map<string, Promise<string>>();
  const addresses = new Map<string, string>();
  const fetchOnce = async (address: string) => {
    const name = isFolderAddress(address) ? parseFolder(address).prefix : parseS3Uri(address).key;
    const digest = createHash('sha256').update(address).digest('hex').slice(0, 16);
    const path = join(cache?.scratch ?? scratch, digest, basename(name));
    addresses.set(path, address.replace(/\/$/, ''));
    const download = (to: string) => downloadInput(client, address, to, limits);
    if (cache) await cache.fetch(await contentOf(client, address), path, download);
    else await download(path);
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
    async openTensors(address) {
      const known = fetched.get(address);
      if (known || !address.startsWith('s3://')) return openTensors((await known) ?? address);
      const { bucket, prefix } = parseFolder(address);
      return openTensors(prefix.slice(0, -1), { place: asFiles(s3Store({ client, bucket, ...limits })) });
    },
    withAddresses: (text) =>
      [...addresses].reduce((replaced, [path, address]) => replaced.replaceAll(path, address), text),
  };
}
