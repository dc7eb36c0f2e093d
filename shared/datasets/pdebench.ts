/** PDEBench (Takamoto et al., NeurIPS 2022): one HDF5 file with an array of trajectories, or one array per variable. */
import { z } from 'zod';
import { BrokenInputError, UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import { elementCount, formatShape, sameShape } from '../tensors/tensor.ts';
import type { FieldFormat } from './dataset.ts';
import { refuseNonFinite } from './finite.ts';
import { type AxisRange, type Hdf5Dataset, type Hdf5File, withHdf5File } from './hdf5.ts';
import { gridOf, type Layout, layoutOf, placeSample } from './pdebench-layout.ts';
import { testRowsOf, testSetSchema } from './test-set.ts';
import type { Trajectories } from './trajectories.ts';

const stride = () => z.int().min(1).default(1);

const configSchema = z
  .strictObject({
    format: z.literal('pdebench').describe('PDEBench HDF5.'),
    path: z.string().min(1).describe('The HDF5 file; a relative path counts from the run file, s3://... is fetched.'),
    key: z
      .string()
      .min(1)
      .optional()
      .describe('Name of the one array with all trajectories; `tensor` when `channels` is not given either.'),
    channels: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Names of the arrays that make the channels, one per variable, e.g. [density, Vx, pressure].'),
    subsample: z
      .strictObject({
        space: stride().describe('Every how many grid points, along each space axis.'),
        time: stride().describe('Every how many time steps.'),
        samples: stride().describe('Every how many trajectories.'),
      })
      .prefault({})
      .describe('Strides; 1 keeps everything.'),
    samples: z
      .union([z.int().min(1), z.literal('all')])
      .default('all')
      .describe('How many trajectories to use, after `subsample.samples`.'),
    choose: z
      .enum(['first', 'random'])
      .default('first')
      .describe('Which ones: the first in the file, or a choice that depends on the seed.'),
    window: z.int().min(1).default(10).describe('Time steps the model is given.'),
    rolloutSteps: z
      .union([z.int().min(1), z.literal('all')])
      .default('all')
      .describe('Time steps predicted after the window; later ones are not read.'),
    test: testSetSchema,
  })
  .refine((config) => config.key === undefined || config.channels === undefined, {
    path: ['channels'],
    error: 'give either `key` or `channels`, not both',
  })
  .refine((config) => new Set(config.channels).size === (config.channels ?? []).length, {
    path: ['channels'],
    error: 'names the same array twice',
  });

type PdebenchConfig = z.output<typeof configSchema>;

/** Bytes read from the file at a time. */
const blockBytes = 16 * 1024 * 1024;

/** Reads trajectories from a PDEBench file; only the samples, times and points that are used are read. */
export const pdebench = {
  name: 'pdebench',
  kind: 'trajectories',
  configSchema,
  open: (config, path, { seed }) =>
    withHdf5File(path, (file) =>
      readTrajectories(file, path, config, (where, stored) => chooseRows(where, stored, config, seed)),
    ),
  openTest: (config, path, data) =>
    withHdf5File(path, (file) =>
      readTrajectories(file, path, config, (where, stored) => allTestRows(where, stored, config), data),
    ),
} as const satisfies FieldFormat<PdebenchConfig>;

/**
 * @param rowsOf which of the stored rows are read.
 * @param like what the samples must be like in all but their number.
 */
function readTrajectories(
  file: Hdf5File,
  path: string,
  config: PdebenchConfig,
  rowsOf: (where: string, stored: number) => number[],
  like?: Trajectories,
): Trajectories {
  const arrays = (config.channels ?? [config.key ?? 'tensor']).map((name) => file.dataset(name));
  const axes = coordinatesIn(file, path);
  const layout = commonLayout(path, arrays, axes, config.channels !== undefined);
  const where = `${path}: dataset "${arrays[0]!.name}"`;

  const time = timeRange(where, layout.time, config);
  const space = layout.space.map((points, axis) => spaceRange(where, points, axis, config.subsample.space));
  const rows = rowsOf(where, layout.samples);
  const channels = channelNames(arrays, layout);

  const shape = [rows.length, ...space.map(({ count }) => count), time.count, channels.length];
  if (like) refuseOtherShape(where, { shape, channels }, like);
  const values = readValues(arrays, rows, [time, ...space], layout.channels, shape);
  const grid = gridOf(space.map((range, axis) => axisCoordinates(axes[axis], range, layout.space[axis]!)));
  const data: Trajectories = { kind: 'trajectories', shape, values, grid, channels, rows };
  refuseNonFinite(path, data, config.subsample);
  return data;
}

function coordinatesIn(file: Hdf5File, path: string): (Float32Array | undefined)[] {
  const names = file.names();
  return ['x-coordinate', 'y-coordinate'].map((name) => {
    if (!names.includes(name)) return undefined;
    const dataset = file.dataset(name);
    if (dataset.shape.length !== 1) {
      throw new UserError(`has ${dataset.shape.length} axes ${formatShape(dataset.shape)}, not 1`, {
        where: `${path}: dataset "${name}"`,
        remedy: 'Write the coordinates along the axis as a list.',
      });
    }
    const values = dataset.read([{ start: 0, count: dataset.shape[0]!, stride: 1 }]);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new BrokenInputError(`coordinate ${bad} is ${values[bad]}`, {
        where: `${path}: dataset "${name}"`,
        remedy: 'Repair the coordinates, or leave them out for a uniform grid.',
      });
    }
    return values;
  });
}

