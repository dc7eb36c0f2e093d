/** Where data lie: a file or a folder, or several that are one data set. */
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

/**
 * The path of data that must lie in one file.
 * @param who takes one file alone, in words.
 * @throws UserError when there are several.
 */
export function onePath(path: DataPath, who: string): string {
  const [only, ...others] = eachPath(path);
  if (others.length === 0) return only!;
  throw new UserError(`${who} takes one file of data, and dataset.path lists ${others.length + 1}`, {
    where: pathInWords(path),
    remedy: 'Join them into one file, or train on this machine (tempbalance train).',
  });
}
