/** Which axis of an array of fields is which: what is said, what coordinates show, and nothing that is guessed. */
import { UserError } from '../core/errors.ts';
import { formatShape, sameShape } from '../tensors/tensor.ts';

export const axisNames = ['samples', 'time', 'x', 'y', 'z', 'channels'] as const;
export type AxisName = (typeof axisNames)[number];

/** Along space, in the order in which samples have them. */
export const spaceNames = ['x', 'y', 'z'] as const;
type SpaceName = (typeof spaceNames)[number];

/** Lengths of the coordinates in the file; undefined: it has none for this axis. */
export type CoordinateLengths = Readonly<Record<SpaceName | 'time', number | undefined>>;

/** Axes as those of an array of the same name elsewhere. */
export interface LikelyAxes {
  readonly dimensions: number;
  readonly channels: boolean;
}

/** Evidence for which axis of an array is which, besides its shape. */
export interface AxisEvidence {
  readonly coordinates: CoordinateLengths;
  /** Names of the coordinates in the file, for messages. */
  readonly coordinateNames: Readonly<Partial<Record<SpaceName | 'time', string>>>;
  /** Axes as the settings name them. */
  readonly said?: readonly AxisName[] | undefined;
  /** Names of its axes that the file has. */
  readonly named?: readonly string[] | undefined;
  /** Number of space axes that the file says it has. */
  readonly dimensions?: number | undefined;
  /** Whether the last axis can only be channels, or can't be; undefined: not known. */
  readonly hasChannels?: boolean | undefined;
  /** Whether it is one of several channels: without other evidence it has no axis of channels, then. */
  readonly isOneOfSeveral?: boolean;
  /** Whether it may have no time axis. */
  readonly mayBeStatic?: boolean;
  /** The expected axes, which decide where several readings are possible. */
  readonly likely?: LikelyAxes | undefined;
  /** The setting's part for this array where it is not the only one, for messages. */
  readonly isOnlyArray?: boolean;
}

/** Axes of an array, in the order of the file, and what was assumed to know them. */
export interface FoundAxes {
  readonly axes: readonly AxisName[];
  readonly note?: string;
}

/** Other names that files have for the axes. */
const synonyms: Readonly<Record<string, AxisName>> = {
  sample: 'samples',
  trajectory: 'samples',
  trajectories: 'samples',
  n: 'samples',
  batch: 'samples',
  t: 'time',
  channel: 'channels',
  c: 'channels',
  component: 'channels',
  components: 'channels',
  variable: 'channels',
  variables: 'channels',
};

/** The axes of these names; undefined where one is not known, or comes twice. */
export function axesNamed(names: readonly string[] | undefined): readonly AxisName[] | undefined {
  const axes = names?.map((name) => {
    const lower = name.toLowerCase();
    return axisNames.find((axis) => axis === lower) ?? synonyms[lower];
  });
  if (!axes || axes.some((axis) => axis === undefined) || new Set(axes).size < axes.length) return undefined;
  return axes as AxisName[];
}

const list = (axes: readonly AxisName[]) => `[${axes.join(', ')}]`;

/** The number of space axes. */
export const dimensionsOf = (axes: readonly AxisName[]): number =>
  axes.filter((axis) => (spaceNames as readonly string[]).includes(axis)).length;

/** The sizes of an array's space axes, x first. */
export const spaceOf = (axes: readonly AxisName[], shape: readonly number[]): number[] =>
  spaceNames.flatMap((name) => (axes.includes(name) ? [shape[axes.indexOf(name)]!] : []));

/** The size of an axis; 1 where the array has none of this name. */
export function sizeOf(axes: readonly AxisName[], shape: readonly number[], name: AxisName): number {
  return axes.reduce((size, axis, index) => (axis === name ? size * shape[index]! : size), 1);
}

/** A sentence about a coordinate whose length contradicts these axes; undefined: none does. */
function contradiction(
  axes: readonly AxisName[],
  shape: readonly number[],
  { coordinates, coordinateNames }: AxisEvidence,
): string | undefined {
  for (const name of spaceNames) {
    const length = coordinates[name];
    if (length === undefined) continue;
    const stored = coordinateNames[name] ?? `${name}-coordinate`;
    if (!axes.includes(name)) return `the file has a "${stored}", and the axes have no ${name}`;
    const points = sizeOf(axes, shape, name);
    if (points !== length) {
      return `its ${name} axis has ${points} points (shape ${formatShape(shape)}) but "${stored}" has ${length}`;
    }
  }
  const steps = sizeOf(axes, shape, 'time');
  const times = coordinates.time;
  if (axes.includes('time') && times !== undefined && times !== steps && times !== steps + 1) {
    const stored = coordinateNames.time ?? 't-coordinate';
    return `its time axis has ${steps} steps (shape ${formatShape(shape)}) but "${stored}" has ${times}`;
  }
  return undefined;
}

