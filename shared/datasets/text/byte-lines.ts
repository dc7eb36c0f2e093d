/** Lines of a file as bytes, one by one, whatever its size. */
import { isUtf8 } from 'node:buffer';
import { BrokenInputError, UserError } from '../../core/errors.ts';
import { unpackedChunks } from './unpacked.ts';

/** A line longer than this is taken for a file that has none. */
const longestLine = 64 * 1024 * 1024;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export interface ByteLine {
  /** The line's number in the file, from 1. */
  readonly number: number;
  /** With its line end, if it has one; a byte order mark is left out. */
  readonly bytes: Buffer;
  /** The offset of its first byte in the file, in bytes after decompression. */
  readonly offset: number;
}

/** How files of Apache Arrow begin: streams, as the `datasets` library writes them, and files. */
const arrowStarts = ['\xff\xff\xff\xff', 'ARROW1'];

/** @throws UserError when it is plainly another kind of file. */
function refuseOtherKinds(path: string, start: Buffer): void {
  const isUtf16 = (start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff);
  if (isUtf16) throw new BrokenInputError('is UTF-16', { where: path, remedy: 'Save it as UTF-8.' });
  if (start.subarray(0, 4).toString('latin1') === 'PAR1') {
    throw new UserError('is a Parquet file', { where: path, remedy: 'Set `dataset.format` to parquet.' });
  }
  if (arrowStarts.some((each) => start.subarray(0, each.length).toString('latin1') === each)) {
    throw new UserError('is an Arrow file', { where: path, remedy: 'Set `dataset.format` to arrow.' });
  }
}

/** @throws UserError when a file of one line has several by the line ends of old. */
function refuseCarriageReturns(path: string, line: Buffer): void {
  const at = line.indexOf(carriageReturn);
  if (at < 0 || at === line.length - 1) return;
  throw new BrokenInputError('has lines that end with a carriage return alone', {
    where: path,
    remedy: "Write other line ends, e.g. with `tr '\\r' '\\n'`.",
  });
}

/**
 * @throws UserError when the file can't be read, is not text, or what it is packed in is damaged.
 */
export async function* byteLines(path: string): AsyncGenerator<ByteLine> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let number = 0;
  let offset = 0;
  const lineOf = (last: Buffer): ByteLine => {
    const whole = pending.length > 0 ? Buffer.concat([...pending, last]) : last;
    const at = offset;
    pending = [];
    pendingBytes = 0;
    offset += whole.length;
    number++;
    if (number > 1) return { number, bytes: whole, offset: at };
    refuseOtherKinds(path, whole);
    const hasMark = whole[0] === 0xef && whole[1] === 0xbb && whole[2] === 0xbf;
    return hasMark ? { number, bytes: whole.subarray(3), offset: 3 } : { number, bytes: whole, offset: at };
  };
  for await (const chunk of unpackedChunks(path)) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      yield lineOf(chunk.subarray(start, end + 1));
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > longestLine) {
      throw new UserError(`line ${number + 1} is longer than 64 MiB`, {
        where: path,
        remedy: 'Check that the file is of the format that `dataset.format` names, with a row in each line.',
      });
    }
  }
  if (pendingBytes === 0) return;
  const last = lineOf(Buffer.alloc(0));
  if (last.number === 1) refuseCarriageReturns(path, last.bytes);
  yield last;
}

/** Position of the first byte that is not UTF-8. */
export function firstBroken(bytes: Buffer): number | undefined {
  if (isUtf8(bytes)) return undefined;
  const replacement = '\uFFFD';
  const text = bytes.toString('utf8');
  let position = 0;
  let from = 0;
  for (;;) {
    const at = text.indexOf(replacement, from);
    position += Buffer.byteLength(text.slice(from, at));
    const isGenuine = bytes.subarray(position, position + 3).equals(Buffer.from(replacement));
    if (!isGenuine) return position;
    position += 3;
    from = at + 1;
  }
}

/** A sentence about bytes of a line that are not UTF-8; undefined: all are. */
export function brokenUtf8({ bytes, offset }: ByteLine): string | undefined {
  const position = firstBroken(bytes);
  if (position === undefined) return undefined;
  const byte = bytes[position]!.toString(16).toUpperCase().padStart(2, '0');
  return `is not UTF-8: byte 0x${byte} at offset ${offset + position} of the file`;
}
