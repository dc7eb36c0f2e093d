/** What generators of fields on a line have in common: options, coordinates, and the file they write. */
import { File, ready } from 'h5wasm/node';
import { UserError } from '../shared/core/errors.ts';
import { positiveNumber, wholeNumber } from './script.ts';

/** How many fields are made, and where and when they are looked at. */
export interface FieldGrid {
  readonly samples: number;
  readonly seed: number;
  /** Points kept, at the centres of as many equal cells of [0, 1). */
  readonly points: number;
  /** Times kept, evenly spaced over [0, duration]. */
  readonly times: number;
  readonly duration: number;
}

/** The options of a generator's command line that every one has. */
export const gridOptions = (duration: string) =>
  ({
    samples: { type: 'string', default: '64' },
    seed: { type: 'string', default: '1' },
    points: { type: 'string', default: '64' },
    times: { type: 'string', default: '41' },
    duration: { type: 'string', default: duration },
    out: { type: 'string' },
  }) as const;

/** What these options do, for a script's usage. */
export const gridUsage = (duration: string) => `  --samples   trajectories                   (64)
  --seed      decides the initial conditions (1)
  --points    grid points kept               (64)
  --times     times kept                     (41)
  --duration  of each trajectory             (${duration})
  --out       the HDF5 file to write
`;

/** The grid and the file that a command line asks for. @throws UserError when a value does not fit. */
export function readGrid(
  values: Readonly<Record<Exclude<keyof FieldGrid, 'out'>, string>> & { readonly out?: string },
): {
  grid: FieldGrid;
  out: string;
} {
  const { out } = values;
  if (out === undefined) throw new UserError('is missing', { where: '--out', remedy: 'Name the HDF5 file to write.' });
  const grid = {
    samples: wholeNumber(values.samples, '--samples'),
    seed: wholeNumber(values.seed, '--seed', 0),
    points: wholeNumber(values.points, '--points'),
    times: wholeNumber(values.times, '--times', 2),
    duration: positiveNumber(values.duration, '--duration'),
  };
  return { grid, out };
}

/** Time between two kept states. */
export const intervalOf = ({ duration, times }: FieldGrid): number => duration / (times - 1);

/** Centres of the cells, `[points]`. */
export const pointsOf = ({ points }: FieldGrid): Float32Array =>
  Float32Array.from({ length: points }, (_, point) => (point + 0.5) / points);

/** The times, `[times]`. */
export const timesOf = (grid: FieldGrid): Float32Array =>
  Float32Array.from({ length: grid.times }, (_, time) => time * intervalOf(grid));

/**
 * Writes PDEBench's layout: each of `arrays` [samples, times, points], `x-coordinate` and `t-coordinate`, and the attributes.
 */
export async function writeFields(
  path: string,
  grid: FieldGrid,
  arrays: Readonly<Record<string, Float32Array>>,
  attributes: Readonly<Record<string, number | string>>,
): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  try {
    for (const [name, data] of Object.entries(arrays)) {
      file.create_dataset({ name, data, shape: [grid.samples, grid.times, grid.points] });
    }
    file.create_dataset({ name: 'x-coordinate', data: pointsOf(grid) });
    file.create_dataset({ name: 't-coordinate', data: timesOf(grid) });
    for (const [name, value] of Object.entries({ ...attributes, seed: grid.seed })) file.create_attribute(name, value);
  } finally {
    file.close();
  }
}
