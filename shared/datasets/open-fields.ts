/** From files of arrays, of whatever format, to the samples of fields that settings select. */
import { UserError } from '../core/errors.ts';
import { randomFor } from '../core/random.ts';
import { sameShape } from '../tensors/tensor.ts';
import type { ArrayFile, AxisRange } from './arrays/array-file.ts';
import { type DataPath, eachPath, pathInWords } from './data-path.ts';
import type { FieldContext, FieldFormat } from './dataset.ts';
import { spaceNames } from './field-axes.ts';
import { gridOf } from './field-grid.ts';
import { type FieldLayout, findFields } from './field-layout.ts';
import { type FieldFile, type ReadRanges, readRows } from './field-reader.ts';
import type { FieldSettings } from './field-settings.ts';
import { beginFiniteCheck } from './finite.ts';
import { summarise } from './sample-summaries.ts';
import { testRowsOf } from './test-set.ts';
import { givenSteps, heldHere, heldWithin, refuseLargeSample, type Trajectories } from './trajectories.ts';
import { validationRowsOf } from './validation-set.ts';

/** A format by what it does with files. */
type Opens<Config extends FieldSettings> = Pick<FieldFormat<Config>, 'withFile'>;

/**
 * Finds the samples that the configuration selects. Nothing of them is read yet, except that every number is looked at once.
 * @param path the resolved path of the file or files.
 * @throws UserError when the file or what is in it can't serve.
 */
export async function openFields<Config extends FieldSettings>(
  format: Opens<Config>,
  config: Config,
  path: DataPath,
  { seed, held }: FieldContext,
): Promise<Trajectories> {
  const source = await openFiles(format, config, eachPath(path));
  return samplesOf(source, config, chooseRows(source, config, seed), held);
}

/**
 * Finds the test data or validation data: all rows of a file of their own at `path`, or those that the configuration takes out.
 * @param data the others, which they must be like.
 * @throws UserError when the file or what is in it can't serve, or is not like the others.
 */
