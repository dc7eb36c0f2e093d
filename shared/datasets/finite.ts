import { BrokenInputError } from '../core/errors.ts';
import { type FieldValues, sampleSizes, type Trajectories } from './trajectories.ts';

const shown = 3;

/** Steps in the source file between neighbours kept, for messages that name places in the file. */
export interface KeptStrides {
  readonly time: number;
  /** Along each space axis. */
  readonly space: readonly number[];
}

/** Looks for NaN and infinite values in samples that it is shown one by one. */
export interface FiniteCheck {
  look(sample: number, fields: FieldValues): void;
  /** @throws UserError with the number of NaN or infinite values and the places of the first few in the source file. */
  refuse(where: string): void;
}

export function beginFiniteCheck(data: Trajectories, strides: KeptStrides): FiniteCheck {
  const places: string[] = [];
  let count = 0;
  const lookAt = (fields: Float32Array, placeOf: (index: number) => string) => {
    for (let index = 0; index < fields.length; index++) {
      if (Number.isFinite(fields[index])) continue;
      count++;
      if (places.length < shown) places.push(`  ${placeOf(index)}: ${fields[index]}`);
    }
  };
  return {
    look(sample, { values, statics }) {
      const row = `sample row ${data.rows[sample]}`;
      lookAt(values, (index) => `${row}, ${placeOf(data, index, strides)}`);
      lookAt(statics, (index) => `${row}, ${staticPlaceOf(data, index, strides)}`);
    },
    refuse(where) {
      if (count === 0) return;
      const { values, statics } = sampleSizes(data);
      const more = count > places.length ? `\n  and ${count - places.length} more` : '';
      const all = data.shape[0]! * (values + statics);
      throw new BrokenInputError(`${count} of the ${all} values read are not finite:\n${places.join('\n')}${more}`, {
        where,
        remedy: 'Remove or repair those samples: a solver that blew up is the usual cause.',
      });
    },
  };
}

function placeOf(data: Trajectories, index: number, strides: KeptStrides): string {
  const indices = indicesOf(index, data.shape.slice(1));
  const [time, channel] = indices.slice(-2);
  const space = positions(indices.slice(0, -2), strides);
  return `time step ${time! * strides.time}, ${space}, channel ${data.channels[channel!]}`;
}

function staticPlaceOf(data: Trajectories, index: number, strides: KeptStrides): string {
  const names = data.statics ?? [];
  const indices = indicesOf(index, [...data.shape.slice(1, -2), names.length]);
  return `${positions(indices.slice(0, -1), strides)}, input ${names[indices.at(-1)!]}`;
}

const positions = (indices: readonly number[], { space }: KeptStrides) =>
  `position [${indices.map((index, axis) => index * space[axis]!).join(', ')}]`;

/** Indices along each axis of a row-major place. */
function indicesOf(place: number, sizes: readonly number[]): number[] {
  const indices: number[] = [];
  let rest = place;
  for (const size of sizes.toReversed()) {
    indices.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return indices;
}
