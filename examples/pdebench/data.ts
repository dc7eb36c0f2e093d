/** Made-up fields in the layout of PDEBench's files, to try its settings without its downloads. They solve no equation: sums of waves that move. */
import { File, ready } from 'h5wasm/node';
import { type Random, randomFor } from '../../shared/core/random.ts';

/** What of a file is made up: its arrays, and how many space axes and time steps they have. */
const layouts = {
  '1D_CFD': { variables: ['density', 'pressure', 'Vx'], dimensions: 1, times: 101 },
  '2D_CFD': { variables: ['density', 'pressure', 'Vx', 'Vy'], dimensions: 2, times: 21 },
  '2D_DarcyFlow': { variables: ['nu', 'tensor'], dimensions: 2, times: 1 },
} as const;
export type Kind = keyof typeof layouts;
export const kinds = Object.keys(layouts) as Kind[];

/** Sizes of a file. */
interface Sizes {
  readonly samples: number;
  /** Along each space axis. */
  readonly points: number;
  readonly seed: number;
}

/** Waves of a field, added up. */
const waves = 4;

/** A smooth periodic field at a point (each coordinate from 0 to 1) and a time. */
function drawField(random: Random, dimensions: number): (point: readonly number[], time: number) => number {
  const drawn = Array.from({ length: waves }, () => ({
    turns: Array.from({ length: dimensions }, () => Math.floor(3 * random.uniform()) + 1),
    phase: random.uniform(),
    speed: 2 * random.uniform() - 1,
    height: random.normal() / waves,
  }));
  return (point, time) =>
    drawn.reduce((sum, { turns, phase, speed, height }) => {
      const place = point.reduce((all, along, axis) => all + turns[axis]! * along, phase + speed * time);
      return sum + height * Math.sin(2 * Math.PI * place);
    }, 2);
}

/**
 * Writes a file of a kind: its arrays `[samples, times, x]` or `[samples, times, x, y]` with coordinates; of Darcy flow `nu` `[samples, x, y]`,
 * of two values, and `tensor` `[samples, 1, x, y]`, smooth where `nu` is not. Sample n depends on the seed and n alone.
 */
export async function writeMadeUp(path: string, kind: Kind, { samples, points, seed }: Sizes): Promise<void> {
  const { variables, dimensions, times } = layouts[kind];
  const space = Array.from({ length: dimensions }, () => points);
  const cells = points ** dimensions;
  const placeOf = (cell: number) =>
    space.map((_, axis) => (Math.floor(cell / points ** (dimensions - 1 - axis)) % points) / points);
  const isMap = kind === '2D_DarcyFlow';
  await ready;
  const file = new File(path, 'w');
  try {
    for (const variable of variables) {
      const values = new Float32Array(samples * times * cells);
      for (let sample = 0; sample < samples; sample++) {
        // Both fields of Darcy flow are of one draw.
        const field = drawField(randomFor(seed, 'made-up', isMap ? kind : variable, sample), dimensions);
        for (let time = 0; time < times; time++) {
          for (let cell = 0; cell < cells; cell++) {
            const value = field(placeOf(cell), time / times);
            const at = (sample * times + time) * cells + cell;
            values[at] = variable === 'nu' ? (value > 2 ? 1 : 0.1) : value;
          }
        }
      }
      const shape = variable === 'nu' ? [samples, ...space] : [samples, times, ...space];
      file.create_dataset({ name: variable, data: values, shape });
    }
    const along = Float32Array.from({ length: points }, (_, index) => (index + 0.5) / points);
    for (const axis of ['x', 'y'].slice(0, dimensions)) {
      file.create_dataset({ name: `${axis}-coordinate`, data: along });
    }
    const steps = Float32Array.from({ length: times + 1 }, (_, step) => step / times);
    if (!isMap) file.create_dataset({ name: 't-coordinate', data: steps });
  } finally {
    file.close();
  }
}
