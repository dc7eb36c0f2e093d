import { access, constants, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../shared/core/errors.ts';

/** Writes a file that the user named. @throws UserError when it can't be written. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw cannotWrite(path, (cause as NodeJS.ErrnoException).code, cause);
  }
}

/** Writes a file that others may be waiting for: it is there whole, or as it was. @throws UserError when it can't be written. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.draft`);
  try {
    await writeFile(draft, text);
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cannotWrite(path, (cause as NodeJS.ErrnoException).code, cause);
  }
}

/** Checks before long work that its result can be written. @throws UserError when a file can't be made there. */
export async function checkWritable(path: string): Promise<void> {
  const present = await stat(path).catch(() => undefined);
  if (present?.isDirectory()) throw cannotWrite(path, 'EISDIR');
  try {
    await access(present ? path : dirname(resolve(path)), constants.W_OK);
  } catch (cause) {
    throw cannotWrite(path, (cause as NodeJS.ErrnoException).code, cause);
  }
}

const cannotWrite = (path: string, code: string | undefined, cause?: unknown) =>
  new UserError(`can't be written (${code})`, {
    where: path,
    remedy: 'Check that the folder exists and may be written to, or choose another place.',
    cause,
  });
