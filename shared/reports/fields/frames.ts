import { unpackValues } from '../../training/predicted/packed-values.ts';
import type { PredictedFields, PredictedSample } from '../../training/predicted/record.ts';

/** A channel of a sample at a time step, as it is drawn; NaN where a value is not finite. */
export interface DrawnFrame {
  /** The step of the roll-out, from 1. */
  readonly step: number;
  readonly predicted: Float64Array;
  /** Absent where it is not known, and then so is the error. */
  readonly truth?: Float64Array;
  /** Predicted minus true. */
  readonly error?: Float64Array;
}

/** The frames of a channel of a sample, by time. */
export function framesOf({ frames }: PredictedSample, channel: number): DrawnFrame[] {
  return frames
    .filter((frame) => frame.channel === channel)
    .map((frame) => {
      const predicted = unpackValues(frame.predicted);
      if (!frame.true) return { step: frame.step, predicted };
      const truth = unpackValues(frame.true);
      return { step: frame.step, predicted, truth, error: predicted.map((value, place) => value - truth[place]!) };
    });
}

/** `step 3 of 20`; empty of a static map. */
export const stepInWords = ({ step }: Pick<DrawnFrame, 'step'>, { steps, window }: PredictedFields): string =>
  window === 0 ? '' : `step ${step} of ${steps}`;
