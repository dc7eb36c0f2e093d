/** What fields a file of arrays has: arrays found and named, their axes, the grid. Families of PDEBench and The Well are told by their names. */
import { BrokenInputError, UserError } from '../core/errors.ts';
import { elementCount, formatShape, sameShape } from '../tensors/tensor.ts';
import type { ArrayFile, StoredArray } from './arrays/array-file.ts';
import { refuseEmptyClaim } from './arrays/refusals.ts';
import {
  type AxisEvidence,
  type AxisName,
  axesNamed,
  axesOf,
  axesOnGrid,
  type CoordinateLengths,
  dimensionsOf,
  type LikelyAxes,
  sizeOf,
  spaceNames,
  spaceOf,
} from './field-axes.ts';
import type { FieldSettings } from './field-settings.ts';

/** An array of fields. */
export interface FieldPart {
  /** Within the group of a sample, where each is a group. */
  readonly name: string;
  readonly shape: readonly number[];
  /** In the order of the file; without samples where all share it, or each sample is a group. */
  readonly axes: readonly AxisName[];
  /** The index of its first channel among those of all arrays. */
  readonly firstChannel: number;
  readonly channels: number;
}

/** The arrays of a file that hold fields, and their axes. */
export interface FieldLayout {
  readonly samples: number;
  readonly time: number;
  /** Points along each space axis. */
  readonly space: readonly number[];
  readonly parts: readonly FieldPart[];
  readonly channels: readonly string[];
  /** Fields that are given and don't change with time. */
  readonly staticParts: readonly FieldPart[];
  readonly statics: readonly string[];
  /** Along each space axis; undefined: not in the file. */
  readonly coordinates: readonly (Float32Array | undefined)[];
  /** Of the time steps, where they are a list; undefined: not in the file. */
  readonly times?: Float32Array | undefined;
  /** The group of each sample, in the order of the rows; undefined: samples are an axis of the arrays. */
  readonly groups?: readonly string[] | undefined;
  readonly notes: readonly string[];
}

/** Names of an axis's coordinates: in PDEBench's arrays, in its groups of samples, in The Well's files, and as xarray writes them. */
const coordinateNames = {
  x: ['x-coordinate', 'grid/x', 'dimensions/x', 'x'],
  y: ['y-coordinate', 'grid/y', 'dimensions/y', 'y'],
  z: ['z-coordinate', 'grid/z', 'dimensions/z', 'z'],
  time: ['t-coordinate', 'grid/t', 'dimensions/time', 'time', 't'],
} as const;

const groupOf = (name: string) => /^(\d+)\//.exec(name)?.[1];

/** Facts about a file that are looked up again and again. */
interface LookedInto {
  readonly file: ArrayFile;
  readonly names: ReadonlySet<string>;
  /** Groups of samples: `0000`, `0001`, ...; empty where there are none. */
  readonly groups: readonly string[];
}

function lookInto(file: ArrayFile): LookedInto {
  const names = file.names();
  return { file, names: new Set(names), groups: [...new Set(names.flatMap((name) => groupOf(name) ?? []))].toSorted() };
}

/**
 * Finds the fields that the settings select.
 * @param likely what the axes of the first array are expected to be, where they may be read in several ways
 * @throws UserError when they are not there, or what their axes are is not known.
 */
