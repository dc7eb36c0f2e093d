/** Fields that a trained model predicts from: a file like the one it was trained on, with the true fields of later times or without. */
import { UserError } from '../core/errors.ts';
import type { ArrayFile, AxisRange } from './arrays/array-file.ts';
import type { RecordedAxis } from './coordinates.ts';
import { type DataPath, eachPath, pathInWords } from './data-path.ts';
import { spaceNames } from './field-axes.ts';
import { type FieldLayout, findFields, findInputs } from './field-layout.ts';
import type { FieldSettings } from './field-settings.ts';
import { type OpenedFields, openFiles, samplesIn, spaceRanges } from './open-fields.ts';
import { type FieldDatasetConfig, fieldFormatOf } from './registry.ts';
import { rowsIn } from './row-ranges.ts';
import type { Trajectories } from './trajectories.ts';

/** The fields that a model was trained on: channels, grid and sizes. */
export interface TrainedFields {
  /** Points along each space axis. */
  readonly space: readonly number[];
  /** Absent: an earlier version noted none. */
  readonly coordinates?: readonly RecordedAxis[] | undefined;
  readonly channels: readonly string[];
  readonly statics: readonly string[];
  /** Time steps that are given; 0: a static map. */
  readonly window: number;
}

/** Samples to predict from. */
export interface FieldsToPredict {
  /** With the true time steps after the window that there are, and that are asked for. Nothing of them is read yet. */
  readonly data: Trajectories;
  /** True time steps after the window in the file, whether they are asked for or not. */
  readonly truthSteps: number;
  /** Rows in the file. */
  readonly total: number;
  /** Sentences about assumptions that were made. */
  readonly notes: readonly string[];
}

/**
 * Opens files to predict from, by the settings of a run: its axes, channels, inputs and strides along space and time. What the settings say
 * of rows and of the length of a roll-out has no part in it.
 * @param options.rows such as `0-99`; absent: all
 * @param options.steps time steps that are to be predicted; absent: as many as there are true ones
 * @param options.anyResolution whether the model takes finer and coarser grids
 * @throws UserError when the files can't be read, or the model can't take what is in them, with what both have.
 */
export async function openFieldsToPredict(
  config: FieldDatasetConfig,
  path: DataPath,
  trained: TrainedFields,
  options: { readonly rows?: string | undefined; readonly steps?: number | undefined; readonly anyResolution: boolean },
): Promise<FieldsToPredict> {
  const { window } = trained;
  const settings = { ...config, window, ...inputsOf(config, trained) };
  const find = (file: ArrayFile) => findKnown(file, settings, trained);
  const source = await openFiles(fieldFormatOf(config), settings, eachPath(path), find);
  const file = source.files[0]!;
  const renamed = fieldNotes(source, trained);
  const { time, truthSteps } = timeRange(source, settings, window, options.steps);
  const space = spaceRanges(file, config);
  const rows = rowsOf(options.rows, source.rows, pathInWords(path));
  const data = samplesIn(source, rows, { time, space });
  // What follows in these notes is for a run file.
  const assumed = (data.notes ?? []).map((note) => note.replace(/\. If it is not so, say it.*$/s, ''));
  const notes = [...assumed, ...renamed, ...gridNotes(source.where, data, trained, options.anyResolution)];
  return { data: { ...data, channels: trained.channels }, truthSteps, total: source.rows, notes };
}

/** The names of what is given, which a run may have found by itself; none where it was trained without. */
function inputsOf({ inputs }: FieldSettings, { statics }: TrainedFields): { inputs: string[] } {
  return { inputs: statics.length === 0 ? [] : (inputs ?? [...statics]) };
}

/** The name of the array that a channel comes from. */
const arrayOf = (channel: string) => channel.replace(/\.\d+$/, '');

/** The fields of a file; of a static map, what it is given, where that is all there is. */
function findKnown(file: ArrayFile, settings: FieldSettings, trained: TrainedFields): Promise<FieldLayout> {
  const names = file.names();
  const { channels, statics, window, space } = trained;
  const predicted = settings.channels ?? (settings.key === undefined ? channels.map(arrayOf) : [settings.key]);
  const isThere = (name: string) => names.some((each) => each === name || each.endsWith(`/${name}`));
  const likely = ([first]: readonly string[]) => ({ dimensions: space.length, channels: arrayOf(first!) !== first });
  if (window > 0 || predicted.some(isThere)) return findFields(file, settings, likely(channels));
  return findInputs(file, settings, channels, likely(statics));
}

/**
 * Compares the fields with those of the run.
 * @returns what is assumed where a lone array has another name.
 * @throws UserError when there are others.
 */
