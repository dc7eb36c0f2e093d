import { readFile } from 'node:fs/promises';
import { UserError } from './errors.ts';

/** Whether an error says that there is nothing at a path. */
export const isAbsence = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * The text of a file that need not be there; undefined where it isn't.
 * @throws UserError when there is something that can't be read.
 */
export async function readIfPresent(path: string, remedy: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isAbsence(cause)) return undefined;
    throw new UserError(`can't be read (${(cause as NodeJS.ErrnoException).code})`, { where: path, remedy, cause });
  }
}