export async function findFields(file: ArrayFile, settings: FieldSettings, likely?: LikelyAxes): Promise<FieldLayout> {
  const into = lookInto(file);
  const names = namesIn(into, settings);
  const isGrouped = names.every((name) => !into.names.has(name) && into.names.has(`${into.groups[0]}/${name}`));
  const first = isGrouped ? into.groups[0] : undefined;
  const stored = names.map((name) => arrayIn(file, name, first));
  for (const array of stored) refuseEmptyClaim(file.path, array);
  const coordinates = await coordinatesIn(into, first);
  const samples = isGrouped ? into.groups.length : undefined;
  const shapes = stored.map(({ shape }) => (samples === undefined ? shape : [samples, ...shape]));
  const where = (index: number) => `${file.path}: dataset "${stored[index]!.name}"`;
  for (const [index, shape] of shapes.entries()) refuseEmpty(where(index), shape);

  const main = mainAxes(into, settings, { names, stored, shapes, coordinates, isGrouped, likely });
  const [axes, shape] = [main.axes, shapes[0]!];
  const grid = {
    samples: sizeOf(axes, shape, 'samples'),
    time: sizeOf(axes, shape, 'time'),
    space: spaceOf(axes, shape),
  };
  const allAxes = shapes.map((_, index) =>
    index === 0 ? axes : likeFirst(into, settings, names, shapes, index, grid),
  );
  const inputs = inputsIn(into, settings, names, grid, isGrouped);
  const given = inputs.map((name) => arrayIn(file, name, first));
  for (const array of given) refuseEmptyClaim(file.path, array);
  const givenShapes = given.map((array) => (samples === undefined ? array.shape : [samples, ...array.shape]));
  const givenAxes = givenShapes.map((each, index) => staticAxes(into, settings, inputs[index]!, each, grid));

  const parts = partsOf(names, shapes, allAxes, isGrouped);
  const staticParts = partsOf(inputs, givenShapes, givenAxes, isGrouped);
  return {
    ...grid,
    parts,
    channels: channelNames(parts),
    staticParts,
    statics: channelNames(staticParts),
    coordinates: grid.space.map((_, axis) => coordinates.values[spaceNames[axis]!]),
    times: await timesIn(into, coordinates, grid.time),
    ...(isGrouped ? { groups: into.groups } : {}),
    notes: main.note === undefined ? [] : [main.note],
  };
}

/**
 * Finds what a static map is given in a file that has no fields of what it predicts.
 * @param settings with the names of what is given in `inputs`
 * @param channels what the map predicts
 * @param likely what the axes of the first array are expected to be
 * @throws UserError when it is not there, changes with time, or what its axes are is not known.
 */
export async function findInputs(
  file: ArrayFile,
  settings: FieldSettings,
  channels: readonly string[],
  likely: LikelyAxes,
): Promise<FieldLayout> {
  const alone = { ...settings, key: undefined, channels: settings.inputs, inputs: undefined, window: 0 };
  const found = await findFields(file, alone, likely);
  const { parts: staticParts, channels: statics, time } = found;
  if (time !== 1) {
    throw new UserError(`changes with time (${time} steps), and what a static map is given must not`, {
      where: `${file.path}: dataset "${staticParts[0]!.name}"`,
      remedy: 'Write it as [samples, x, y], or [samples, x, y, channels] with coordinates of the axes.',
    });
  }
  return { ...found, time: 0, parts: [], channels, staticParts, statics };
}

/** An array by its name, in the group of a sample where each is one. */
export const arrayIn = (file: ArrayFile, name: string, group: string | undefined): StoredArray =>
  file.array(group === undefined ? name : `${group}/${name}`);

/** The arrays of what is predicted, by their names in the file. */
function namesIn({ file, names, groups }: LookedInto, { key, channels }: FieldSettings): string[] {
  const chosen = channels ?? (key === undefined ? undefined : [key]);
  if (chosen) return chosen.map((name) => fullName(names, name));
  if (names.has('tensor')) return ['tensor'];
  if (groups.length > 0 && names.has(`${groups[0]}/data`)) return ['data'];
  const isCoordinate = new Set<string>(Object.values(coordinateNames).flat());
  const others = [...names].filter((name) => !isCoordinate.has(name) && file.array(name).shape.length > 1);
  return others.length === 1 ? others : ['tensor'];
}

