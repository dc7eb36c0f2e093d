/** Makes the record of predicted fields while batches of predictions pass by; only what it may show is kept of them. */
import { spaceNames } from '../../datasets/field-axes.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';
import { elementCount } from '../../tensors/tensor.ts';
import { chooseSamples } from './choose-samples.ts';
import { byMeasure, errorsOfSample, measures, rounded, sumErrors } from './errors.ts';
import { frameForm, mapSide } from './frames.ts';
import { packValues } from './packed-values.ts';
import type { PredictedFields, PredictedSample } from './record.ts';

/** Channels that are shown at most. */
const mostChannels = 4;
/** Samples, and time steps of each, that are shown at most. */
const [mostSamples, mostFrames] = [3, 3];
/** Values of all frames together, 200 kB of JSON: maps of several channels are coarser for it. */
const usualValues = 2 * mostSamples * mostFrames * mapSide ** 2;
/** Steps whose errors are kept at most. */
const mostSteps = 100;

/** Samples and what was predicted of them. */
export interface RecordedBatch {
  /** Row of each sample in the source file. */
  readonly rows: readonly number[];
  /** `[samples, ...space, steps, channels]` */
  readonly predicted: Float32Array;
  /** As `predicted`; absent where it is not known. In all batches, or in none. */
  readonly target?: Float32Array | undefined;
}

/** A record on its way: batches are added one by one. */
export interface FieldRecorder {
  add(batch: RecordedBatch): void;
  /** The record of all that was added: at least one sample. */
  record(): PredictedFields;
}

/** Positions 0 to `count` - 1, or `most` of them, evenly spread, with the first and the last. */
const spread = (count: number, most: number): number[] =>
  count <= most
    ? [...Array(count).keys()]
    : Array.from({ length: most }, (_, index) => Math.floor((index * (count - 1)) / (most - 1)));

/**
 * Begins a record. It shows the samples of the smallest, the median and the largest error (the first three where nothing is known to be true), at the
 * first, the middle and the last step.
 * @param data of what will be added; how many samples and time steps its shape names does not matter
 * @param options.window time steps that the model is given
 * @param options.steps time steps that it predicts
 * @param options.mostValues that are kept of all frames together, in 8/3 bytes each
 */
export function recordFields(
  data: Pick<Trajectories, 'shape' | 'grid' | 'channels'>,
  options: { readonly window: number; readonly steps: number; readonly mostValues?: number },
): FieldRecorder {
  const { window, steps, mostValues = usualValues } = options;
  const space = data.shape.slice(1, -2);
  const points = elementCount(space);
  const channelCount = data.channels.length;
  const channels = data.channels.slice(0, mostChannels);
  const size = steps * channelCount;
  const shownSteps = spread(steps, mostFrames);
  const form = frameForm(space, mostValues / (2 * mostSamples * shownSteps.length * channels.length));
  const sums = byMeasure(() => sumErrors(steps, channelCount));
  const choice = chooseSamples(measures);
  const first: PredictedSample[] = [];
  let [samples, isKnown, hasBlankTarget] = [0, false, false];

  const framesOf = ({ predicted, target }: RecordedBatch, sample: number): PredictedSample['frames'] =>
    channels.flatMap((_, channel) =>
      shownSteps.map((step) => {
        const at = { first: sample * points * size + step * channelCount + channel, stride: size };
        const truth = target ? { true: packValues(form.of(target, at)) } : {};
        return { channel, step: step + 1, predicted: packValues(form.of(predicted, at)), ...truth };
      }),
    );
  const measureOf = () => (hasBlankTarget ? 'RMSE' : 'nRMSE');
  const errorsBySteps = (): PredictedFields['errors'] => {
    const kept = spread(steps, mostSteps);
    return {
      steps: kept.map((step) => step + 1),
      ...byMeasure((measure) => sums[measure].bySteps(kept)),
      byChannel: channels.map((_, channel) => byMeasure((measure) => sums[measure].ofChannel(channel, kept))),
      chosenBy: measureOf(),
    };
  };

  return {
    add(batch) {
      const { rows, predicted, target } = batch;
      for (const [sample, row] of rows.entries()) {
        const position = samples++;
        if (!target) {
          if (position < mostSamples) first.push({ row, choice: 'first', frames: framesOf(batch, sample) });
          continue;
        }
        isKnown = true;
        const own = (fields: Float32Array) => fields.subarray(sample * points * size, (sample + 1) * points * size);
        const found = errorsOfSample(own(predicted), own(target), { points, size });
        hasBlankTarget ||= found.hasBlankTarget;
        const errors = byMeasure((measure) => sums[measure].add(found[measure]));
        choice.add(errors, () => ({ position, row, errors, frames: framesOf(batch, sample) }));
      }
    },
    record() {
      const measure = measureOf();
      const chosen = choice.chosen(measure, sums[measure].ofSamples).map(({ row, choice, errors, frames }) => ({
        row,
        choice,
        ...byMeasure((name) => rounded(errors[name])),
        frames,
      }));
      return {
        version: 1,
        samples,
        channels,
        channelCount,
        window,
        steps,
        axes: axesOf(data.grid, space),
        drawn: form.drawn,
        block: form.block,
        ...(form.slice === undefined ? {} : { slice: form.slice }),
        ...(isKnown ? { errors: errorsBySteps() } : {}),
        shown: isKnown ? chosen : first,
      };
    },
  };
}

/** Names of the axes, and where they begin and end. */
function axesOf({ values }: Trajectories['grid'], space: readonly number[]): PredictedFields['axes'] {
  const last = values.length - space.length;
  return space.map((points, axis) => ({
    name: spaceNames[axis]!,
    points,
    from: rounded(values[axis]!) ?? 0,
    to: rounded(values[last + axis]!) ?? 0,
  }));
}