function fieldNotes({ layout, where }: OpenedFields, { channels, statics }: TrainedFields): string[] {
  const differs = (found: readonly string[], wanted: readonly string[]) => found.join('\n') !== wanted.join('\n');
  const [only] = layout.channels;
  const isLone = layout.channels.length === 1 && channels.length === 1;
  const refused = (what: string, found: readonly string[], wanted: readonly string[], remedy: string) =>
    new UserError(
      `has the ${what} ${found.join(', ') || 'none'} (${found.length}), and the run's model takes ${wanted.join(', ') || 'none'} (${wanted.length})`,
      { where, remedy },
    );
  if (differs(layout.channels, channels) && !isLone) {
    throw refused('channels', layout.channels, channels, 'Give a file with the fields that the run was trained on.');
  }
  if (differs(layout.statics, statics)) {
    throw refused('inputs', layout.statics, statics, "Give a file with the inputs of the run's `dataset.inputs`.");
  }
  return only === channels[0] || !isLone ? [] : [`the file's ${only} is taken for ${channels[0]}`];
}

/** The window, and the true steps that are asked for. @throws UserError when there are too few for the window. */
function timeRange(
  { layout, where }: OpenedFields,
  { subsample }: FieldSettings,
  window: number,
  steps: number | undefined,
): { time: AxisRange; truthSteps: number } {
  const every = subsample.time > 1 ? ` (every ${subsample.time} of ${layout.time})` : '';
  const available = Math.ceil(layout.time / subsample.time);
  if (window === 0 && available > 1) {
    throw new UserError(`has ${available} time steps${every}, and the run's model is a static map to fields of one`, {
      where,
      remedy: 'Give a file with one time step, or none.',
    });
  }
  if (available < window) {
    throw new UserError(
      `has ${available} time step${available === 1 ? '' : 's'}${every}, too few for the window of ${window} that the run's model is given`,
      { where, remedy: `Give a file with ${window} time steps or more.` },
    );
  }
  const truthSteps = available - window;
  const count = window + Math.min(truthSteps, steps ?? truthSteps);
  return { time: { start: 0, count, stride: subsample.time }, truthSteps };
}

function rowsOf(text: string | undefined, total: number, path: string): number[] {
  return rowsIn(text ?? `0-${total - 1}`, total, `--rows of ${path}`);
}

/**
 * Compares the grid with that of the run.
 * @returns what is assumed.
 * @throws UserError when it is another one, and not just a finer or coarser one that the model takes.
 */
function gridNotes(
  where: string,
  { grid, axes }: Trajectories,
  trained: TrainedFields,
  anyResolution: boolean,
): string[] {
  const space = grid.shape.slice(0, -1);
  const told = (points: readonly number[]) => `${points.join(' x ')} points`;
  const isSame = space.join() === trained.space.join();
  const extents = axes!.map(({ values }): Extent => [values[0]!, values.at(-1)!]);
  const known = trained.coordinates?.map(({ from, to }): Extent => [Math.fround(from), Math.fround(to)]);
  const apart =
    known && space.length === trained.space.length
      ? otherAxis({ space, extents }, { space: trained.space, extents: known })
      : -1;
  if (!isSame && (!anyResolution || !known || space.length !== trained.space.length)) {
    const unchecked = anyResolution && space.length === trained.space.length;
    throw new UserError(`has a grid of ${told(space)}, and the run's model takes ${told(trained.space)}`, {
      where,
      remedy: unchecked
        ? 'Give a file of that grid: the run has no coordinates on record, by which another resolution could be checked.'
        : "Give a file of that grid, as it is after the run's `dataset.subsample.space`.",
    });
  }
  if (apart >= 0) {
    const words = ([first, last]: Extent) => `from ${shown(first)} to ${shown(last)}`;
    throw new UserError(
      `its ${spaceNames[apart]} coordinates go ${words(extents[apart]!)}, and those of the run ${words(known![apart]!)}`,
      { where, remedy: 'Give fields on the domain that the run was trained on.' },
    );
  }
  if (isSame) {
    const isMoved = extents.some((extent, axis) => known && extent.join() !== known[axis]!.join());
    return isMoved
      ? ['the coordinates are not quite those of the training data: the model is given them with their own']
      : [];
  }
  return [
    `the grid has ${told(space)}, and the run was trained on ${told(trained.space)}: the model computes on another resolution than it has learnt`,
  ];
}

const shown = (coordinate: number) => String(Number(coordinate.toPrecision(6)));

/** The first and the last coordinate along an axis. */
type Extent = readonly [first: number, last: number];

interface Domain {
  /** Points along each axis. */
  readonly space: readonly number[];
  readonly extents: readonly Extent[];
}

/** The first axis whose coordinates begin or end elsewhere, by more than the spacing of the coarser grid; -1: none does. */
function otherAxis(found: Domain, trained: Domain): number {
  const spacing = ([first, last]: Extent, points: number) => Math.abs(last - first) / Math.max(1, points - 1);
  return found.extents.findIndex((extent, axis) => {
    const other = trained.extents[axis]!;
    const allowed = 1.001 * Math.max(spacing(extent, found.space[axis]!), spacing(other, trained.space[axis]!));
    return extent.some((end, at) => Math.abs(end - other[at]!) > allowed);
  });
}
