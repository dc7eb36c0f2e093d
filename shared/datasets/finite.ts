import { BrokenInputError } from '../core/errors.ts';
import type { Trajectories } from './trajectories.ts';

const shown = 3;

/** Steps in the source file between neighbours kept, for messages that name places in the file. */
interface KeptStrides {
  readonly time: number;
  readonly space: number;
}

/** @throws UserError with the number of NaN or infinite values and the places of the first few in the source file. */
export function refuseNonFinite(where: string, data: Trajectories, strides: KeptStrides): void {
  const bad: number[] = [];
  let count = 0;
  for (let index = 0; index < data.values.length; index++) {
    if (Number.isFinite(data.values[index])) continue;
    count++;
    if (bad.length < shown) bad.push(index);
  }
  if (count === 0) return;
  const places = bad.map((index) => `  ${placeOf(data, index, strides)}`).join('\n');
  const more = count > bad.length ? `\n  and ${count - bad.length} more` : '';
  throw new BrokenInputError(`${count} of the ${data.values.length} values read are not finite:\n${places}${more}`, {
    where,
    remedy: 'Remove or repair those samples: a solver that blew up is the usual cause.',
  });
}

function placeOf(data: Trajectories, index: number, strides: KeptStrides): string {
  const indices: number[] = [];
  let rest = index;
  for (const size of data.shape.toReversed()) {
    indices.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  const [sample, ...others] = indices;
  const [time, channel] = others.slice(-2);
  const space = others.slice(0, -2).map((position) => position * strides.space);
  return `sample row ${data.rows[sample!]}, time step ${time! * strides.time}, position [${space.join(', ')}], channel ${data.channels[channel!]}: ${data.values[index]}`;
}
