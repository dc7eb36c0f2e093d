import { readFile } from 'node:fs/promises';
import { UserError } from './errors.ts';

/**
 * The text of a file that need not be there; undefined where it isn't.
 * @throws UserError when there is something that can't be read.
 */
export async function readIfPresent(path: string, remedy: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? '';
    if (['ENOENT', 'ENOTDIR'].includes(code)) return undefined;
    throw new UserError(`can't be read (${code})`, { where: path, remedy, cause });
  }
}
