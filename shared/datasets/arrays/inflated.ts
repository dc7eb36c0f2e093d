/** Bytes that lie deflated in a file, read by ranges in bounded memory. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflate, createInflateRaw } from 'node:zlib';
import type { FileBytes, ReadBytes } from './file-bytes.ts';
import { cutOff, damaged } from './refusals.ts';

/** The position of deflated bytes in a file. */
export interface Deflated {
  /** For messages, e.g. `member "a.npy"`. */
  readonly what: string;
  /** The wrapping: zlib's header and checksum, or none. */
  readonly format: 'zlib' | 'raw';
  readonly start: number;
  readonly end: number;
}

/** Bytes that may still be kept in memory of a file. */
export interface Allowance {
  left: number;
}

/** What is inflated first is kept, up to so many bytes a file; the rest is inflated anew whenever a read goes back. */
export const allowance = (): Allowance => ({ left: 128 * 2 ** 20 });

/** Deflate makes at most 1032 bytes out of one: https://zlib.net/zlib_tech.html. */
const mostPerByte = 1032;

/** Bytes that are read, and made, at a time. */
const pieceBytes = 256 * 2 ** 10;

/** @throws BrokenInputError when no deflated bytes of this length can give as much as is claimed. */
export function checkInflatedSize(path: string, { what, start, end }: Deflated, claimed: number): void {
  if (claimed > mostPerByte * (end - start) + mostPerByte) throw cutOff(path, what, claimed, end - start);
}

async function* inflate(file: FileBytes, deflated: Deflated): AsyncGenerator<Buffer> {
  const { format, start, end, what } = deflated;
  async function* pieces() {
    for (let at = start; at < end; at += pieceBytes) yield await file.read(at, Math.min(end, at + pieceBytes));
  }
  const stream = (format === 'zlib' ? createInflate : createInflateRaw)({ chunkSize: pieceBytes });
  const fed = pipeline(Readable.from(pieces()), stream).catch(() => {});
  try {
    for await (const piece of stream) yield piece;
  } catch (cause) {
    throw damaged(file.path, `${what} can't be inflated: ${(cause as Error).message}`, cause);
  } finally {
    stream.destroy();
    await fed;
  }
}

/** The first bytes of what is deflated: `count`, or all there are. */
export async function inflatedHead(file: FileBytes, deflated: Deflated, count: number): Promise<Buffer> {
  const head: Buffer[] = [];
  let length = 0;
  if (count > 0) {
    for await (const piece of inflate(file, deflated)) {
      head.push(piece);
      length += piece.length;
      if (length >= count) break;
    }
  }
  return Buffer.concat(head).subarray(0, count);
}

/** Bytes that inflate to `size`, as long as `close` has not been called. */
export interface InflatedBytes {
  readonly read: ReadBytes;
  close(): Promise<void>;
}

/**
 * Opens deflated bytes that claim to inflate to `size`.
 * @throws BrokenInputError from `read`: when they are damaged, or give fewer bytes, or more where all are inflated.
 */
export function inflatedBytes(file: FileBytes, deflated: Deflated, size: number, keep: Allowance): InflatedBytes {
  let kept: Promise<Buffer> | undefined;
  let pieces: AsyncGenerator<Buffer> | undefined;
  /** Bytes that follow `position`, of a piece of which those before are used up. */
  let rest: Buffer = Buffer.alloc(0);
  let position = 0;

  const inflateAll = async () => {
    const all = Buffer.alloc(size);
    let filled = 0;
    for await (const piece of inflate(file, deflated)) {
      if (filled + piece.length > size) {
        throw damaged(file.path, `${deflated.what} inflates to more than the ${size} bytes that it claims`);
      }
      all.set(piece, filled);
      filled += piece.length;
    }
    if (filled < size) throw cutOff(file.path, deflated.what, size, filled);
    return all;
  };
  const readOnwards = async (start: number, end: number) => {
    if (!pieces || start < position) {
      await pieces?.return(undefined);
      pieces = inflate(file, deflated);
      rest = Buffer.alloc(0);
      position = 0;
    }
    const bytes = new Uint8Array(end - start);
    while (position < end) {
      if (rest.length === 0) {
        const { value, done } = await pieces.next();
        if (done) throw cutOff(file.path, deflated.what, size, position);
        rest = value;
      }
      const used = rest.subarray(0, end - position);
      const wanted = used.subarray(Math.max(0, start - position));
      if (wanted.length > 0) bytes.set(wanted, position + used.length - wanted.length - start);
      position += used.length;
      rest = rest.subarray(used.length);
    }
    return bytes;
  };

  let turn: Promise<unknown> = Promise.resolve();
  return {
    async read(start, end) {
      if (end > size) throw cutOff(file.path, deflated.what, end, size);
      if (kept === undefined && size <= keep.left) {
        keep.left -= size;
        kept = inflateAll();
      }
      if (kept !== undefined) return (await kept).subarray(start, end);
      const reading = turn.then(() => readOnwards(start, end));
      turn = reading.catch(() => {});
      return reading;
    },
    async close() {
      await turn;
      await pieces?.return(undefined);
    },
  };
}
