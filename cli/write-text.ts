import { writeFile } from 'node:fs/promises';
import { UserError } from '../shared/core/errors.ts';

/** Writes a file that the user named. @throws UserError when it can't be written. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw new UserError(`can't be written (${(cause as NodeJS.ErrnoException).code})`, {
      where: path,
      remedy: 'Check that the folder exists and may be written to, or choose another place.',
      cause,
    });
  }
}