/** Axes in the order in which PDEBench stores them. */
function inUsualOrder(time: boolean, dimensions: number, channels: boolean): AxisName[] {
  return [
    'samples',
    ...(time ? (['time'] as const) : []),
    ...spaceNames.slice(0, dimensions),
    ...(channels ? (['channels'] as const) : []),
  ];
}

/** Every way to read an array of so many axes in the usual order. */
function readingsOf(rank: number, evidence: AxisEvidence): AxisName[][] {
  const dimensions = knownDimensions(evidence);
  const counts = dimensions === undefined ? [1, 2, 3] : [dimensions];
  return [true, ...(evidence.mayBeStatic ? [false] : [])]
    .flatMap((time) => counts.flatMap((count) => [false, true].map((channels) => inUsualOrder(time, count, channels))))
    .filter((axes) => axes.length === rank)
    .filter((axes) => evidence.hasChannels === undefined || axes.includes('channels') === evidence.hasChannels);
}

function knownDimensions({ coordinates, dimensions }: AxisEvidence): number | undefined {
  const last = spaceNames.findLastIndex((name) => coordinates[name] !== undefined);
  return last >= 0 ? last + 1 : dimensions;
}

/** The evidence for the axes, in words. */
function evidenceIn({ coordinates, coordinateNames }: AxisEvidence): string {
  const found = [...spaceNames, 'time' as const].flatMap((name) =>
    coordinates[name] === undefined ? [] : [`"${coordinateNames[name]}" of ${coordinates[name]}`],
  );
  return found.length > 0 ? `coordinates: ${found.join(', ')}` : 'no coordinates';
}

/** Orders of axes that nothing in the file contradicts, the usual ones first, for a remedy. */
function suggestions(shape: readonly number[], evidence: AxisEvidence): string[] {
  const open: AxisEvidence = { ...evidence, hasChannels: undefined };
  const all = readingsOf(shape.length, open).flatMap((axes) => {
    const [samples, ...others] = axes;
    return permutations(others).map((order) => [samples!, ...order]);
  });
  const hasThemLast = (axes: readonly AxisName[]) => evidence.hasChannels !== true || axes.at(-1) === 'channels';
  const fitting = all.filter(
    (axes) => isPlausible(axes) && hasThemLast(axes) && contradiction(axes, shape, evidence) === undefined,
  );
  const timeFirst = (axes: readonly AxisName[]) => (axes[1] === 'time' ? 0 : 1);
  return [...new Set(fitting.toSorted((a, b) => timeFirst(a) - timeFirst(b)).map(list))];
}

/** Whether x, y and z follow each other in this order. */
function isPlausible(axes: readonly AxisName[]): boolean {
  const first = axes.indexOf('x');
  return spaceNames.slice(0, dimensionsOf(axes)).every((name, index) => axes[first + index] === name);
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}

/** Lines of settings that a message names at most. */
const mostSuggested = 4;

function remedyOf(lines: readonly string[], evidence: AxisEvidence): string {
  const shown = lines.slice(0, mostSuggested);
  const setting = evidence.isOnlyArray === false ? 'dataset.axes, for each array by name' : 'dataset.axes';
  const examples = shown.length > 0 ? shown : ['[samples, time, x, y, channels]'];
  return `Say which is which in ${setting}: ${examples.join(' or ')}.`;
}

/**
 * The meaning of an array's axes. The settings come first, then names in the file, then the order in which PDEBench stores them, where rank
 * and coordinates leave one reading. What they leave open, or contradict, is refused.
 * @throws UserError that says what was found and which setting would say what is what.
 */
