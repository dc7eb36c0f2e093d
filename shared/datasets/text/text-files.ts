/** The files that a data set of texts lies in: one, several, the shards in a folder, or those that a pattern names. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../../core/errors.ts';
import { type DataPath, eachPath, matchingFiles } from '../data-path.ts';

/** The choice of files below a path. */
export interface Wanted {
  /** Ends of names that files of the format have in a folder, without a dot. */
  readonly endings: readonly string[];
  /** The part of the data set, e.g. `train`; absent: all files are of one. */
  readonly split?: string | undefined;
  /** The key of the run file that names the path. */
  readonly setting: string;
  /** The key of the run file that names the part. */
  readonly splitSetting: string;
}

/** Words that files of a part are called by, whether they are numbered or not. */
const partWords = ['train', 'training', 'validation', 'valid', 'val', 'dev', 'test', 'testing', 'eval'];

/** `train` of `train-00000-of-00003.parquet`, `validation.csv` or `test_2.jsonl`; undefined: the name says nothing. */
export function splitOfName(name: string): string | undefined {
  const stem = name.slice(0, name.indexOf('.') < 0 ? undefined : name.indexOf('.'));
  const shard = /^(.+)-\d+-of-\d+$/.exec(stem)?.[1];
  if (shard !== undefined) return shard;
  const word = stem.split(/[-_ ]/)[0]!.toLowerCase();
  return partWords.includes(word) ? word : undefined;
}

/**
 * The files of a data set, in the order of the list, and of a folder or a pattern in the order of their names.
 * @throws UserError when a folder or a pattern has none, or files of several parts of which none is named.
 */
export async function textFilesOf(path: DataPath, wanted: Wanted): Promise<readonly string[]> {
  const found: string[] = [];
  const several: string[] = [];
  for (const each of eachPath(path)) {
    const inside = (await matchingFiles(each)) ?? (await filesInFolder(each, wanted));
    if (inside?.length === 0) throw nothingAt(each, wanted);
    if (inside) several.push(...inside);
    found.push(...(inside ?? [each]));
  }
  if (several.length === 0 && wanted.split === undefined) return found;
  return ofOneSplit(found, several, wanted);
}

const nothingAt = (path: string, { setting }: Wanted) =>
  new UserError('no file is called so', { where: path, remedy: `Check \`${setting}\` in the run file.` });

/** Files of the format in a folder; undefined: it is none. */
async function filesInFolder(path: string, { endings, setting }: Wanted): Promise<readonly string[] | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return undefined;
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).toSorted();
  const ending = new RegExp(`\\.(${endings.join('|')})(\\.(gz|zst))?$`, 'i');
  const fitting = names.filter((name) => ending.test(name)).map((name) => join(path, name));
  if (fitting.length > 0) return fitting;
  if (names.includes('dataset_dict.json') || names.includes('state.json')) {
    throw new UserError('is a folder that the `datasets` library saved', {
      where: path,
      remedy: 'Set `dataset.format` to arrow.',
    });
  }
  throw new UserError(`is a folder without a file that ends in ${endings.map((each) => `.${each}`).join(', ')}`, {
    where: path,
    remedy: `${names.length > 0 ? `It has ${listed(names)}. ` : ''}Check \`dataset.format\` and \`${setting}\`.`,
  });
}

const listed = (names: readonly string[]) =>
  names.length > 10 ? `${names.slice(0, 10).join(', ')} and ${names.length - 10} more` : names.join(', ');

/**
 * Those of the wanted part; where none is named, all, which must be of one.
 * @param several those that come of folders and patterns: nobody has named them one by one.
 */
function ofOneSplit(
  files: readonly string[],
  several: readonly string[],
  { split, setting, splitSetting }: Wanted,
): readonly string[] {
  const parts = new Map<string | undefined, string[]>();
  for (const file of split === undefined ? several : files) {
    const part = splitOfName(basename(file));
    parts.set(part, [...(parts.get(part) ?? []), basename(file)]);
  }
  const inWords = [...parts].map(([part, names]) => `${part ?? 'no part'}: ${listed(names)}`).join('; ');
  if (split === undefined) {
    if (parts.size === 1) return files;
    throw new UserError(`the files are of several parts of a data set (${inWords})`, {
      where: setting,
      remedy: `Name one, e.g. \`${splitSetting}: ${[...parts.keys()].find((part) => part !== undefined)}\`, or give a pattern that fits its files alone.`,
    });
  }
  if (parts.has(split)) return files.filter((file) => splitOfName(basename(file)) === split);
  throw new UserError(`no file is of the part ${split} (${inWords})`, {
    where: setting,
    remedy: `Set \`${splitSetting}\` to a part that there is, or leave it out.`,
  });
}

/** The parts of a data set in a folder, by the names of its files; empty: they say nothing. */
export async function partsInFolder(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch(() => []);
  return [...new Set(names.flatMap((name) => splitOfName(name) ?? []))].toSorted();
}
