/** What is said of files of arrays that can't be read, by every format alike. */
import { BrokenInputError, UserError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { didYouMean } from '../../core/suggest.ts';
import { elementCount, formatShape } from '../../tensors/tensor.ts';
import type { StoredArray } from './array-file.ts';
import { bytesPerNumber, type NumberType } from './number-types.ts';

/** The file is at fault. */
export const damaged = (path: string, what: string, cause?: unknown): BrokenInputError =>
  new BrokenInputError(what, { where: path, remedy: 'The file is probably damaged: fetch or write it again.', cause });

/** The system doesn't let it be opened. */
export function cantBeOpened(path: string, cause: NodeJS.ErrnoException): never {
  throw new UserError(`can't be opened (${cause.code})`, {
    where: path,
    remedy: 'Check that it is there and may be read.',
    cause,
  });
}

/** A file, or a part of it, that is shorter than it says. */
export const cutOff = (path: string, what: string, claimed: number, present: number): BrokenInputError =>
  new BrokenInputError(`${what} claims ${formatBytes(claimed)}, but the file has ${formatBytes(present)} for it`, {
    where: path,
    remedy: 'The file is probably cut off: fetch or write it again.',
  });

/** Arrays that claim more bytes than this many to a byte in the file are not compressed: they are not there. Deflate reaches 1032. */
const mostCompression = 1100;
/** Arrays up to this size need no such check: what was never written of them is found as blank fields. */
const harmlessBytes = 64 * 2 ** 20;

/** @throws BrokenInputError when the file can't hold what an array claims, with both sizes. */
export function refuseEmptyClaim(path: string, { name, shape, type, storedBytes }: StoredArray): void {
  const claimed = elementCount(shape) * (bytesPerNumber[type as NumberType] ?? 4);
  if (storedBytes === undefined || claimed <= Math.max(harmlessBytes, storedBytes * mostCompression)) return;
  throw new BrokenInputError(
    `claims ${formatBytes(claimed)} ${formatShape(shape)}, and the file has ${formatBytes(storedBytes)} for it at most`,
    {
      where: `${path}: dataset "${name}"`,
      remedy: 'It was probably never written, or is cut off: write the file again.',
    },
  );
}

/** An array that is there and can't be used. `what` is what it holds, e.g. `a cell array`. */
export const notNumbers = (path: string, name: string, what: string): UserError =>
  new UserError(`array "${name}" doesn't hold numbers: it is ${what}`, {
    where: path,
    remedy: 'Name an array of floats or integers.',
  });

export const noSuchArray = (path: string, name: string, present: readonly string[]): UserError =>
  new UserError(`has no array "${name}"`, {
    where: path,
    remedy: [didYouMean(name, present), listed(present)].filter(Boolean).join(' '),
  });

/** Names that are listed in a message. */
const mostListed = 20;

function listed(present: readonly string[]): string {
  if (present.length === 0) return 'It holds no array of numbers at all.';
  const rest = present.length - mostListed;
  return `It has: ${present.slice(0, mostListed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`;
}