export function axesOf(where: string, shape: readonly number[], evidence: AxisEvidence): FoundAxes {
  const given = evidence.said ?? axesNamed(evidence.named);
  const source = evidence.said ? 'dataset.axes says' : 'the file names them';
  if (given) {
    checkSaid(where, shape, given, source);
    const wrong = contradiction(given, shape, evidence);
    if (wrong) throw contradicted(where, wrong, suggestions(shape, evidence), evidence);
    return { axes: given };
  }
  const readings = readingsOf(shape.length, evidence);
  const fitting = readings.filter((axes) => contradiction(axes, shape, evidence) === undefined);
  const [only, ...others] = fitting;
  if (only && others.length === 0) return { axes: only, ...assumption(where, shape, only, evidence) };
  const { likely } = evidence;
  const expected = fitting.filter(
    (axes) => dimensionsOf(axes) === likely?.dimensions && axes.includes('channels') === likely.channels,
  );
  if (expected.length === 1) {
    const [axes] = expected as [AxisName[]];
    return { axes, note: `${where}: its axes ${formatShape(shape)} are taken to be ${list(axes)}, as expected` };
  }
  if (only) {
    const plain = fitting.filter((axes) => !axes.includes('channels') && axes.includes('time'));
    if (evidence.isOneOfSeveral && plain.length === 1 && plain[0]!.length < 5) {
      return { axes: plain[0]!, ...assumption(where, shape, plain[0]!, evidence) };
    }
    throw new UserError(
      `has ${shape.length} axes ${formatShape(shape)}, which may be ${fitting.map(list).join(' or ')} (${evidenceIn(evidence)})`,
      {
        where,
        remedy: `${remedyOf(suggestions(shape, evidence), evidence)} Coordinates in the file ("x-coordinate", "y-coordinate", "z-coordinate") would tell, too.`,
      },
    );
  }
  const wrong = readings[0] && contradiction(readings[0], shape, evidence);
  if (wrong) throw contradicted(where, wrong, suggestions(shape, evidence), evidence);
  throw new UserError(`has ${shape.length} axes ${formatShape(shape)} (${evidenceIn(evidence)})`, {
    where,
    remedy:
      'An array of fields is [samples, time, x], [samples, time, x, y] or [samples, time, x, y, z], with a channel axis last or without; name its axes in dataset.axes where they are in another order.',
  });
}

function checkSaid(where: string, shape: readonly number[], axes: readonly AxisName[], source: string): void {
  const problem = () => {
    if (axes.length !== shape.length)
      return `has ${shape.length} axes ${formatShape(shape)}, and ${source} ${list(axes)}`;
    if (new Set(axes).size < axes.length) return `${source} ${list(axes)}, where one comes twice`;
    if (!axes.includes('x')) return `${source} ${list(axes)}, where x is missing`;
    if (axes.includes('z') && !axes.includes('y')) return `${source} ${list(axes)}, where y is missing`;
    return undefined;
  };
  const what = problem();
  if (what) throw new UserError(what, { where, remedy: 'Name every axis of the array once, in dataset.axes.' });
}

function contradicted(where: string, what: string, lines: readonly string[], evidence: AxisEvidence): UserError {
  const remedy =
    lines.length > 0
      ? `If its axes are in another order: ${remedyOf(lines, evidence)}`
      : 'Write the file with one coordinate for each grid point, or leave the coordinate out.';
  return new UserError(what, { where, remedy });
}

/** A sentence about axes that are assumed, where the file has no coordinates. */
function assumption(
  where: string,
  shape: readonly number[],
  axes: readonly AxisName[],
  evidence: AxisEvidence,
): { note?: string } {
  const { coordinates } = evidence;
  if (spaceNames.some((name) => coordinates[name] !== undefined) || evidence.dimensions !== undefined) return {};
  const [other] = suggestions(shape, evidence).filter((line) => line !== list(axes));
  if (other === undefined) return {};
  const taken = `its axes ${formatShape(shape)} are taken to be ${list(axes)}`;
  return {
    note: `${where}: the file has no coordinates, so ${taken}. If it is not so, say it, e.g. dataset.axes: ${other}`,
  };
}

/**
 * The axes of an array on a grid that is known from another one.
 * @param known samples, time steps and points of the grid; `time` undefined: the array must not change with time.
 * @returns undefined where it does not lie on that grid.
 */
export function axesOnGrid(
  shape: readonly number[],
  known: {
    readonly samples: number;
    readonly time?: number | undefined;
    readonly space: readonly number[];
    /** Whether each sample has its own; undefined: not said. */
    readonly bySample?: boolean | undefined;
  },
): AxisName[] | undefined {
  const { samples, time, space, bySample } = known;
  const names = spaceNames.slice(0, space.length);
  const heads: { axes: AxisName[]; sizes: number[] }[] = [
    ...(time === undefined ? [{ axes: ['samples' as const], sizes: [samples] }] : []),
    { axes: ['samples', 'time'], sizes: [samples, time ?? 1] },
    ...(time === undefined ? [{ axes: [], sizes: [] }] : []),
  ];
  const tails = [0, 1, 2].map((count) => Array.from({ length: count }, () => 'channels' as const));
  for (const { axes, sizes } of heads) {
    if (bySample !== undefined && axes.includes('samples') !== bySample) continue;
    for (const tail of tails) {
      const found = [...axes, ...names, ...tail];
      const fixed = [...sizes, ...space];
      if (found.length === shape.length && sameShape(shape.slice(0, fixed.length), fixed)) return found;
    }
  }
  return undefined;
}
