/** The records of a ZIP archive whose content is stored as it is, as PyTorch writes them: found by yauzl, read by ranges. */
import { Readable } from 'node:stream';
import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { messageOf, TransientError, UserError } from '../../core/errors.ts';
import type { ByteSource } from '../byte-source.ts';

export interface ZipRecord {
  readonly size: number;
  /** Exactly the bytes `[start, end)` of its content. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Records of one archive; one of the largest models has some thousands of tensors. */
const maxRecords = 200_000;

/** Small reads are served out of a block of this size, for a directory is read in many. */
const blockBytes = 64 * 2 ** 10;

const damaged = (label: string, cause: unknown) =>
  new UserError(`is a damaged ZIP archive: ${messageOf(cause)}`, {
    where: label,
    remedy: 'It is probably cut off: fetch or save it again.',
    cause,
  });

/** The last block that was read, kept. */
function inBlocks(source: ByteSource): ByteSource {
  let kept: { start: number; bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };
  return {
    ...source,
    async read(start, end) {
      if (end - start > blockBytes) return source.read(start, end);
      if (start < kept.start || end > kept.start + kept.bytes.length) {
        kept = { start, bytes: await source.read(start, Math.min(source.size, start + blockBytes)) };
      }
      return kept.bytes.subarray(start - kept.start, end - kept.start);
    },
  };
}

/** What yauzl reads with. Whatever is thrown in its callbacks, which would end the process, goes to `failed`. */
class SourceReader extends RandomAccessReader {
  readonly source: ByteSource;
  readonly failed: (cause: unknown) => void;

  constructor(source: ByteSource, failed: (cause: unknown) => void) {
    super();
    this.source = source;
    this.failed = failed;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const bytes = this.#bytes(position, position + length);
    bytes
      .then(
        (read) => {
          buffer.set(read, offset);
          callback(null);
        },
        (error: Error) => callback(error),
      )
      .catch(this.failed);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from([this.#bytes(start, end)]);
  }

  async #bytes(start: number, end: number): Promise<Uint8Array> {
    if (start < 0 || end > this.source.size) throw new Error('its directory reaches beyond the file');
    return this.source.read(start, end);
  }
}

/**
 * The records of an archive by name.
 * @throws UserError for a damaged archive and for two records of one name; reading throws it where a record is compressed or encrypted
 */
export async function openZip(file: ByteSource): Promise<ReadonlyMap<string, ZipRecord>> {
  const source = inBlocks(file);
  const { label } = source;
  return guarded(label, async (failed) => {
    const reader = new SourceReader(source, failed);
    const archive = await fromRandomAccessReaderPromise(reader, source.size, { autoClose: false });
    if (archive.entryCount > maxRecords) {
      throw new UserError(`is an archive of ${archive.entryCount} records, too many for a model's weights`, {
        where: label,
      });
    }
    const records = new Map<string, ZipRecord>();
    for await (const entry of archive.eachEntry()) {
      const { fileName: name } = entry;
      if (records.has(name)) throw new Error(`two records are named ${name}`);
      if (!name.endsWith('/')) records.set(name, recordOf(file, entry));
    }
    return records;
  });
}

function recordOf(file: ByteSource, entry: Entry): ZipRecord {
  const { fileName, compressionMethod, compressedSize, uncompressedSize: size } = entry;
  const isStored = compressionMethod === 0 && !entry.isEncrypted();
  if (compressedSize > file.size || (isStored && compressedSize !== size)) {
    throw new Error(`record ${fileName} claims ${size} bytes of ${file.size}`);
  }
  let begin: Promise<number> | undefined;
  return {
    size,
    async read(from, to) {
      if (!isStored) throw notStored(file.label, entry);
      begin ??= contentStart(file, entry);
      const first = await begin;
      return file.read(first + from, first + to);
    },
  };
}

const notStored = (label: string, entry: Entry) =>
  new UserError(
    `its record ${entry.fileName} is ${entry.isEncrypted() ? 'encrypted' : 'compressed'}, which PyTorch never does`,
    {
      where: label,
      remedy: 'Save it again in Python: `torch.save(torch.load(path, weights_only=True), path)`.',
    },
  );

const localHeaderBytes = 30;

/** Behind the record's own header, whose name and extra field may be longer than the directory's. */
async function contentStart(file: ByteSource, entry: Entry): Promise<number> {
  const { relativeOffsetOfLocalHeader: at, compressedSize, fileName } = entry;
  const fits = at + localHeaderBytes <= file.size;
  const bytes = fits ? await file.read(at, at + localHeaderBytes) : new Uint8Array(localHeaderBytes);
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = at + localHeaderBytes + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) === 0x04034b50 && start + compressedSize <= file.size) return start;
  throw damaged(file.label, new Error(`record ${fileName} does not lie where its directory says`));
}

/** Runs what yauzl does: all that it fails by is an error of this project. */
async function guarded<Result>(
  label: string,
  run: (failed: (cause: unknown) => void) => Promise<Result>,
): Promise<Result> {
  try {
    return await new Promise<Result>((resolve, reject) => {
      run(reject).then(resolve, reject);
    });
  } catch (cause) {
    if (cause instanceof UserError || cause instanceof TransientError) throw cause;
    throw damaged(label, cause);
  }
}
