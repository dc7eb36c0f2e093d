/** Files of data that may be packed by gzip or zstd, within bounds: a small file may unpack to more than any memory. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { getHeapStatistics } from 'node:v8';
import zlib from 'node:zlib';
import { BrokenInputError, TooLargeError, UserError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { type MemoryLimit, memoryLimit } from '../../core/memory-limit.ts';

/** More text is read nowhere: a heap of the usual size, 4 GB, holds no more. */
const mostAnywhere = 2 ** 31;

/**
 * What reading texts takes of memory: the process itself, and for each byte of text the text, its tokens and what is being made of it.
 * Checking files of 30 and 90 MB took 3.3 bytes more for each byte of text, and one with characters beyond Latin-1 4.7.
 */
const readingTakes = { base: 0.3e9, perByte: 5 } as const;

/** Bytes of text that this process can hold. */
export const mostTextBytes = ({ bytes }: Pick<MemoryLimit, 'bytes'> = memoryLimit()): number =>
  Math.floor(Math.min(mostAnywhere, Math.max(2 ** 24, (bytes - readingTakes.base) / readingTakes.perByte)));

/** Checking files of 0.25 to 1 million rows took 450 bytes more for each row, however short its text: records, labels, what finds rows twice. */
const bytesPerRow = 450;

/** Rows that this process can hold, were they without text: they lie in the heap. */
export const mostRows = (
  { bytes }: Pick<MemoryLimit, 'bytes'> = memoryLimit(),
  heapBytes: number = getHeapStatistics().heap_size_limit,
): number => Math.floor(Math.max(2 ** 16, Math.min(heapBytes, bytes - readingTakes.base) / bytesPerRow));

/** Rows and their text, in bytes. */
export interface HeldText {
  readonly rows: number;
  readonly bytes: number;
}

/** Tells whether this process can hold rows with their text. */
export function textFits(limit: Pick<MemoryLimit, 'bytes'> = memoryLimit()): (held: HeldText) => boolean {
  const most = { rows: mostRows(limit), bytes: mostTextBytes(limit) };
  return ({ rows, bytes }) => rows / most.rows + bytes / most.bytes <= 1;
}

/** Rows that do not fit, by what there is most of. */
export function tooMuch(where: string, { rows, bytes }: HeldText, limit = memoryLimit()): UserError {
  const [most, mostBytes] = [mostRows(limit), mostTextBytes(limit)];
  if (bytes / mostBytes > rows / most) return tooLarge(where, bytes, undefined, limit);
  return new TooLargeError(
    `has ${rows} rows or more, and in ${formatBytes(limit.bytes)} of memory at most ${most} are read, fewer where texts are long`,
    { where, remedy: `Use a part of it, e.g. the first rows: rows are held in memory. Or ${limit.more}.` },
  );
}

type Packing = 'gzip' | 'zstd';

/** By how much content can grow at most: deflate by 1032, a block of zstd from 4 bytes to 128 KiB. */
const mostGrowth = { gzip: 1032, zstd: 32_768 } as const;
/** Content that does not fit is counted no further than this, to say how much it is. */
const mostCountedBytes = 16 * mostAnywhere;

const zstdMagic = 0xfd2fb528;

/** The compression of a file, by its content; undefined: none. */
async function packingOf(file: FileHandle): Promise<Packing | undefined> {
  const start = await bytesAt(file, 0, 4);
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  return start.length === 4 && (start.readUInt32LE() === zstdMagic || isSkippable(start)) ? 'zstd' : undefined;
}

const isSkippable = (start: Buffer) => (start.readUInt32LE() & 0xfffffff0) >>> 0 === 0x184d2a50;

async function bytesAt(file: FileHandle, position: number, count: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, position);
  return buffer.subarray(0, bytesRead);
}

/** A file's packing and what its own notes say of the size unpacked, at least. */
interface Packed {
  readonly packing: Packing | undefined;
  readonly bytes: number;
  /** Undefined: nothing is said. */
  readonly unpacked: number | undefined;
  /** Of zstd: the first and the last byte of each part that is packed by itself. zlib may end after the first without a word. */
  readonly frames?: readonly { readonly start: number; readonly end?: number }[];
}

async function lookAt(path: string): Promise<Packed> {
  const file = await open(path);
  try {
    const { size: bytes } = await file.stat();
    const packing = await packingOf(file);
    if (packing === 'zstd') return { packing, bytes, ...(await zstdFrames(path, file, bytes)) };
    return { packing, bytes, unpacked: packing ? undefined : bytes };
  } finally {
    await file.close();
  }
}

/**
 * The frames of a zstd file, and what they say of their size unpacked (RFC 8878, section 3.1).
 * @throws BrokenInputError when the last one does not end: zlib would take what there is for all.
 */
