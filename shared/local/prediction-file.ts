/** The file that predicted fields are written to as they come: HDF5 as PDEBench lays it out, or .npy. */
import { type FileHandle, open, realpath, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { draftName, sweepDrafts } from '../checkpoints/drafts.ts';
import { RunError, UserError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import type { AxisRange } from '../datasets/arrays/array-file.ts';
import { copySpread, partsOf, rowMajorStrides } from '../datasets/arrays/blocks.ts';
import { hdf5Thread } from '../datasets/arrays/hdf5-thread.ts';
import { type Hdf5Attributes, hdf5BytesAtMost } from '../datasets/arrays/hdf5-writing.ts';
import { npyHeader } from '../datasets/arrays/npy.ts';
import { spaceNames } from '../datasets/field-axes.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import type { Piece } from '../training/predict.ts';

/** The fields to write, and their axes. */
export interface FieldsToWrite {
  /** `[samples, steps, ...space, channels]` */
  readonly shape: readonly number[];
  readonly channels: readonly string[];
  /** Along each space axis. */
  readonly coordinates: readonly Float32Array[];
  /** Row of each sample in the file that was predicted from. */
  readonly rows: readonly number[];
  /** The time step of that file that each predicted step stands for. */
  readonly steps: readonly number[];
  /** The attributes that say what they were predicted by. */
  readonly attributes: Hdf5Attributes;
}

/** A file on its way: nothing is at its path before `finish`. */
export interface PredictionFile {
  /** Writes predictions `[samples, ...space, steps, channels]`; `firstSample` is the position of the first. */
  write(firstSample: number, piece: Pick<Piece, 'first'>, predicted: HostTensor): Promise<void>;
  /** Moves the file into its place. @returns its bytes. */
  finish(): Promise<number>;
  /** Removes what was written. */
  abandon(): Promise<void>;
}

/** A block of the fields `[samples, steps, ...space, channels]`. */
interface Block {
  readonly ranges: readonly AxisRange[];
  /** Row-major. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** An open file of one format. */
interface Sink {
  write(block: Block): Promise<void>;
  finish(): Promise<void>;
  /** Lets go of the file, whatever it is like. */
  close(): Promise<void>;
}

/** A file format of predictions. */
interface Format {
  bytesAtMost(fields: FieldsToWrite): number;
  /** Writes to an empty file. */
  begin(draft: string, fields: FieldsToWrite): Promise<Sink>;
}

const numberBytes = Float32Array.BYTES_PER_ELEMENT;
/** Numbers of a block at most, 16 MiB: the HDF5 library never gives memory back. */
const numbersAtOnce = 2 ** 22;
/** Milliseconds that the HDF5 library may take for a block. */
const patience = 600_000;

const npy: Format = {
  bytesAtMost: ({ shape }) => npyHeader(shape).length + elementCount(shape) * numberBytes,
  async begin(draft, { shape }) {
    const header = npyHeader(shape);
    const strides = rowMajorStrides(shape);
    const file = await open(draft, 'r+');
    const close = () => file.close();
    try {
      await writeAt(file, header, 0);
    } catch (error) {
      await close();
      throw error;
    }
    return {
      async write({ ranges, values }) {
        // What a block has of one sample lies together.
        const samples = ranges[0]!.count;
        const size = values.length / samples;
        const start = ranges.reduce((at, range, axis) => at + range.start * strides[axis]!, 0);
        for (let sample = 0; sample < samples; sample++) {
          const { buffer, byteOffset, byteLength } = values.subarray(sample * size, (sample + 1) * size);
          const at = header.length + (start + sample * strides[0]!) * numberBytes;
          await writeAt(file, new Uint8Array(buffer, byteOffset, byteLength), at);
        }
      },
      finish: close,
      close,
    };
  },
};

/** The array of the fields, as PDEBench names it. */
const tensorName = 'tensor';

function hdf5Contents({ shape, channels, coordinates, rows, steps, attributes }: FieldsToWrite) {
  return {
    attributes,
    lists: {
      ...Object.fromEntries(coordinates.map((values, axis) => [`${spaceNames[axis]}-coordinate`, values])),
      row: Int32Array.from(rows),
      step: Int32Array.from(steps),
    },
    arrays: { [tensorName]: { shape, frameAxis: 2, attributes: { channels } } },
  };
}

const hdf5: Format = {
  bytesAtMost: (fields) => hdf5BytesAtMost(hdf5Contents(fields)),
  async begin(draft, fields) {
    const thread = hdf5Thread(patience);
    try {
      await thread.create({ path: draft, ...hdf5Contents(fields) });
    } catch (error) {
      await thread.close();
      throw error;
    }
    return {
      write: (block) => thread.write({ name: tensorName, ...block }),
      async finish() {
        await thread.finish();
        await thread.close();
      },
      close: () => thread.close(),
    };
  },
};

/** Formats by the end of a file's name. */
const formats: Readonly<Record<string, Format>> = { '.hdf5': hdf5, '.h5': hdf5, '.npy': npy };

/** @throws UserError when a name says no format that predictions are written in. */
export function checkPredictionFormat(path: string): void {
  if (extname(path).toLowerCase() in formats) return;
  throw new UserError('its name does not end in a format that predictions are written in', {
    where: path,
    remedy: `Give it one of the endings ${Object.keys(formats).join(', ')}.`,
  });
}

/** @throws UserError when what is written would replace one of the files that are read, or another that is written. */
export async function refuseReplacing(path: string, others: readonly string[]): Promise<void> {
  const real = (each: string) => realpath(each).catch(() => resolve(each));
  const place = await real(path);
  for (const other of others) {
    if ((await real(other)) !== place) continue;
    throw new UserError('is named for what is written, and is needed besides', {
      where: path,
      remedy: 'Name another file.',
    });
  }
}

/**
 * Begins a file of predictions, beside its place. A file that is there is replaced at the end.
 * @throws UserError when it can't be made, or the disk has no room for it, with the sizes.
 */
export async function openPredictionFile(path: string, fields: FieldsToWrite): Promise<PredictionFile> {
  const format = formats[extname(path).toLowerCase()]!;
  const folder = dirname(resolve(path));
  await refuseWithoutRoom(path, folder, format.bytesAtMost(fields));
  await sweepDrafts(folder);
  const draft = join(folder, draftName());
  const guarded = <Result>(work: Promise<Result>): Promise<Result> => work.catch((cause) => failed(path, cause));
  await guarded(writeFile(draft, '', { flag: 'wx' }));
  const sink = await guarded(format.begin(draft, fields)).catch(async (error) => {
    await rm(draft, { force: true });
    throw error;
  });
  return {
    async write(firstSample, { first }, predicted) {
      for (const { ranges, values } of timeFirst(predicted)) {
        const [samples, steps, ...frame] = ranges as [AxisRange, AxisRange, ...AxisRange[]];
        const moved = [
          { ...samples, start: samples.start + firstSample },
          { ...steps, start: steps.start + first },
          ...frame,
        ];
        await guarded(sink.write({ ranges: moved, values }));
      }
    },
    finish: () => guarded(sink.finish().then(() => putInPlace(draft, path))),
    async abandon() {
      await sink.close().catch(() => undefined);
      await rm(draft, { force: true });
    },
  };
}

/** Moves a file that is on the disk to its last bit. @returns its bytes. */
async function putInPlace(draft: string, path: string): Promise<number> {
  const file = await open(draft, 'r+');
  try {
    await file.sync();
    const { size } = await file.stat();
    await rename(draft, path);
    return size;
  } finally {
    await file.close();
  }
}

/** Writes all bytes: a system may take fewer at a time. */
async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** Fields `[samples, ...space, steps, channels]` as blocks of `[samples, steps, ...space, channels]`. */
function* timeFirst({ shape, data }: HostTensor): Generator<Block> {
  const ordered = <Item>(axes: readonly Item[]): Item[] => [axes[0]!, axes.at(-2)!, ...axes.slice(1, -2), axes.at(-1)!];
  const strides = ordered(rowMajorStrides(shape));
  const whole = ordered(shape).map((count) => ({ start: 0, count, stride: 1 }));
  for (const { ranges } of partsOf(whole, numbersAtOnce)) {
    const counts = ranges.map(({ count }) => count);
    const values = new Float32Array(elementCount(counts));
    const start = ranges.reduce((at, range, axis) => at + range.start * strides[axis]!, 0);
    copySpread(counts, { values: data, at: start, steps: strides }, { values, at: 0, steps: rowMajorStrides(counts) });
    yield { ranges, values };
  }
}

async function refuseWithoutRoom(path: string, folder: string, bytes: number): Promise<void> {
  const [{ bavail, bsize }, present] = await Promise.all([
    statfs(folder).catch((cause) => failed(path, cause)),
    stat(path).catch(() => undefined),
  ]);
  if (present?.isDirectory()) throw failed(path, Object.assign(new Error('a folder'), { code: 'EISDIR' }));
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new UserError(
    `${basename(path)} takes up to ${formatBytes(bytes)}, and the disk has ${formatBytes(free)} left`,
    {
      where: path,
      remedy: 'Free some space, choose another place, or predict fewer rows (--rows) or steps (--steps).',
    },
  );
}

function failed(path: string, cause: NodeJS.ErrnoException): never {
  // The HDF5 library tells what the system said, not its code.
  if (/no space left|quota exceeded/i.test(cause.message)) {
    throw new RunError('the disk is full; nothing is left of the file', {
      where: path,
      remedy: 'Free some space, and predict again.',
      cause,
    });
  }
  throw new UserError(`can't be written (${cause.code ?? cause.message})`, {
    where: path,
    remedy: 'Check that the folder exists and may be written to, or choose another place.',
    cause,
  });
}
