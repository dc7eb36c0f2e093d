import { createHash } from 'node:crypto';
import { elementCount } from '../tensors/tensor.ts';
import { eachSample, type FieldValues, type SampleSummary, type Trajectories } from './trajectories.ts';

/** The summaries of all samples: those that came with the data, or from one pass over them. */
export const summariesOf = async (data: Trajectories): Promise<readonly SampleSummary[]> =>
  data.summaries ?? summarise(data);

/**
 * Reads all samples once, a few at a time.
 * @param look is shown each besides.
 */
export async function summarise(
  data: Trajectories,
  look: (sample: number, fields: FieldValues) => void = () => {},
): Promise<SampleSummary[]> {
  const [time, channels] = data.shape.slice(-2) as [number, number];
  const points = elementCount(data.shape.slice(1, -2));
  const isFilled = new Uint8Array(time * channels);
  const changes = new Uint8Array(channels);
  const summaries: SampleSummary[] = [];
  await eachSample(data, (sample, fields) => {
    const { values, statics } = fields;
    look(sample, fields);
    isFilled.fill(0);
    changes.fill(0);
    for (let point = 0, at = 0; point < points; point++) {
      for (let frame = 0; frame < time * channels; frame += channels) {
        for (let channel = 0; channel < channels; channel++, at++) {
          const value = values[at]!;
          if (value !== 0) isFilled[frame + channel] = 1;
          if (value !== values[channel]) changes[channel] = 1;
        }
      }
    }
    const zeroSteps = Array.from({ length: channels }, (_, channel) => {
      const steps: number[] = [];
      for (let step = 0; step < time; step++) if (isFilled[step * channels + channel] === 0) steps.push(step);
      return steps;
    });
    summaries.push({
      digest: createHash('sha1').update(values).update(statics).digest('base64'),
      zeroSteps,
      constants: Array.from(changes, (changed, channel) => (changed ? undefined : values[channel]!)),
    });
  });
  return summaries;
}
