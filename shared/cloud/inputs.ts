import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { parseS3Uri } from '../checkpoints/s3-uri.ts';
import type { TaskContext } from '../pipeline/context.ts';
import { downloadInput, isFolderAddress, parseFolder } from './download-input.ts';

/** Data sets and weights on this machine. */
export interface Inputs {
  readonly localPath: TaskContext['localPath'];
  /** A text with the addresses of inputs in place of where they lie on this machine. */
  withAddresses(text: string): string;
}

/**
 * Fetches data sets and weights out of S3 into `scratch`, each once; other paths are left as they are.
 * @param limits where other than the store's own.
 */
export function s3Inputs(client: S3Client, scratch: string, limits: { readonly tryTimeoutMs?: number } = {}): Inputs {
  const fetched = new Map<string, Promise<string>>();
  const addresses = new Map<string, string>();
  const fetchOnce = async (address: string) => {
    const name = isFolderAddress(address) ? parseFolder(address).prefix : parseS3Uri(address).key;
    const digest = createHash('sha256').update(address).digest('hex').slice(0, 16);
    const path = join(scratch, digest, basename(name));
    addresses.set(path, address.replace(/\/$/, ''));
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
