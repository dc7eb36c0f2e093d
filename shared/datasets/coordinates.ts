/** Where the points and time steps of fields lie: along each axis, as a run has it on record. */
import type { Trajectories } from './trajectories.ts';

/** A space axis on record. */
export interface RecordedAxis {
  /** x, y or z. */
  readonly axis: string;
  readonly points: number;
  /** Whether the file has coordinates; else they are the middles of so many equal parts of 0 to 1. */
  readonly inFile: boolean;
  readonly from: number;
  readonly to: number;
  /** Of every point, in float32; absent: there are more than are kept. */
  readonly values?: readonly number[];
}

/** The grid's coordinates as a run records them; absent: they are not known. */
export interface RecordedGrid {
  /** Space axes, in order; the grid is their product. */
  readonly coordinates?: readonly RecordedAxis[];
  /** Times of the steps that are read, in the file's units. */
  readonly times?: readonly number[];
}

/** Coordinates along one axis that are kept: about 200 KB of JSON. */
const mostKept = 2 ** 14;

/** The record of the grid that data lie on. */
export function recordGrid({ axes, times }: Pick<Trajectories, 'axes' | 'times'>): RecordedGrid {
  return {
    ...(axes ? { coordinates: axes.map(recorded) } : {}),
    ...(times && times.length <= mostKept ? { times: Array.from(times, shortest) } : {}),
  };
}

function recorded({ name, values, inFile }: NonNullable<Trajectories['axes']>[number]): RecordedAxis {
  return {
    axis: name,
    points: values.length,
    inFile,
    from: shortest(values[0]!),
    to: shortest(values.at(-1)!),
    ...(values.length <= mostKept ? { values: Array.from(values, shortest) } : {}),
  };
}

/** The number with the fewest digits that is the same in float32. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return Number(value.toPrecision(9));
}

/** What is known of data, with the grid in words instead of lists of numbers. */
export function gridInWords(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { coordinates, times, ...others } = data as RecordedGrid & Record<string, unknown>;
  return {
    ...others,
    ...(coordinates ? { coordinates: coordinates.map(axisInWords).join('; ') } : {}),
    ...(times ? { times: listInWords(times) } : {}),
  };
}

function axisInWords({ axis, points, inFile, from, to, values }: RecordedAxis): string {
  const along = values ? listInWords(values) : `${points} from ${short(from)} to ${short(to)}`;
  return `${axis}: ${along}${inFile ? '' : ' (the file has none)'}`;
}

const short = (value: number) => String(Number(value.toPrecision(6)));

/** How far a step may be from the mean step, in parts of it, in numbers of float32. */
const evenWithin = 1e-3;

function listInWords(values: readonly number[]): string {
  const [first, last] = [values[0]!, values.at(-1)!];
  if (values.length === 1) return `1 at ${short(first)}`;
  const step = (last - first) / (values.length - 1);
  const isEven = values.every((value, at) => Math.abs(value - first - at * step) <= evenWithin * Math.abs(step));
  return `${values.length} from ${short(first)} to ${short(last)}, ${isEven ? `${short(step)} apart` : 'unevenly spaced'}`;
}
