import { stat } from 'node:fs/promises';
import { BrokenInputError, UserError } from '../core/errors.ts';

/**
 * Checks that a path is a file with something in it.
 * @param wanted what the path should be, e.g. `one HDF5 file`.
 * @param setting the key of the run file that names it.
 * @throws UserError when it is not.
 */
export async function checkIsFilledFile(path: string, wanted: string, setting = 'dataset.path'): Promise<void> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const what = cause.code === 'ENOENT' ? 'there is no such file' : `can't be read (${cause.code})`;
    throw new UserError(what, { where: path, remedy: `Check \`${setting}\` in the run file.`, cause });
  });
  if (!status.isFile()) {
    throw new UserError('is not a file', { where: path, remedy: `Point \`${setting}\` at ${wanted}.` });
  }
  if (status.size === 0) {
    throw new BrokenInputError('is empty (0 bytes)', { where: path, remedy: 'Fetch or write the file again.' });
  }
}