/** The Well keeps its fields in groups by the rank of their values, which need not be said. */
function fullName(names: ReadonlySet<string>, name: string): string {
  if (names.has(name)) return name;
  const found = ['t0_fields', 't1_fields', 't2_fields']
    .map((group) => `${group}/${name}`)
    .filter((each) => names.has(each));
  return found.length === 1 ? found[0]! : name;
}

function refuseEmpty(where: string, shape: readonly number[]): void {
  if (elementCount(shape) > 0) return;
  throw new UserError(`holds no values: its shape is ${formatShape(shape)}`, {
    where,
    remedy: 'Write the file again.',
  });
}

interface Coordinates {
  readonly values: Readonly<Partial<Record<string, Float32Array>>>;
  readonly lengths: CoordinateLengths;
  readonly names: Readonly<Partial<Record<(typeof spaceNames)[number] | 'time', string>>>;
}

async function coordinatesIn({ file, names }: LookedInto, group: string | undefined): Promise<Coordinates> {
  const values: Record<string, Float32Array> = {};
  const found: Record<string, string> = {};
  const lengths: Record<string, number | undefined> = {};
  for (const [axis, candidates] of Object.entries(coordinateNames)) {
    const prefix = group === undefined ? '' : `${group}/`;
    const name = candidates.map((each) => prefix + each).find((each) => names.has(each));
    if (name === undefined) continue;
    const array = file.array(name);
    const length = listLength(file.path, array, name);
    if (length === undefined) continue;
    found[axis] = name;
    lengths[axis] = length;
    if (axis !== 'time') values[axis] = await finiteCoordinates(file.path, array);
  }
  return { values, names: found, lengths: lengths as CoordinateLengths };
}

/** Times of all steps, where the file has a list of them; where each sample is a group, that of the first. */
async function timesIn({ file }: LookedInto, { names }: Coordinates, steps: number): Promise<Float32Array | undefined> {
  if (names.time === undefined) return undefined;
  const array = file.array(names.time);
  // Times of each sample are a matrix; those of finite volumes have an end more than there are steps.
  if (array.shape.length !== 1 || array.shape[0]! < steps) return undefined;
  const times = await array.read([{ start: 0, count: steps, stride: 1 }]);
  return times.every(Number.isFinite) ? times : undefined;
}

/** How many coordinates an array lists; undefined where it is no list, and need not be one. */
function listLength(path: string, { shape, name }: StoredArray, found: string): number | undefined {
  const long = shape.filter((size) => size > 1);
  if (shape.length === 1 || (shape.length === 2 && long.length <= 1 && !found.endsWith('-coordinate'))) {
    return elementCount(shape);
  }
  // The times of each sample, [samples, time], as PDEBench writes them for incompressible flow.
  if (shape.length === 2 && ['t', 'time'].includes(found)) return shape[1];
  if (!found.endsWith('-coordinate')) return undefined;
  throw new UserError(`has ${shape.length} axes ${formatShape(shape)}, not 1`, {
    where: `${path}: dataset "${name}"`,
    remedy: 'Write the coordinates along the axis as a list.',
  });
}

async function finiteCoordinates(path: string, array: StoredArray): Promise<Float32Array> {
  const values = await array.read(array.shape.map((count) => ({ start: 0, count, stride: 1 })));
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return values;
  throw new BrokenInputError(`coordinate ${bad} is ${values[bad]}`, {
    where: `${path}: dataset "${array.name}"`,
    remedy: 'Repair the coordinates, or leave them out for a uniform grid.',
  });
}

