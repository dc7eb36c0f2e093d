import type { Trajectories } from '../../datasets/trajectories.ts';

/** The time steps from `first` on, `[samples, ...space, time - first, channels]`, row-major. */
export function framesAfter({ shape, values }: Trajectories, first: number): Float32Array {
  const [times, channels] = shape.slice(-2) as [number, number];
  const points = values.length / (times * channels);
  const kept = (times - first) * channels;
  const frames = new Float32Array(points * kept);
  for (let point = 0; point < points; point++) {
    const end = (point + 1) * times * channels;
    frames.set(values.subarray(end - kept, end), point * kept);
  }
  return frames;
}