export async function openHeldFields<Config extends FieldSettings>(
  format: Opens<Config>,
  kind: 'test' | 'validation',
  config: Config,
  path: DataPath,
  data: Trajectories,
  { held }: Pick<FieldContext, 'held'> = {},
): Promise<Trajectories> {
  const source = await openFiles(format, config, eachPath(path));
  const isOwnFile = kind === 'test' ? config.test?.path !== undefined : config.validationPath !== undefined;
  const divided = dividedRows(source, config);
  const rows = isOwnFile ? range(source.rows) : kind === 'test' ? divided.test : divided.validation;
  refuseOtherForm(source, config, kind, data);
  return samplesOf(source, config, rows, held);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Files of one layout. */
export interface OpenedFields {
  readonly files: readonly FieldFile[];
  readonly layout: FieldLayout;
  /** The number of rows in all files. */
  readonly rows: number;
  /** For messages. */
  readonly where: string;
}

/**
 * Opens files of one layout.
 * @param find what finds the fields of each
 * @throws UserError when they can't be read, or differ in what they hold.
 */
export async function openFiles<Config extends FieldSettings>(
  format: Opens<Config>,
  config: Config,
  paths: readonly string[],
  find: (file: ArrayFile, config: Config) => Promise<FieldLayout> = findFields,
): Promise<OpenedFields> {
  const files: FieldFile[] = [];
  for (const path of paths) {
    const open: FieldFile['open'] = (use) => format.withFile(path, use, config);
    const layout = await open((file) => find(file, config));
    if (files[0]) refuseOtherLayout(files[0], { path, layout });
    files.push({ path, layout, open });
  }
  const { path, layout } = files[0]!;
  return {
    files,
    layout,
    rows: files.reduce((sum, { layout: { samples } }) => sum + samples, 0),
    where: placeOf({ path, layout }),
  };
}

type Located = Pick<FieldFile, 'path' | 'layout'>;

/** The first array of a file, for messages. */
const placeOf = ({ path, layout: { parts, staticParts } }: Located) =>
  `${path}: dataset "${(parts[0] ?? staticParts[0])!.name}"`;

/** @throws UserError when files of one data set differ in what they hold. */
function refuseOtherLayout(first: Located, other: Located): void {
  const [a, b] = [first.layout, other.layout];
  const told = ({ space, time, channels, statics }: FieldLayout) =>
    `${space.join(' x ')} points, ${time} time steps and the fields ${[...channels, ...statics].join(', ')}`;
  const differs = () => {
    if (told(a) !== told(b)) return `has ${told(b)}, and ${first.path} has ${told(a)}`;
    const axis = a.coordinates.findIndex((values, index) => !sameValues(values, b.coordinates[index]));
    return axis < 0 ? undefined : `has other coordinates along ${spaceNames[axis]} than ${first.path}`;
  };
  const what = differs();
  if (what) {
    throw new UserError(what, {
      where: other.path,
      remedy: 'Files of one data set have one layout; leave this one out.',
    });
  }
}

const sameValues = (a: Float32Array | undefined, b: Float32Array | undefined) =>
  a?.length === b?.length && (a?.every((value, index) => value === b![index]) ?? true);

async function samplesOf(
  source: OpenedFields,
  config: FieldSettings,
  rows: readonly number[],
  held = heldHere(),
): Promise<Trajectories> {
  const { files } = source;
  const ranges = rangesOf(files[0]!, config);
  const { time, space } = ranges;
  const samples = samplesIn(source, rows, ranges);
  refuseLargeSample(samples, source.where);
  const data = await heldWithin(samples, held);
  const strides = { time: time.stride, space: space.map(({ stride }) => stride) };
  const finite = beginFiniteCheck(data, strides);
  const summaries = await summarise(data, finite.look);
  finite.refuse(pathInWords(files.map(({ path }) => path)));
  return { ...data, summaries };
}

/** The samples of these rows, none of which is read yet. */
export function samplesIn({ files, layout }: OpenedFields, rows: readonly number[], ranges: ReadRanges): Trajectories {
  const { time, space } = ranges;
  const { channels, statics, notes } = layout;
  const axes = space.map((along, axis) => ({
    name: spaceNames[axis]!,
    values: axisCoordinates(layout.coordinates[axis], along, layout.space[axis]!),
    inFile: layout.coordinates[axis] !== undefined,
  }));
  const times = layout.times?.filter((_, step) => step % time.stride === 0).slice(0, time.count);
  return {
    kind: 'trajectories',
    shape: [rows.length, ...space.map(({ count }) => count), time.count, channels.length],
    grid: gridOf(axes.map(({ values }) => values)),
    axes,
    ...(times ? { times } : {}),
    channels,
    ...(statics.length > 0 ? { statics } : {}),
    rows,
    ...(notes.length > 0 ? { notes } : {}),
    read: (samples) =>
      readRows(
        files,
        samples.map((sample) => rows[sample]!),
        ranges,
      ),
  };
}

/** The part of each sample that the settings select. */
function rangesOf(file: FieldFile, config: FieldSettings): ReadRanges {
  return { time: timeRange(placeOf(file), file.layout, config), space: spaceRanges(file, config) };
}

/**
 * What the settings select along each space axis.
 * @throws UserError when there are other axes than strides, or fewer points than a stride.
 */
export function spaceRanges(file: FieldFile, config: FieldSettings): AxisRange[] {
  const where = placeOf(file);
  const { layout } = file;
  const { space } = config.subsample;
  if (Array.isArray(space) && space.length !== layout.space.length) {
    throw new UserError(`has ${layout.space.length} space axes, and \`subsample.space\` has ${space.length} strides`, {
      where,
      remedy: 'Give one stride for all axes, or one for each.',
    });
  }
  return layout.space.map((points, axis) =>
    spaceRange(where, points, axis, Array.isArray(space) ? space[axis]! : space),
  );
}

function timeRange(where: string, { time: steps, statics }: FieldLayout, config: FieldSettings): AxisRange {
  const { rolloutSteps, subsample } = config;
  const window = givenSteps({ shape: [steps, 1], statics }, config.window);
  if (window === 0) return mapRange(where, steps, statics, config);
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
    const map = 'A static map takes what it is given from `dataset.inputs`, e.g. [nu].';
    const remedy = fits.length > 0 ? `What would fit: ${fits.join('; ')}.` : 'Use data with more time steps.';
    throw new UserError(
      `has ${available} time step${available === 1 ? '' : 's'}${every}, too few for a window of ${window} and ${asked}`,
      { where, remedy: steps === 1 ? map : remedy },
    );
  }
  return { start: 0, count: rolloutSteps === 'all' ? available : needed, stride: subsample.time };
}