/** The axes of the first array, which the others must fit. */
function mainAxes(
  into: LookedInto,
  settings: FieldSettings,
  found: {
    readonly names: readonly string[];
    readonly stored: readonly StoredArray[];
    readonly shapes: readonly (readonly number[])[];
    readonly coordinates: Coordinates;
    readonly isGrouped: boolean;
    readonly likely: LikelyAxes | undefined;
  },
): { axes: readonly AxisName[]; note?: string } {
  const { names, stored, shapes, coordinates, isGrouped } = found;
  const { file } = into;
  const shape = shapes[0]!;
  const dimensions = file.attributes().n_spatial_dims;
  const evidence: AxisEvidence = {
    coordinates: coordinates.lengths,
    coordinateNames: coordinates.names,
    said: saidAxes(settings, names[0]!, shape.length, isGrouped),
    named: isGrouped ? undefined : stored[0]!.axes,
    dimensions: dimensions === undefined ? undefined : Number(dimensions),
    hasChannels: hasChannels(into, names, shapes, isGrouped),
    isOneOfSeveral: settings.channels !== undefined,
    mayBeStatic: settings.window === 0 || coordinates.lengths.time === 1,
    isOnlyArray: names.length === 1,
    likely: found.likely,
  };
  const where = `${file.path}: dataset "${stored[0]!.name}"`;
  // A tensor of The Well has two axes of components.
  if (names[0]!.startsWith('t2_fields/') && evidence.said === undefined) {
    const { axes } = axesOf(where, shape.slice(0, -1), { ...evidence, hasChannels: true, named: undefined });
    return { axes: [...axes, 'channels'] };
  }
  const { axes, note } = axesOf(where, shape, evidence);
  if (axes.includes('samples')) return { axes, ...(note === undefined ? {} : { note }) };
  throw new UserError(`its axes [${axes.join(', ')}] have no samples`, {
    where,
    remedy: 'Name the axis along which the samples are in dataset.axes.',
  });
}

/** The axes that the settings name for an array. */
function saidAxes(
  { axes }: FieldSettings,
  name: string,
  rank: number,
  isGrouped: boolean,
): readonly AxisName[] | undefined {
  if (axes === undefined) return undefined;
  const said: readonly AxisName[] | undefined = Array.isArray(axes)
    ? (axes as AxisName[])
    : ((axes as Record<string, AxisName[]>)[name] ?? (axes as Record<string, AxisName[]>)[name.split('/').at(-1)!]);
  if (said === undefined || !isGrouped || said.includes('samples')) return said;
  // Groups are the axis of samples, which need not be said.
  return said.length === rank - 1 ? ['samples', ...said] : said;
}

/**
 * Whether the last axis of the first array is one of channels, by what other arrays show: two that differ in the last axis alone can't both
 * have space there; and of two that are used together, one has an axis of channels more.
 */
function hasChannels(
  { file, names: all }: LookedInto,
  names: readonly string[],
  shapes: readonly (readonly number[])[],
  isGrouped: boolean,
): boolean | undefined {
  const [first, ...others] = shapes as [readonly number[], ...(readonly number[])[]];
  const rank = first.length;
  if (rank < 4) return undefined;
  const differsLast = (other: readonly number[]) =>
    other.length === rank && sameShape(other.slice(0, -1), first.slice(0, -1)) && other.at(-1) !== first.at(-1);
  if (others.some((other) => differsLast(other) || sameShape(other, first.slice(0, -1)))) return true;
  if (others.some((other) => sameShape(other.slice(0, -1), first))) return false;
  if (isGrouped) return undefined;
  const rest = [...all].filter((name) => !names.includes(name));
  return rest.some((name) => differsLast(file.array(name).shape)) ? true : undefined;
}

interface Grid {
  readonly samples: number;
  readonly time: number;
  readonly space: readonly number[];
}

