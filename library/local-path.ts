import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder of inputs that were fetched from S3 for runs on this machine. */
const inputsFolder = () => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tempbalance', 'inputs');

const found = new Map<string, Promise<string>>();

/**
 * Where a data set, weights or a model's folder is on this machine. What lies in S3 is fetched, once for this process.
 * @param note is told of what is fetched.
 * @throws UserError when there is no such object, or it may not be read.
 */
export async function localPathOf(address: string, note: (line: string) => void): Promise<string> {
  if (!address.startsWith('s3://')) return address;
  const known = found.get(address) ?? fetched(address, note);
  found.set(address, known);
  return known;
}

async function fetched(address: string, note: (line: string) => void): Promise<string> {
  const { openS3 } = await import('../shared/cloud/open-cloud.ts');
  const { cachedInput } = await import('../shared/cloud/cached-input.ts');
  return cachedInput(openS3(), address, inputsFolder(), (path) => note(`fetching ${address} to ${path}`));
}
