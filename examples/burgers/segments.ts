import type { Trajectories } from '../../shared/datasets/trajectories.ts';

/** Cuts every trajectory into pieces of `length` time steps that start `every` steps apart; each piece is a sample. */
export function segments(data: Trajectories, length: number, every: number): Trajectories {
  const [samples, ...others] = data.shape as [number, ...number[]];
  const [times, channels] = others.slice(-2) as [number, number];
  const points = data.values.length / (samples * times * channels);
  const starts = Array.from({ length: Math.floor((times - length) / every) + 1 }, (_, index) => index * every);
  const values = new Float32Array(samples * starts.length * points * length * channels);
  let written = 0;
  for (let sample = 0; sample < samples; sample++) {
    for (const start of starts) {
      for (let point = 0; point < points; point++) {
        const from = ((sample * points + point) * times + start) * channels;
        values.set(data.values.subarray(from, from + length * channels), written);
        written += length * channels;
      }
    }
  }
  return {
    ...data,
    shape: [samples * starts.length, ...others.slice(0, -2), length, channels],
    values,
    rows: data.rows.flatMap((row) => starts.map(() => row)),
  };
}
