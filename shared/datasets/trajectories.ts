import { TooLargeError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { type MemoryLimit, memoryLimit } from '../core/memory-limit.ts';
import { elementCount, formatShape } from '../tensors/tensor.ts';

/** The fields of some samples, row-major. */
export interface FieldValues {
  /** `[samples, ...space, time, channels]` */
  readonly values: Float32Array;
  /** Fields that are given and don't change with time: `[samples, ...space, statics]`; empty where there are none. */
  readonly statics: Float32Array;
}

/** Facts about a sample that are kept so that it need not be read again. */
export interface SampleSummary {
  /** The digest of all its values. */
  readonly digest: string;
  /** By channel: the time steps at which it is zero all over space. */
  readonly zeroSteps: readonly (readonly number[])[];
  /** By channel: the number that it holds everywhere, at all times; undefined: it changes. */
  readonly constants: readonly (number | undefined)[];
}

/** The coordinates of the points along a space axis. */
export interface SpaceAxis {
  readonly name: string;
  /** The coordinates of the points that are read. */
  readonly values: Float32Array;
  /** Whether the file has coordinates of it. */
  readonly inFile: boolean;
}

/** PDE solutions on one regular grid. Their values are read when they are asked for. */
export interface Trajectories {
  readonly kind: 'trajectories';
  /** `[samples, ...space, time, channels]` */
  readonly shape: readonly number[];
  /** Coordinates `[...space, dimensions]`. */
  readonly grid: { readonly shape: readonly number[]; readonly values: Float32Array };
  /** The space axes that the grid is the product of, in order; absent: not known. */
  readonly axes?: readonly SpaceAxis[];
  /** Times of the steps that are read, in the file's units; absent: not known. */
  readonly times?: Float32Array | undefined;
  /** Names of the channels, in order. */
  readonly channels: readonly string[];
  /** Names of the fields that are given and don't change with time, in order; absent: there are none. */
  readonly statics?: readonly string[];
  /** Row of each sample in the source file; rows of several files count on. */
  readonly rows: readonly number[];
  /** What is known of each sample, where all were looked at before; absent: nothing yet. */
  readonly summaries?: readonly SampleSummary[];
  /** What was assumed of the source, for its user to know; absent: nothing. */
  readonly notes?: readonly string[];
  /**
   * The fields of the samples at these positions, in that order, in memory of their own.
   * @throws UserError when they can't be read.
   */
  read(samples: readonly number[]): Promise<FieldValues>;
}

/** The sizes of trajectories, without a way to read them. */
type TrajectorySizes = Omit<Trajectories, 'read'>;

const noFields = new Float32Array(0);

/** Numbers of one sample: of its fields, and of those that are given and don't change. */
export function sampleSizes({ shape, statics = [] }: Pick<Trajectories, 'shape' | 'statics'>): {
  readonly values: number;
  readonly statics: number;
} {
  return { values: elementCount(shape.slice(1)), statics: elementCount(shape.slice(1, -2)) * statics.length };
}

/** Bytes of one sample in memory. */
export function sampleBytes(data: Pick<Trajectories, 'shape' | 'statics'>): number {
  const { values, statics } = sampleSizes(data);
  return (values + statics) * Float32Array.BYTES_PER_ELEMENT;
}

/** Trajectories whose values, of all samples, are in memory. */
export function inMemory<Sizes extends TrajectorySizes>(
  sizes: Sizes,
  { values, statics = noFields }: { readonly values: Float32Array; readonly statics?: Float32Array },
): Sizes & Pick<Trajectories, 'read'> {
  const size = sampleSizes(sizes);
  const gathered = (from: Float32Array, length: number, samples: readonly number[]) => {
    const into = new Float32Array(samples.length * length);
    for (const [at, sample] of samples.entries()) {
      into.set(from.subarray(sample * length, (sample + 1) * length), at * length);
    }
    return into;
  };
  return {
    ...sizes,
    read: async (samples) => ({
      values: gathered(values, size.values, samples),
      statics: gathered(statics, size.statics, samples),
    }),
  };
}

/** Bytes of samples that are read at a time where all are looked at. */
const blockBytes = 16 * 2 ** 20;

/** Positions of samples, so many at a time that they take little memory. */
function* samplesInBlocks(data: Trajectories): Generator<number[]> {
  const samples = data.shape[0]!;
  const atOnce = Math.max(1, Math.floor(blockBytes / sampleBytes(data)));
  for (let from = 0; from < samples; from += atOnce) {
    yield Array.from({ length: Math.min(atOnce, samples - from) }, (_, index) => from + index);
  }
}

/** Looks at the samples one by one, in order; only a few of them are in memory at a time. */
export async function eachSample(
  data: Trajectories,
  visit: (sample: number, fields: FieldValues) => void,
): Promise<void> {
  const size = sampleSizes(data);
  for (const block of samplesInBlocks(data)) {
    const { values, statics } = await data.read(block);
    for (const [at, sample] of block.entries()) {
      visit(sample, {
        values: values.subarray(at * size.values, (at + 1) * size.values),
        statics: statics.subarray(at * size.statics, (at + 1) * size.statics),
      });
    }
  }
}

/** Bytes of samples that are held in memory; more are read again whenever they are needed. */
export const heldBytes = 512 * 2 ** 20;

/** The most of memory that held samples may take, of each source of them. */
const heldShare = 1 / 8;

/** As many bytes of samples as are held here: fewer in a small function. Results are the same. */
export const heldHere = ({ bytes }: Pick<MemoryLimit, 'bytes'> = memoryLimit()): number =>
  Math.min(heldBytes, bytes * heldShare);

/** How often a sample is in memory while it is looked at: as it is stored, as it is read, and where it is gathered. */
const sampleCopies = 3;

/** @throws TooLargeError when a single sample does not fit into memory, with its size. */
export function refuseLargeSample(data: Pick<Trajectories, 'shape' | 'statics'>, where: string, limit = memoryLimit()) {
  const bytes = sampleBytes(data);
  if (sampleCopies * bytes <= limit.bytes) return;
  throw new TooLargeError(
    `a sample has ${formatBytes(bytes)} ${formatShape(data.shape.slice(1))}, which takes ${formatBytes(sampleCopies * bytes)} to read, and there are ${formatBytes(limit.bytes)} of memory`,
    {
      where,
      remedy: `Take fewer points or time steps of each (dataset.subsample, dataset.rolloutSteps), or ${limit.more}.`,
    },
  );
}

/** The samples in memory where all of them take at most `bytes`, and as they are otherwise. */
export async function heldWithin(data: Trajectories, bytes: number): Promise<Trajectories> {
  if (data.shape[0]! * sampleBytes(data) > bytes) return data;
  return inMemory(data, await data.read(Array.from({ length: data.shape[0]! }, (_, sample) => sample)));
}

/** Time steps that a model is given of such data: none of a static map, which goes from fields that don't change to fields of one time. */
export function givenSteps({ shape, statics = [] }: Pick<Trajectories, 'shape' | 'statics'>, window: number): number {
  return shape.at(-2) === 1 && statics.length > 0 ? 0 : window;
}