async function zstdFrames(
  path: string,
  file: FileHandle,
  bytes: number,
): Promise<Required<Pick<Packed, 'unpacked' | 'frames'>>> {
  const frames: { start: number; end: number }[] = [];
  let total: number | undefined = 0;
  let at = 0;
  const take = async (count: number) => {
    const taken = await bytesAt(file, at, count);
    if (taken.length < count) throw cutOff(path, 'zstd');
    at += count;
    return taken;
  };
  while (at < bytes) {
    const start = at;
    const magic = await take(4);
    if (isSkippable(magic)) {
      at += (await take(4)).readUInt32LE();
      continue;
    }
    if (magic.readUInt32LE() !== zstdMagic) throw notPacked(path, 'zstd');
    const flags = (await take(1))[0]!;
    const isOneSegment = (flags & 0x20) !== 0;
    const sizeBytes = [isOneSegment ? 1 : 0, 2, 4, 8][flags >> 6]!;
    const dictionaryBytes = [0, 1, 2, 4][flags & 3]!;
    const header = await take((isOneSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
    const size = header.subarray(header.length - sizeBytes);
    if (sizeBytes === 0) total = undefined;
    else if (total !== undefined) {
      const said = sizeBytes === 8 ? Number(size.readBigUInt64LE()) : size.readUIntLE(0, sizeBytes);
      total += said + (sizeBytes === 2 ? 256 : 0);
    }
    for (let isLast = false; !isLast; ) {
      const block = (await take(3)).readUIntLE(0, 3);
      isLast = (block & 1) === 1;
      const kind = (block >> 1) & 3;
      if (kind === 3) throw notPacked(path, 'zstd');
      at += kind === 1 ? 1 : block >> 3;
    }
    if ((flags & 4) !== 0) at += 4;
    frames.push({ start, end: at - 1 });
  }
  if (at > bytes) throw cutOff(path, 'zstd');
  return { unpacked: total, frames };
}

const again = 'Fetch or write the file again.';
const cutOff = (path: string, packing: Packing, cause?: unknown) =>
  new BrokenInputError(`is cut off: its ${packing} stream does not end`, { where: path, remedy: again, cause });
const notPacked = (path: string, packing: Packing, cause?: unknown) =>
  new BrokenInputError(`is damaged: it is not valid ${packing}`, { where: path, remedy: again, cause });

/** `2.7 GB`, or of packed content `unpacks from 19.0 MB to 2.7 GB`. */
export function sizeInWords(bytes: number, packed: number | undefined): string {
  const size =
    packed !== undefined && bytes > mostCountedBytes
      ? `more than ${formatBytes(mostCountedBytes)}`
      : formatBytes(bytes);
  return packed === undefined ? `has ${size}` : `unpacks from ${formatBytes(packed)} to ${size}`;
}

/** Texts that are too many for memory. */
export function tooLarge(where: string, bytes: number, packed?: number, limit = memoryLimit()): UserError {
  const most = mostTextBytes(limit);
  const isByMemory = most < mostAnywhere;
  const ofMemory = isByMemory ? `in ${formatBytes(limit.bytes)} of memory ` : '';
  return new TooLargeError(
    `${sizeInWords(bytes, packed)}, and ${ofMemory}at most ${formatBytes(most)} of text are read`,
    {
      where,
      remedy: `Use a part of it, e.g. the first rows: texts are held in memory.${isByMemory ? ` Or ${limit.more}.` : ''}`,
    },
  );
}

/** @throws UserError about a file that can't be read or whose packed content is damaged, from what was thrown. */
function refuseDamaged(path: string, packing: Packing | undefined, cause: unknown): never {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (packing === undefined || !/^(Z_|ZSTD_)/.test(code)) {
    throw new UserError(`can't be read (${code || String(cause)})`, { where: path, remedy: 'Read it again.', cause });
  }
  throw code === 'Z_BUF_ERROR' ? cutOff(path, packing, cause) : notPacked(path, packing, cause);
}

/** Whether a file is packed, by its content. */
export async function isPacked(path: string): Promise<boolean> {
  return (await lookAt(path)).packing !== undefined;
}

/** The content of a file as it is unpacked, without a bound. */
async function* chunksOf(path: string, { packing, frames = [{ start: 0 }] }: Packed): AsyncGenerator<Buffer> {
  for (const range of frames) {
    const file = createReadStream(path, { highWaterMark: 256 * 1024, ...range });
    const unpacker =
      packing === 'gzip' ? zlib.createGunzip() : packing === 'zstd' ? zlib.createZstdDecompress() : undefined;
    // An error of the file reaches the reader through the unpacked stream.
    const stream = unpacker ? pipeline(file, unpacker, () => {}) : file;
    try {
      for await (const chunk of stream) yield chunk as Buffer;
    } catch (cause) {
      refuseDamaged(path, packing, cause);
    }
  }
}

/** Makes the error for a file whose contents are too large. */
type TooLarge = (path: string, bytes: number, packed: number | undefined) => UserError;

/**
 * Finds what a file has without holding it: by what it says, else by unpacking it once for its size.
 * @throws UserError when that is more than `most`.
 */
async function refuseTooLarge(path: string, packed: Packed, most: number, refusal: TooLarge): Promise<void> {
  const { packing, bytes, unpacked } = packed;
  let total = unpacked ?? 0;
  if (packing && unpacked === undefined && bytes * mostGrowth[packing] > most) {
    for await (const chunk of chunksOf(path, packed)) {
      total += chunk.length;
      if (total > mostCountedBytes) break;
    }
  }
  if (total > most) throw refusal(path, total, packing && bytes);
}

/**
 * The content of a file, unpacked where it is packed.
 * @throws UserError when it is damaged, or more than `most` bytes, before anything of it is held.
 */
export async function* unpackedChunks(
  path: string,
  most: number = mostTextBytes(),
  refusal: TooLarge = tooLarge,
): AsyncGenerator<Buffer> {
  const packed = await lookAt(path);
  await refuseTooLarge(path, packed, most, refusal);
  yield* chunksOf(path, packed);
}

/** The whole content of a file, unpacked. @throws UserError as `unpackedChunks`. */
export async function unpackedFile(path: string, most?: number, refusal?: TooLarge): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of unpackedChunks(path, most, refusal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
