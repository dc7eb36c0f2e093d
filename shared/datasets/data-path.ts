/** Where data lie: a file or a folder, or several that are one data set. */
import fs, { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../core/errors.ts';

export type DataPath = string | readonly string[];

/** The paths, one or several. */
export const eachPath = (path: DataPath): readonly string[] => (typeof path === 'string' ? [path] : path);

/** Every path as `changed` gives it: one stays one, and a list stays a list. */
export function mapPath<Path extends DataPath>(path: Path, changed: (path: string) => string): Path {
  return (typeof path === 'string' ? changed(path) : path.map(changed)) as Path;
}

/** Every path as `changed` gives it, in order. */
export async function mapPathAsync(path: DataPath, changed: (path: string) => Promise<string>): Promise<DataPath> {
  if (typeof path === 'string') return changed(path);
  const found: string[] = [];
  for (const each of path) found.push(await changed(each));
  return found;
}

/** Paths in words. */
export const pathInWords = (path: DataPath): string => eachPath(path).join(', ');

/** Names of files without their folders, in words. */
export const namesInWords = (path: DataPath): string =>
  eachPath(path)
    .map((each) => basename(each))
    .join(', ');

/** Whether a path has a character of a pattern: `*`, `?`, `[` or `{`. A file may be called so all the same. */
const hasWildcards = (path: string): boolean => /[*?[{]/.test(path);

/** The files that a pattern names, in the order of their names; undefined: it is no pattern, or there is a file of just that name. */
export async function matchingFiles(path: string): Promise<readonly string[] | undefined> {
  if (!hasWildcards(path) || path.startsWith('s3://') || (await stat(path).catch(() => undefined))) return undefined;
  const found: string[] = [];
  for await (const each of fs.glob(path)) {
    if ((await stat(each).catch(() => undefined))?.isFile()) found.push(each);
  }
  return found.toSorted();
}

/**
 * The path of data that must lie in one file.
 * @param who takes one file alone, in words.
 * @throws UserError when there are several, or a pattern names them.
 */
export function onePath(path: DataPath, who: string): string {
  const [only, ...others] = eachPath(path);
  if (others.length === 0 && (only!.startsWith('s3://') || !hasWildcards(only!))) return only!;
  if (others.length === 0) {
    throw new UserError(`${who} takes one file of data, and dataset.path is a pattern`, {
      where: only!,
      remedy: 'Join the files into one, or train on this machine (npx tempbalance train).',
    });
  }
  throw new UserError(`${who} takes one file of data, and dataset.path lists ${others.length + 1}`, {
    where: pathInWords(path),
    remedy: 'Join them into one file, or train on this machine (npx tempbalance train).',
  });
}
