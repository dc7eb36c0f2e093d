/** The file that predicted fields are written to as they come: HDF5 as PDEBench lays it out, or .npy. */
import { type FileHandle, open, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { draftName, sweepDrafts } from '../checkpoints/drafts.ts';
import { RunError, UserError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { type Hdf5Attributes, hdf5Places } from '../datasets/arrays/hdf5-header.ts';
import { npyHeader } from '../datasets/arrays/npy.ts';
import { spaceNames } from '../datasets/field-axes.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import type { Piece } from '../training/predict.ts';

/** What is written. */
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
  /** What they were predicted by. */
  readonly attributes: Hdf5Attributes;
}

/** A file on its way: nothing is at its path before `finish`. */
export interface PredictionFile {
  readonly bytes: number;
  /** Writes predictions `[samples, ...space, steps, channels]`; `firstSample` is the position of the first. */
  write(firstSample: number, piece: Pick<Piece, 'first'>, predicted: HostTensor): Promise<void>;
  /** Moves the file into its place. */
  finish(): Promise<void>;
  /** Removes what was written. */
  abandon(): Promise<void>;
}

/** Bytes before the numbers and after, and where the numbers of the fields begin. */
interface Places {
  readonly parts: readonly { readonly at: number; readonly content: Uint8Array }[];
  readonly start: number;
  readonly bytes: number;
}

const numberBytes = Float32Array.BYTES_PER_ELEMENT;
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

function placesInNpy({ shape }: FieldsToWrite): Places {
  const header = npyHeader(shape);
  return {
    parts: [{ at: 0, content: header }],
    start: header.length,
    bytes: header.length + elementCount(shape) * numberBytes,
  };
}

function placesInHdf5(fields: FieldsToWrite): Places {
  const { shape, channels, coordinates, attributes } = fields;
  const lists = {
    ...Object.fromEntries(coordinates.map((values, axis) => [`${spaceNames[axis]}-coordinate`, values])),
    row: Int32Array.from(fields.rows),
    step: Int32Array.from(fields.steps),
  };
  const { header, starts, bytes } = hdf5Places(
    {
      ...Object.fromEntries(
        Object.entries(lists).map(([name, values]) => [
          name,
          { shape: [values.length], type: values instanceof Int32Array ? ('int32' as const) : ('float32' as const) },
        ]),
      ),
      tensor: { shape, type: 'float32', attributes: { channels } },
    },
    attributes,
  );
  return {
    parts: [
      { at: 0, content: header },
      ...Object.entries(lists).map(([name, values]) => ({ at: starts.get(name)!, content: bytesOf(values) })),
    ],
    start: starts.get('tensor')!,
    bytes,
  };
}

/** How a file is laid out, by the end of its name. */
const layouts: Readonly<Record<string, (fields: FieldsToWrite) => Places>> = {
  '.hdf5': placesInHdf5,
  '.h5': placesInHdf5,
  '.npy': placesInNpy,
};

/** @throws UserError when a name says no format that predictions are written in. */
export function checkPredictionFormat(path: string): void {
  if (extname(path).toLowerCase() in layouts) return;
  throw new UserError('its name does not end in a format that predictions are written in', {
    where: path,
    remedy: `Give it one of the endings ${Object.keys(layouts).join(', ')}.`,
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
  const places = layouts[extname(path).toLowerCase()]!(fields);
  const folder = dirname(resolve(path));
  await refuseWithoutRoom(path, folder, places.bytes);
  await sweepDrafts(folder);
  const draft = join(folder, draftName());
  const file = await open(draft, 'wx').catch((cause) => failed(path, cause));
  const abandon = async () => {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
  };
  const guarded = async (write: () => Promise<unknown>) => {
    try {
      await write();
    } catch (cause) {
      failed(path, cause);
    }
  };
  const [, steps, ...frame] = fields.shape as [number, number, ...number[]];
  const frameBytes = elementCount(frame) * numberBytes;
  try {
    await guarded(async () => {
      for (const { at, content } of places.parts) await writeAt(file, content, at);
      // Its end is there from the beginning, so that a full length says nothing of what is written yet.
      await file.truncate(places.bytes);
    });
  } catch (error) {
    await abandon();
    throw error;
  }
  return {
    bytes: places.bytes,
    async write(firstSample, { first }, predicted) {
      const samples = predicted.shape[0]!;
      const size = predicted.data.length / samples;
      await guarded(async () => {
        for (let sample = 0; sample < samples; sample++) {
          const values = timeFirst(predicted.data.subarray(sample * size, (sample + 1) * size), predicted.shape);
          await writeAt(file, bytesOf(values), places.start + ((firstSample + sample) * steps + first) * frameBytes);
        }
      });
    },
    async finish() {
      await guarded(async () => {
        await file.sync();
        await file.close();
        await rename(draft, path);
      });
    },
    abandon,
  };
}

/** Writes all bytes: a system may take fewer at a time. */
async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

/** One sample's `[...space, steps, channels]` as `[steps, ...space, channels]`. */
function timeFirst(values: Float32Array, shape: readonly number[]): Float32Array {
  const [steps, channels] = shape.slice(-2) as [number, number];
  const points = values.length / (steps * channels);
  const ordered = new Float32Array(values.length);
  for (let point = 0; point < points; point++) {
    for (let step = 0; step < steps; step++) {
      for (let channel = 0; channel < channels; channel++) {
        ordered[(step * points + point) * channels + channel] = values[(point * steps + step) * channels + channel]!;
      }
    }
  }
  return ordered;
}

async function refuseWithoutRoom(path: string, folder: string, bytes: number): Promise<void> {
  const [{ bavail, bsize }, present] = await Promise.all([
    statfs(folder).catch((cause) => failed(path, cause)),
    stat(path).catch(() => undefined),
  ]);
  if (present?.isDirectory()) throw failed(path, Object.assign(new Error('a folder'), { code: 'EISDIR' }));
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new UserError(`${basename(path)} takes ${formatBytes(bytes)}, and the disk has ${formatBytes(free)} left`, {
    where: path,
    remedy: 'Free some space, choose another place, or predict fewer rows (--rows) or steps (--steps).',
  });
}

function failed(path: string, cause: unknown): never {
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    throw new RunError('the disk is full; nothing is left of the file', {
      where: path,
      remedy: 'Free some space, and predict again.',
      cause,
    });
  }
  throw new UserError(`can't be written (${code})`, {
    where: path,
    remedy: 'Check that the folder exists and may be written to, or choose another place.',
    cause,
  });
}
