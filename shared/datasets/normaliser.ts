/** Fields by a scale of their own for each channel, fitted on the samples that are trained on. */
import { eachSample, type Trajectories } from './trajectories.ts';

/** How channels are normalised: to mean 0 and deviation 1, or to 0 for the least value and 1 for the largest. */
export const normaliserKinds = ['unitGaussian', 'minMax'] as const;
export type NormaliserKind = (typeof normaliserKinds)[number];

/** A normalised value is (value - shift) / scale; one number of each for each field, in order. */
export interface FieldScales {
  readonly shift: readonly number[];
  readonly scale: readonly number[];
}

/** Scales of what is predicted, and of what is given and doesn't change with time. */
export interface Normaliser {
  readonly kind: NormaliserKind;
  readonly channels: FieldScales;
  readonly statics: FieldScales;
}

/** The statistics of each field's values, in float64. */
interface Spread {
  count: number;
  mean: number;
  /** Sum of squared differences from the mean. */
  squares: number;
  least: number;
  largest: number;
}

const nothingYet = (): Spread => ({
  count: 0,
  mean: 0,
  squares: 0,
  least: Number.POSITIVE_INFINITY,
  largest: Number.NEGATIVE_INFINITY,
});

/** Adds every `fields`-th value to what is known of a field. Source of the merge: Chan, Golub and LeVeque (1979). */
function addTo(known: Spread, values: Float32Array, field: number, fields: number): void {
  const count = values.length / fields;
  let sum = 0;
  for (let index = field; index < values.length; index += fields) {
    const value = values[index]!;
    sum += value;
    if (value < known.least) known.least = value;
    if (value > known.largest) known.largest = value;
  }
  const mean = sum / count;
  let squares = 0;
  for (let index = field; index < values.length; index += fields) squares += (values[index]! - mean) ** 2;
  const total = known.count + count;
  const apart = mean - known.mean;
  known.mean += (apart * count) / total;
  known.squares += squares + (apart ** 2 * known.count * count) / total;
  known.count = total;
}

/** The scales of some fields; a field that never changes keeps the scale 1. */
function scalesOf(kind: NormaliserKind, spreads: readonly Spread[]): FieldScales {
  const shift = spreads.map(({ mean, least }) => (kind === 'minMax' ? least : mean));
  const scale = spreads.map(({ count, squares, least, largest }) => {
    if (largest === least) return 1;
    return kind === 'minMax' ? largest - least : Math.sqrt(squares / count);
  });
  return { shift, scale };
}

/**
 * Fits the scales of all fields on these samples, a few at a time, in float64. The deviation is that of all values (divided by their number).
 * @returns with the names of the fields that never change
 */
export async function fitNormaliser(
  kind: NormaliserKind,
  data: Trajectories,
): Promise<{ readonly normaliser: Normaliser; readonly constant: readonly string[] }> {
  const channels = data.channels.map(nothingYet);
  const statics = (data.statics ?? []).map(nothingYet);
  await eachSample(data, (_, fields) => {
    for (const [index, known] of channels.entries()) addTo(known, fields.values, index, channels.length);
    for (const [index, known] of statics.entries()) addTo(known, fields.statics, index, statics.length);
  });
  const names = [...data.channels, ...(data.statics ?? [])];
  const constant = [...channels, ...statics].flatMap(({ least, largest }, index) =>
    least === largest ? [names[index]!] : [],
  );
  return {
    normaliser: { kind, channels: scalesOf(kind, channels), statics: scalesOf(kind, statics) },
    constant,
  };
}

/** The same samples, normalised as they are read. */
export function normalised(data: Trajectories, { channels, statics }: Normaliser): Trajectories {
  const { summaries: _, ...others } = data;
  return {
    ...others,
    async read(samples) {
      const fields = await data.read(samples);
      return { values: scaled(fields.values, channels), statics: scaled(fields.statics, statics) };
    },
  };
}

/** Values of which the fields are the last axis, normalised in place. */
function scaled(values: Float32Array, { shift, scale }: FieldScales): Float32Array {
  const fields = shift.length;
  for (let index = 0; index < values.length; index++) {
    const field = index % fields;
    values[index] = (values[index]! - shift[field]!) / scale[field]!;
  }
  return values;
}
