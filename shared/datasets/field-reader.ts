/** Samples of fields, read out of files block by block. */
import { UserError } from '../core/errors.ts';
import { elementCount, formatShape, sameShape } from '../tensors/tensor.ts';
import type { ArrayFile, AxisRange, StoredArray } from './arrays/array-file.ts';
import { type AxisName, spaceNames } from './field-axes.ts';
import { arrayIn, type FieldLayout, type FieldPart } from './field-layout.ts';
import type { FieldValues } from './trajectories.ts';

/** Bytes read from a file at a time. */
const blockBytes = 16 * 2 ** 20;

/** A file of samples. */
export interface FieldFile {
  readonly path: string;
  readonly layout: FieldLayout;
  /** Opens the file for reading, hands it to `use`, and closes it. */
  open<Result>(use: (file: ArrayFile) => Result | Promise<Result>): Promise<Result>;
}

/** The part of each sample that is read. */
export interface ReadRanges {
  readonly time: AxisRange;
  readonly space: readonly AxisRange[];
}

/** The file and the row in it that a sample is in. */
interface Place {
  /** Position among the rows that are asked for. */
  readonly position: number;
  /** Row of the file. */
  readonly row: number;
}

/**
 * Reads rows of one or several files, whose rows count on. The files are open only while they are read.
 * @param rows in any order
 * @throws UserError when they can't be read.
 */
export async function readRows(
  files: readonly FieldFile[],
  rows: readonly number[],
  ranges: ReadRanges,
): Promise<FieldValues> {
  const { layout } = files[0]!;
  const space = ranges.space.map(({ count }) => count);
  const sizes = (channels: number, time: number) => ({ rows: rows.length, space, time, channels });
  const fields = { parts: layout.parts, target: targetOf(sizes(layout.channels.length, ranges.time.count)) };
  const statics = { parts: layout.staticParts, target: targetOf(sizes(layout.statics.length, 1)) };
  for (const [index, places] of byFile(files, rows).entries()) {
    if (places.length === 0) continue;
    const { layout: stored, open } = files[index]!;
    await open(async (file) => {
      for (const { parts, target } of [fields, statics]) {
        for (const part of parts) await readPart(file, stored, part, places, ranges, target);
      }
    });
  }
  return { values: fields.target.values, statics: statics.target.values };
}

/** The rows of each file, ascending. */
function byFile(files: readonly FieldFile[], rows: readonly number[]): Place[][] {
  const places: Place[][] = files.map(() => []);
  for (const [position, row] of rows.entries()) {
    let [index, local] = [0, row];
    while (local >= files[index]!.layout.samples) local -= files[index++]!.layout.samples;
    places[index]!.push({ position, row: local });
  }
  return places.map((list) => list.toSorted((a, b) => a.row - b.row));
}

/** Where values go: `[rows, ...space, time, channels]`, and how far apart they are along each axis. */
interface Target {
  readonly values: Float32Array;
  readonly steps: Readonly<Record<AxisName, number>>;
}

function targetOf(sizes: { rows: number; space: readonly number[]; time: number; channels: number }): Target {
  const { rows, space, time, channels } = sizes;
  const along = spaceNames.map((_, axis) => elementCount(space.slice(axis + 1)) * time * channels);
  const [x, y, z] = along as [number, number, number];
  const samples = elementCount(space) * time * channels;
  return {
    values: new Float32Array(rows * samples),
    steps: { samples, x, y, z, time: channels, channels: 1 },
  };
}

async function readPart(
  file: ArrayFile,
  { groups }: FieldLayout,
  part: FieldPart,
  places: readonly Place[],
  ranges: ReadRanges,
  target: Target,
): Promise<void> {
  if (groups) {
    for (const { position, row } of places) {
      const array = arrayIn(file, part.name, groups[row]);
      refuseOtherShape(file, array, part);
      await readBlocks(array, part, [position], { start: 0, count: 1, stride: 1 }, ranges, target);
    }
    return;
  }
  const array = file.array(part.name);
  refuseOtherShape(file, array, part);
  const rowSize = elementCount(blockOf(part, { start: 0, count: 1, stride: 1 }, ranges).map(({ count }) => count));
  const atOnce = Math.max(1, Math.floor(blockBytes / (rowSize * Float32Array.BYTES_PER_ELEMENT)));
  const rows = places.map(({ row }) => row);
  for (const { position, range } of evenRuns(rows, part.axes.includes('samples') ? atOnce : rows.length)) {
    const positions = places.slice(position, position + range.count).map((place) => place.position);
    await readBlocks(array, part, positions, range, ranges, target);
  }
}

