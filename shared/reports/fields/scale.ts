/** The range that colours or an axis span. */
export interface Scale {
  readonly low: number;
  readonly high: number;
}

function rangeOf(frames: readonly Float64Array[]): Scale | null {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of frames.flatMap((frame) => [...frame])) {
    if (Number.isNaN(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? { low, high } : null;
}

/**
 * One scale for true and predicted values.
 * @param mostBeyond how far predictions widen it on either side, as a part of its width: those that run away would hide all others
 */
export function sharedScale(
  truth: readonly Float64Array[],
  predicted: readonly Float64Array[],
  mostBeyond: number,
): Scale {
  const ofTruth = rangeOf(truth);
  const ofPredicted = rangeOf(predicted);
  const width = ofTruth ? ofTruth.high - ofTruth.low : 0;
  if (!ofTruth || !ofPredicted || width === 0) return widened(rangeOf([...truth, ...predicted]) ?? { low: 0, high: 1 });
  return {
    low: Math.min(ofTruth.low, Math.max(ofPredicted.low, ofTruth.low - mostBeyond * width)),
    high: Math.max(ofTruth.high, Math.min(ofPredicted.high, ofTruth.high + mostBeyond * width)),
  };
}

/** A scale with zero in the middle. */
export function evenScale(frames: readonly Float64Array[]): Scale {
  const { low, high } = rangeOf(frames) ?? { low: 0, high: 0 };
  const size = Math.max(Math.abs(low), Math.abs(high)) || 1;
  return { low: -size, high: size };
}

const widened = ({ low, high }: Scale): Scale => (low === high ? { low: low - 0.5, high: high + 0.5 } : { low, high });

/** Whether values lie beyond the scale, on either side. */
export function beyond({ low, high }: Scale, frames: readonly Float64Array[]): { below: boolean; above: boolean } {
  return {
    below: frames.some((frame) => frame.some((value) => value < low)),
    above: frames.some((frame) => frame.some((value) => value > high)),
  };
}
