import type { Trajectories } from '../../shared/datasets/trajectories.ts';
import { timeSteps } from '../../shared/training/batches.ts';

/** Cuts every trajectory into pieces of `length` time steps that start `every` steps apart; each piece is a sample. */
export function segments(data: Trajectories, length: number, every: number): Trajectories {
  const [samples, ...others] = data.shape as [number, ...number[]];
  const [times, channels] = others.slice(-2) as [number, number];
  const starts = Array.from({ length: Math.floor((times - length) / every) + 1 }, (_, index) => index * every);
  const shape = [samples * starts.length, ...others.slice(0, -2), length, channels];
  const piece = async (index: number) => {
    const { values } = await data.read([Math.floor(index / starts.length)]);
    return timeSteps({ shape: [1, ...others], data: values }, starts[index % starts.length]!, length).data;
  };
  return {
    ...data,
    shape,
    rows: data.rows.flatMap((row) => starts.map(() => row)),
    async read(indices) {
      const pieces = await Promise.all(indices.map(piece));
      const values = new Float32Array(pieces.reduce((sum, { length: size }) => sum + size, 0));
      for (const [at, each] of pieces.entries()) values.set(each, at * each.length);
      return { values, statics: new Float32Array(0) };
    },
  };
}