/** The one time step of a static map. */
function mapRange(
  where: string,
  steps: number,
  statics: readonly string[],
  { rolloutSteps }: FieldSettings,
): AxisRange {
  if (statics.length === 0) {
    throw new UserError('nothing is given to the model: `dataset.window` is 0', {
      where,
      remedy: 'Name the fields that a static map is given in `dataset.inputs`, e.g. [nu], or set a window.',
    });
  }
  if (steps > 1) {
    throw new UserError(`has ${steps} time steps, and \`dataset.window: 0\` is for a static map to fields of one`, {
      where,
      remedy: 'Set `dataset.window` to the time steps that the model is given, at least 1.',
    });
  }
  if (rolloutSteps !== 'all' && rolloutSteps > 1) {
    throw new UserError(`a static map predicts one step, not ${rolloutSteps}`, {
      where,
      remedy: 'Leave out `dataset.rolloutSteps`.',
    });
  }
  return { start: 0, count: 1, stride: 1 };
}

function spaceRange(where: string, points: number, axis: number, every: number): AxisRange {
  if (every > points) {
    const name = spaceNames[axis];
    throw new UserError(`its ${name} axis has ${points} points, fewer than \`subsample.space\` (${every})`, {
      where,
      remedy: `Lower \`dataset.subsample.space\`; at most ${Math.floor(points / 2)} keeps 2 points or more.`,
    });
  }
  return { start: 0, count: Math.ceil(points / every), stride: every };
}

function axisCoordinates(stored: Float32Array | undefined, along: AxisRange, points: number): Float32Array {
  return Float32Array.from({ length: along.count }, (_, index) => {
    const position = index * along.stride;
    return stored ? stored[position]! : (position + 0.5) / points;
  });
}

/** @throws UserError when held-out data are not like the others in grid, time steps or fields. */
function refuseOtherForm(
  { files, where }: OpenedFields,
  config: FieldSettings,
  kind: 'test' | 'validation',
  like: Trajectories,
): void {
  const { layout } = files[0]!;
  const { time, space } = rangesOf(files[0]!, config);
  const shape = [0, ...space.map(({ count }) => count), time.count, layout.channels.length];
  const isAlike =
    sameShape(shape.slice(1), like.shape.slice(1)) && layout.statics.length === (like.statics ?? []).length;
  if (isAlike) return;
  const told = (sizes: readonly number[], inputs: number) =>
    `${sizes.slice(1, -2).join(' x ')} points, ${sizes.at(-2)} time steps and ${sizes.at(-1)} channels${inputs > 0 ? ` with ${inputs} inputs` : ''}`;
  throw new UserError(
    `the ${kind} data have ${told(shape, layout.statics.length)}, the training data ${told(like.shape, like.statics?.length ?? 0)}`,
    {
      where,
      remedy: `Give ${kind} data of the same form; \`dataset.rolloutSteps\` sets how many time steps are read of both.`,
    },
  );
}

/** Rows for testing, for validation, and those that are left to choose from. */
function dividedRows(
  { rows, where }: OpenedFields,
  { test, validation }: FieldSettings,
): { test: readonly number[]; validation: readonly number[]; left: readonly number[] } {
  const tested = testRowsOf(test, rows, where);
  const held = validationRowsOf(validation, tested.left, where);
  const taken = new Set(held);
  const left = held.length === 0 ? tested.left : tested.left.filter((row) => !taken.has(row));
  return { test: tested.taken, validation: held, left };
}

function chooseRows(source: OpenedFields, config: FieldSettings, seed: number): number[] {
  const { samples, choose, subsample } = config;
  const { test, validation, left } = dividedRows(source, config);
  const available = Math.ceil(left.length / subsample.samples);
  const wanted = samples === 'all' ? available : samples;
  if (wanted > available) {
    const every = subsample.samples > 1 ? ` (every ${subsample.samples} of ${left.length})` : '';
    const besides = [
      ...(test.length > 0 ? [`${test.length} for testing`] : []),
      ...(validation.length > 0 ? [`${validation.length} for validation`] : []),
    ];
    const others = besides.length > 0 ? ` besides ${besides.join(' and ')}` : '';
    throw new UserError(`has ${available} samples${every}${others}, ${wanted} were asked for`, {
      where: source.where,
      remedy: `Set \`dataset.samples\` to at most ${available}, or to "all".`,
    });
  }
  const picked =
    choose === 'first'
      ? range(wanted)
      : randomFor(seed, 'dataset-samples')
          .permutation(available)
          .slice(0, wanted)
          .sort((a, b) => a - b);
  return picked.map((index) => left[index * subsample.samples]!);
}
