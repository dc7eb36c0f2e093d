import { RunError, TransientError, UserError } from '../core/errors.ts';

/** The code that the system gave an error, e.g. `ENOENT`. */
export const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

const otherFolder = 'Choose another folder: output.folder in a run file, folder in a compare file.';

/** What a disk said, as an error with a message: full, forbidden, or passing; anything else as it is. */
export function diskError(error: unknown, path: string): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new RunError('the disk is full; what was committed before is intact', {
        where: path,
        remedy:
          'Free some space, then resume the run (output.keep says how many epochs are kept), or start the comparison again.',
        cause: error,
      });
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return new RunError('access is denied', { where: path, remedy: 'Check the folder and its owner.', cause: error });
    case 'ENOTDIR':
    case 'EEXIST':
      return new UserError('a part of the path is a file, not a folder', {
        where: path,
        remedy: otherFolder,
        cause: error,
      });
    case 'ENOENT':
      return new UserError("the folder can't be made", {
        where: path,
        remedy: otherFolder,
        cause: error,
      });
    case 'EIO':
    case 'EBUSY':
    case 'EMFILE':
    case 'ENFILE':
      return new TransientError(`the disk did not answer (${codeOf(error)})`, { where: path, cause: error });
    default:
      return error;
  }
}
