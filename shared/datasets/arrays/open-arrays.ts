/** Opening a file or folder of arrays, of whatever format its content is. */
import { stat } from 'node:fs/promises';
import { BrokenInputError } from '../../core/errors.ts';
import { checkIsFilledFile } from '../filled-file.ts';
import type { ArrayFile } from './array-file.ts';
import { type FileBytes, withFileBytes } from './file-bytes.ts';
import { type Hdf5Options, withHdf5 } from './hdf5.ts';
import { isMat4, mat5Order, withMat5 } from './mat5.ts';
import { npySignature, openNpy } from './npy.ts';
import { withNpz } from './npz.ts';
import { withZarr } from './zarr.ts';

type Use<Result> = (file: ArrayFile) => Result | Promise<Result>;

const hdf5Signature = '\x89HDF\r\n\x1a\n';

/** The beginning of a file, and what reading it may take. */
interface Opening extends Hdf5Options {
  readonly head: Uint8Array;
}

/** A format of files: how its content is told, and how it is opened for reading, and closed. */
interface ArrayFormat {
  isIn(file: FileBytes, head: Uint8Array): boolean | Promise<boolean>;
  withFile<Result>(file: FileBytes, use: Use<Result>, opening: Opening): Promise<Result>;
}

const begins = (head: Uint8Array, signature: string) => Buffer.from(head).toString('latin1').startsWith(signature);

/** Every format of files: one line each. The first one whose content it is opens a file. */
const formats: readonly ArrayFormat[] = [
  { isIn: (_, head) => begins(head, npySignature), withFile: async (file, use) => use(await openNpy(file)) },
  { isIn: (_, head) => begins(head, 'PK\x03\x04') || begins(head, 'PK\x05\x06'), withFile: withNpz },
  { isIn: isHdf5, withFile: (file, use, options) => withHdf5(file.path, file.size, use, options) },
  {
    isIn: (_, head) => mat5Order(head) !== undefined,
    withFile: (file, use, { head }) => withMat5(file, mat5Order(head)!.littleEndian, use),
  },
];

/**
 * Opens arrays for reading, hands them to `use`, and closes them whatever happens. The format is told by content: HDF5 (MATLAB v7.3 too), .npy,
 * .npz, MATLAB v5, or a folder in Zarr's layout.
 * @throws UserError when there is no such path, it is of no known format, or it is damaged.
 */
export async function withArrayFile<Result>(
  path: string,
  use: Use<Result>,
  options: Hdf5Options = {},
): Promise<Result> {
  if ((await stat(path).catch(() => undefined))?.isDirectory()) return withZarr(path, use);
  await checkIsFilledFile(path, 'a file of arrays, or a folder in Zarr format');
  return withFileBytes(path, async (file) => {
    const head = await file.read(0, Math.min(file.size, 128));
    for (const format of formats) {
      if (await format.isIn(file, head)) return await format.withFile(file, use, { ...options, head });
    }
    throw unknownFormat(path, head);
  });
}

/** The signature stands at the beginning, or behind a block of the user's of 512, 1024, 2048, ... bytes. */
async function isHdf5({ read, size }: FileBytes): Promise<boolean> {
  for (let at = 0; at + hdf5Signature.length <= size; at = Math.max(512, 2 * at)) {
    const bytes = await read(at, at + hdf5Signature.length);
    if (Buffer.from(bytes).toString('latin1') === hdf5Signature) return true;
  }
  return false;
}

const signatures: readonly (readonly [signature: string, format: string])[] = [
  ['CDF', 'netCDF of the classic format'],
  ['\x1f\x8b', 'compressed by gzip'],
  ['\x28\xb5\x2f\xfd', 'compressed by zstd'],
  ['\x80', 'a Python pickle'],
  ['<', 'a web page or XML'],
  ['version https://git-lfs', "a pointer of Git LFS in place of the file's content"],
];

function unknownFormat(path: string, head: Uint8Array): BrokenInputError {
  const text = Buffer.from(head).toString('latin1');
  const known = isMat4(head)
    ? 'MATLAB v4, which is not read'
    : signatures.find(([signature]) => text.startsWith(signature))?.[1];
  return new BrokenInputError(`is none of the formats of arrays that are read${known ? `: it is ${known}` : ''}`, {
    where: path,
    remedy: 'Give HDF5 (.hdf5, .h5, MATLAB v7.3), .npy, .npz, MATLAB v5 (.mat), or a folder in Zarr format.',
  });
}
