/** Reading HDF5 files of the host by hyperslabs, with messages a person can use. */
import { resolve } from 'node:path';
import type { Dataset } from 'h5wasm/node';
import { BrokenInputError, UserError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { elementCount, formatShape } from '../tensors/tensor.ts';
import { checkIsFilledFile } from './filled-file.ts';

/** `count` indices from `start`, `stride` apart, along one axis. */
export interface AxisRange {
  readonly start: number;
  readonly count: number;
  readonly stride: number;
}

/** A numeric dataset of an open file. */
export interface Hdf5Dataset {
  readonly name: string;
  readonly shape: readonly number[];
  /** The selected block, row-major. */
  read(ranges: readonly AxisRange[]): Float32Array;
}

/** An open file. */
export interface Hdf5File {
  /** Full names of the datasets in it, e.g. `tensor` or `group/tensor`. */
  names(): string[];
  /** @throws UserError when there is no such dataset or it doesn't hold numbers. */
  dataset(name: string): Hdf5Dataset;
}

/** What the library's error stack says at its deepest: `truncated file: eof = 300000, ...`. */
function deepestReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return [...text.matchAll(/#\d+:.*? in \w+\(\): (.+)/g)].at(-1)?.[1] ?? text.split('\n')[0]!;
}

function openingFailed(path: string, cause: unknown): UserError {
  const reason = deepestReason(cause);
  const sizes = /truncated file: eof = (\d+).*stored_eof = (\d+)/.exec(reason);
  if (sizes) {
    return new BrokenInputError(`is cut off: it has ${sizes[1]} of its ${sizes[2]} bytes`, {
      where: path,
      remedy: 'Fetch or write the file again.',
      cause,
    });
  }
  if (reason.includes('signature not found')) {
    return new BrokenInputError('is not an HDF5 file', {
      where: path,
      remedy: 'Point `dataset.path` at a file in HDF5 format (.hdf5, .h5).',
      cause,
    });
  }
  return new BrokenInputError(`can't be opened as HDF5: ${reason}`, {
    where: path,
    remedy: 'The file is probably damaged: fetch or write it again.',
    cause,
  });
}

function toFloat32(values: unknown): Float32Array | undefined {
  if (values instanceof Float32Array) return values;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return Float32Array.from(values, Number);
  return ArrayBuffer.isView(values) ? Float32Array.from(values as Float64Array) : undefined;
}

function numericDataset(path: string, name: string, dataset: Dataset): Hdf5Dataset {
  const { shape } = dataset;
  const notNumbers = () =>
    new UserError(`dataset "${name}" doesn't hold an array of numbers (its type is ${JSON.stringify(dataset.dtype)})`, {
      where: path,
      remedy: 'Name a dataset of floats or integers.',
    });
  if (shape === null || typeof dataset.dtype !== 'string' || /^S|Reference/.test(dataset.dtype)) throw notNumbers();
  return {
    name,
    shape,
    read(ranges) {
      if (elementCount(ranges.map(({ count }) => count)) === 0) return new Float32Array(0);
      try {
        const block = dataset.slice(
          ranges.map(({ start, count, stride }) => [start, start + (count - 1) * stride + 1, stride]),
        );
        const values = toFloat32(block);
        if (values) return values;
      } catch (cause) {
        throw new BrokenInputError(`dataset "${name}" ${formatShape(shape)} can't be read: ${deepestReason(cause)}`, {
          where: path,
          remedy: 'The file is probably damaged, or compressed by a filter that is not built in: write it again.',
          cause,
        });
      }
      throw notNumbers();
    },
  };
}

/**
 * Opens a file for reading, hands it to `use`, and closes it whatever happens.
 * @throws UserError when it is missing, empty, cut off or not HDF5.
 */
export async function withHdf5File<Result>(path: string, use: (file: Hdf5File) => Result): Promise<Result> {
  await checkIsFilledFile(path, 'one HDF5 file');
  const h5wasm = await import('h5wasm/node');
  const library = await h5wasm.ready;
  // The library otherwise prints its error stack on stderr and returns invalid handles.
  library.activate_throwing_error_handler();

  const open = () => {
    try {
      return new h5wasm.File(resolve(path), 'r');
    } catch (cause) {
      throw openingFailed(path, cause);
    }
  };
  const file = open();
  try {
    const entryOf = (name: string) => {
      try {
        return file.get(name);
      } catch {
        return null;
      }
    };
    const names = () => file.paths().filter((name) => entryOf(name) instanceof h5wasm.Dataset);
    return use({
      names,
      dataset(name) {
        const entry = entryOf(name);
        if (entry instanceof h5wasm.Dataset) return numericDataset(path, name, entry);
        const present = names();
        const listed = present.length > 0 ? `It has: ${present.join(', ')}.` : 'It holds no dataset at all.';
        throw new UserError(`has no dataset "${name}"`, {
          where: path,
          remedy: [didYouMean(name, present), listed].filter(Boolean).join(' '),
        });
      },
    });
  } finally {
    file.close();
  }
}
