/** The folder that an export goes to. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { UserError } from '../core/errors.ts';
import { isExportedFile } from '../models/hugging-face/folder.ts';
import { sentenceFileNames } from '../models/hugging-face/sentence-files.ts';

/** The file that an export is known by: its model card. */
export const cardFile = 'README.md';

/** Content of files by name. */
export type ExportedFiles = ReadonlyMap<string, Uint8Array | string>;

/**
 * Makes sure that a folder may be written to.
 * @param options.force whether what another than an export left in the folder is replaced
 * @param options.needed the folder of a base, which an adapter is nothing without
 * @returns what writes the files; those of another model that was there go
 * @throws UserError when the folder holds anything but an export, or is needed.
 */
export async function openExport(
  folder: string,
  { force, needed }: { force: boolean; needed?: string | undefined },
): Promise<(written: ExportedFiles) => Promise<void>> {
  if (needed !== undefined && resolve(needed) === resolve(folder)) {
    throw new UserError('is the base of the adapter, which needs it as it is', {
      where: folder,
      remedy: 'Name another folder.',
    });
  }
  const present = await contentOf(folder);
  if (present.length > 0 && !force && !(await isExport(folder))) {
    throw new UserError('is a folder with something else in it than an export', {
      where: folder,
      remedy: 'Name another folder, or add --force to have files of the same names replaced.',
    });
  }
  return async (written) => {
    await writeFolder(folder, written);
    // What another model left would be read with this one.
    const below = sentenceFileNames.filter((name) => present.includes(name.split('/')[0]!));
    for (const name of new Set([...present, ...below])) {
      if (isExportedFile(name) && !written.has(name)) await rm(join(folder, name), { force: true });
    }
  };
}

/** Names in a folder; none where there is no folder. @throws UserError when it is a file. */
async function contentOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw cannotWrite(folder, error);
  }
}

/** Whether a model card of ours is in it. */
async function isExport(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, cardFile), 'utf8').catch(() => '');
  const matter = /^---\n(.*?)\n---/s.exec(text)?.[1];
  try {
    const { tags } = parse(matter ?? '{}') as { tags?: unknown };
    return Array.isArray(tags) && tags.includes('tempbalance');
  } catch {
    return false;
  }
}

/** Each file is written aside and moved into place, so that none is ever half there. */
async function writeFolder(folder: string, written: ExportedFiles): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, content] of written) {
      const path = join(folder, name);
      const draft = join(dirname(path), `.${basename(path)}.draft`);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(draft, content);
      await rename(draft, path);
    }
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

const cannotWrite = (folder: string, cause: unknown) =>
  new UserError(`can't be written (${(cause as NodeJS.ErrnoException).code})`, {
    where: folder,
    remedy: 'Check that it is a folder that may be written to and that the disk has room, or choose another place.',
    cause,
  });