/** The axes of a further array of what is predicted. */
function likeFirst(
  { file }: LookedInto,
  settings: FieldSettings,
  names: readonly string[],
  shapes: readonly (readonly number[])[],
  index: number,
  grid: Grid,
): readonly AxisName[] {
  const shape = shapes[index]!;
  const { axes: given } = settings;
  const said = Array.isArray(given)
    ? shape.length === given.length
      ? (given as AxisName[])
      : undefined
    : (given as Record<string, AxisName[]> | undefined)?.[names[index]!];
  const fits = (axes: readonly AxisName[]) =>
    axes.length === shape.length &&
    sizeOf(axes, shape, 'samples') === grid.samples &&
    sizeOf(axes, shape, 'time') === grid.time &&
    sameShape(spaceOf(axes, shape), grid.space);
  const axes = said ?? axesOnGrid(shape, grid);
  if (axes && fits(axes)) return axes;
  throw new UserError(
    `channels differ in shape: "${names[0]}" is ${formatShape(shapes[0]!)}, "${names[index]}" ${formatShape(shape)}`,
    {
      where: file.path,
      remedy:
        'Name arrays of one grid and as many time steps under `channels`; one that has an axis of channels besides has it last, or as dataset.axes says.',
    },
  );
}

/** The arrays of fields that are given: those of the settings, or the coefficient of PDEBench's Darcy flow. */
function inputsIn(
  { file, names }: LookedInto,
  { inputs }: FieldSettings,
  predicted: readonly string[],
  { samples, time, space }: Grid,
  isGrouped: boolean,
): string[] {
  if (inputs) return inputs.map((name) => fullName(names, name));
  const isDarcy = !isGrouped && time === 1 && predicted.join() === 'tensor' && names.has('nu');
  return isDarcy && sameShape(file.array('nu').shape, [samples, ...space]) ? ['nu'] : [];
}

function staticAxes(
  { file }: LookedInto,
  { axes: given }: FieldSettings,
  name: string,
  shape: readonly number[],
  grid: Grid,
): readonly AxisName[] {
  const where = `${file.path}: dataset "${name}"`;
  const said = Array.isArray(given)
    ? undefined
    : ((given as Record<string, AxisName[]> | undefined)?.[name] ??
      axesNamed(file.names().includes(name) ? file.array(name).axes : undefined));
  const { sample_varying: varies } = file.names().includes(name) ? file.attributes(name) : {};
  const bySample = varies === undefined ? undefined : Boolean(Number(varies));
  const axes = said ?? axesOnGrid(shape, { samples: grid.samples, space: grid.space, bySample });
  const fits =
    axes &&
    axes.length === shape.length &&
    (!axes.includes('samples') || sizeOf(axes, shape, 'samples') === grid.samples) &&
    sameShape(spaceOf(axes, shape), grid.space);
  if (fits && sizeOf(axes, shape, 'time') === 1) return axes;
  const changes = fits || axesOnGrid(shape, grid) !== undefined;
  throw new UserError(
    changes
      ? `changes with time ${formatShape(shape)}, and what is named under dataset.inputs must not`
      : `is ${formatShape(shape)}, and does not lie on the grid of the other fields, ${grid.samples} samples of ${grid.space.join(' x ')} points`,
    {
      where,
      remedy: changes
        ? 'Name it under dataset.channels, so that it is predicted too.'
        : `An input is [samples, ${spaceNames.slice(0, dimensionsOf(spaceNames.slice(0, grid.space.length))).join(', ')}], with channels last or without; say it in dataset.axes where its axes are in another order.`,
    },
  );
}

function partsOf(
  names: readonly string[],
  shapes: readonly (readonly number[])[],
  axes: readonly (readonly AxisName[])[],
  isGrouped: boolean,
): FieldPart[] {
  let firstChannel = 0;
  return names.map((name, index) => {
    const [shape, its] = [shapes[index]!, axes[index]!];
    const channels = sizeOf(its, shape, 'channels');
    const part = {
      name,
      // The axis of samples is that of the groups.
      shape: isGrouped ? shape.slice(1) : shape,
      axes: isGrouped ? its.filter((axis) => axis !== 'samples') : its,
      firstChannel,
      channels,
    };
    firstChannel += channels;
    return part;
  });
}

function channelNames(parts: readonly FieldPart[]): string[] {
  return parts.flatMap(({ name, axes, channels }) =>
    axes.includes('channels') ? Array.from({ length: channels }, (_, channel) => `${name}.${channel}`) : [name],
  );
}