function commonLayout(
  path: string,
  arrays: readonly Hdf5Dataset[],
  axes: readonly (Float32Array | undefined)[],
  stacked: boolean,
): Layout {
  const coordinates = { x: axes[0]?.length, y: axes[1]?.length };
  const [first, ...others] = arrays as [Hdf5Dataset, ...Hdf5Dataset[]];
  const layout = layoutOf(`${path}: dataset "${first.name}"`, first.shape, coordinates, stacked);
  for (const other of others) {
    if (!sameShape(other.shape, first.shape)) {
      throw new UserError(
        `channels differ in shape: "${first.name}" is ${formatShape(first.shape)}, "${other.name}" ${formatShape(other.shape)}`,
        { where: path, remedy: 'Name arrays of one shape under `channels`.' },
      );
    }
  }
  if (elementCount(first.shape) === 0) {
    throw new UserError(`holds no values: its shape is ${formatShape(first.shape)}`, {
      where: `${path}: dataset "${first.name}"`,
      remedy: 'Write the file again.',
    });
  }
  return layout;
}

function timeRange(where: string, steps: number, config: PdebenchConfig): AxisRange {
  const { window, rolloutSteps, subsample } = config;
  const available = Math.ceil(steps / subsample.time);
  const needed = window + (rolloutSteps === 'all' ? 1 : rolloutSteps);
  if (available < needed) {
    const every = subsample.time > 1 ? ` (every ${subsample.time} of ${steps})` : '';
    const asked = rolloutSteps === 'all' ? 'at least 1 predicted step' : `a roll-out of ${rolloutSteps}`;
    const fits = [
      available > window ? `a roll-out of ${available - window} fits this window` : '',
      available > needed - window ? `a window of ${available - (needed - window)} fits this roll-out` : '',
      steps >= needed && subsample.time > 1
        ? `\`subsample.time\` of ${Math.floor((steps - 1) / (needed - 1))} leaves enough`
        : '',
    ].filter(Boolean);
    throw new UserError(`has ${available} time steps${every}, too few for a window of ${window} and ${asked}`, {
      where,
      remedy: fits.length > 0 ? `What would fit: ${fits.join('; ')}.` : 'Use data with more time steps.',
    });
  }
  return { start: 0, count: rolloutSteps === 'all' ? available : needed, stride: subsample.time };
}

function spaceRange(where: string, points: number, axis: number, every: number): AxisRange {
  if (every > points) {
    throw new UserError(`its ${'xy'[axis]} axis has ${points} points, fewer than \`subsample.space\` (${every})`, {
      where,
      remedy: `Lower \`dataset.subsample.space\`; at most ${Math.floor(points / 2)} keeps 2 points or more.`,
    });
  }
  return { start: 0, count: Math.ceil(points / every), stride: every };
}