function refuseOtherShape({ path }: ArrayFile, { name, shape }: StoredArray, part: FieldPart): void {
  if (sameShape(shape, part.shape)) return;
  throw new UserError(`is ${formatShape(shape)}, and the others are ${formatShape(part.shape)}`, {
    where: `${path}: dataset "${name}"`,
    remedy: 'All samples of a data set have one grid and as many time steps: leave this one out, or write it again.',
  });
}

/** The ranges of an array that are read, axis by axis. */
function blockOf({ axes, shape }: FieldPart, samples: AxisRange, { time, space }: ReadRanges): AxisRange[] {
  return axes.map((axis, index) => {
    if (axis === 'samples') return samples;
    if (axis === 'channels') return { start: 0, count: shape[index]!, stride: 1 };
    if (axis === 'time') return shape[index] === 1 ? { start: 0, count: 1, stride: 1 } : time;
    return space[spaceNames.indexOf(axis)]!;
  });
}

/** Reads some rows of an array to their positions, in pieces along its longest axis where one row is large. */
async function readBlocks(
  array: StoredArray,
  part: FieldPart,
  positions: readonly number[],
  samples: AxisRange,
  ranges: ReadRanges,
  target: Target,
): Promise<void> {
  const block = blockOf(part, samples, ranges);
  const counts = block.map(({ count }) => count);
  const bytes = elementCount(counts) * Float32Array.BYTES_PER_ELEMENT;
  const steps = stepsOf(part, counts, target);
  const sampleAxis = part.axes.indexOf('samples');
  const cut = counts.reduce(
    (best, count, axis) => (axis !== sampleAxis && count > (counts[best] ?? 0) ? axis : best),
    -1,
  );
  const pieces = positions.length > 1 || cut < 0 ? 1 : Math.min(counts[cut]!, Math.ceil(bytes / blockBytes));
  const length = cut < 0 ? 1 : Math.ceil(counts[cut]! / pieces);
  for (let from = 0; from < (pieces === 1 ? 1 : counts[cut]!); from += length) {
    const piece = [...block];
    if (pieces > 1) {
      const { start, stride } = block[cut]!;
      piece[cut] = { start: start + from * stride, count: Math.min(length, counts[cut]! - from), stride };
    }
    const values = await array.read(piece);
    const at = part.firstChannel + (pieces > 1 ? from * steps[cut]! : 0);
    place(values, piece, sampleAxis, steps, positions, target, at);
  }
}

/** How far apart the target's values are along each axis of an array; several axes of channels follow each other. */
function stepsOf({ axes }: FieldPart, counts: readonly number[], { steps }: Target): number[] {
  return axes.map((axis, index) => {
    if (axis !== 'channels') return steps[axis];
    return axes.reduce(
      (step, other, later) => (later > index && other === 'channels' ? step * counts[later]! : step),
      1,
    );
  });
}

/** Copies a block to where it belongs; without an axis of samples it is copied to every position. */
function place(
  values: Float32Array,
  block: readonly AxisRange[],
  sampleAxis: number,
  steps: readonly number[],
  positions: readonly number[],
  { values: into, steps: { samples: sampleStep } }: Target,
  at: number,
): void {
  let source = 0;
  const last = block.length - 1;
  const copy = (axis: number, to: number): void => {
    if (axis > last) {
      into[to] = values[source++]!;
      return;
    }
    const { count } = block[axis]!;
    if (axis === sampleAxis) {
      for (let index = 0; index < count; index++) copy(axis + 1, to + positions[index]! * sampleStep);
      return;
    }
    const step = steps[axis]!;
    if (axis === last) {
      for (let index = 0; index < count; index++) into[to + index * step] = values[source++]!;
      return;
    }
    for (let index = 0; index < count; index++) copy(axis + 1, to + index * step);
  };
  if (sampleAxis >= 0) {
    copy(0, at);
    return;
  }
  for (const position of positions) {
    source = 0;
    copy(0, at + position * sampleStep);
  }
}

/** Ascending rows as runs of evenly spaced ones, so that each run is one read; `position` is the run's place in `rows`. */
export function evenRuns(rows: readonly number[], longest: number): { position: number; range: AxisRange }[] {
  const runs: { position: number; range: AxisRange }[] = [];
  let position = 0;
  while (position < rows.length) {
    const start = rows[position]!;
    const stride = Math.max(1, (rows[position + 1] ?? start + 1) - start);
    let count = 1;
    while (count < longest && rows[position + count] === start + count * stride) count++;
    runs.push({ position, range: { start, count, stride } });
    position += count;
  }
  return runs;
}