/** Every row of a file of test data, or those that are taken out of the data file. */
function allTestRows(where: string, stored: number, { test }: PdebenchConfig): number[] {
  if (test?.path === undefined) return [...testRowsOf(test, stored, where).taken];
  return Array.from({ length: stored }, (_, index) => index);
}

/** @throws UserError when test data are not like the others in grid, time steps or channels. */
function refuseOtherShape(
  where: string,
  { shape, channels }: Pick<Trajectories, 'shape' | 'channels'>,
  like: Trajectories,
): void {
  if (sameShape(shape.slice(1), like.shape.slice(1)) && channels.length === like.channels.length) return;
  const told = (sizes: readonly number[]) =>
    `${sizes.slice(1, -2).join(' x ')} points, ${sizes.at(-2)} time steps and ${sizes.at(-1)} channels`;
  throw new UserError(`the test data have ${told(shape)}, the training data ${told(like.shape)}`, {
    where,
    remedy: 'Give test data of the same form; `dataset.rolloutSteps` sets how many time steps are read of both.',
  });
}

function chooseRows(where: string, all: number, config: PdebenchConfig, seed: number): number[] {
  const { samples, choose, subsample, test } = config;
  const { taken, left } = testRowsOf(test, all, where);
  const available = Math.ceil(left.length / subsample.samples);
  const wanted = samples === 'all' ? available : samples;
  if (wanted > available) {
    const every = subsample.samples > 1 ? ` (every ${subsample.samples} of ${left.length})` : '';
    const besides = taken.length > 0 ? ` besides ${taken.length} for testing` : '';
    throw new UserError(`has ${available} samples${every}${besides}, ${wanted} were asked for`, {
      where,
      remedy: `Set \`dataset.samples\` to at most ${available}, or to "all".`,
    });
  }
  const picked =
    choose === 'first'
      ? Array.from({ length: wanted }, (_, index) => index)
      : randomFor(seed, 'dataset-samples')
          .permutation(available)
          .slice(0, wanted)
          .sort((a, b) => a - b);
  return picked.map((index) => left[index * subsample.samples]!);
}

function channelNames(arrays: readonly Hdf5Dataset[], layout: Layout): string[] {
  const { channels } = layout;
  if (channels === undefined) return arrays.map(({ name }) => name);
  return Array.from({ length: channels }, (_, channel) => `${arrays[0]!.name}.${channel}`);
}

function axisCoordinates(stored: Float32Array | undefined, range: AxisRange, points: number): Float32Array {
  return Float32Array.from({ length: range.count }, (_, index) => {
    const position = index * range.stride;
    return stored ? stored[position]! : (position + 0.5) / points;
  });
}

function readValues(
  arrays: readonly Hdf5Dataset[],
  rows: readonly number[],
  timeAndSpace: readonly AxisRange[],
  storedChannels: number | undefined,
  shape: readonly number[],
): Float32Array {
  const values = new Float32Array(elementCount(shape));
  const allChannels = shape.at(-1)!;
  const [time, ...space] = timeAndSpace.map(({ count }) => count);
  const sizes = { time: time!, points: elementCount(space), channels: storedChannels ?? 1 };
  const rowSize = sizes.time * sizes.points * sizes.channels;
  const sampleSize = sizes.time * sizes.points * allChannels;
  const channelAxis = storedChannels === undefined ? [] : [{ start: 0, count: storedChannels, stride: 1 }];
  const rowsAtOnce = Math.max(1, Math.floor(blockBytes / (rowSize * Float32Array.BYTES_PER_ELEMENT)));

  for (const [firstChannel, array] of arrays.entries()) {
    for (const { position, range } of evenRuns(rows, rowsAtOnce)) {
      const block = array.read([range, ...timeAndSpace, ...channelAxis]);
      for (let index = 0; index < range.count; index++) {
        const sample = (position + index) * sampleSize;
        placeSample(
          block.subarray(index * rowSize, (index + 1) * rowSize),
          sizes,
          values.subarray(sample, sample + sampleSize),
          allChannels,
          firstChannel,
        );
      }
    }
  }
  return values;
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
