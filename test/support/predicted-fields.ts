import { gridOf } from '../../shared/datasets/field-grid.ts';
import { elementCount } from '../../shared/tensors/tensor.ts';
import type { PredictedFields } from '../../shared/training/predicted/record.ts';
import { type FieldRecorder, recordFields } from '../../shared/training/predicted/recorder.ts';

/** Where a value lies. */
export interface At {
  readonly sample: number;
  readonly point: number;
  readonly step: number;
  readonly channel: number;
}

/** Fields `[samples, ...space, steps, channels]` from a function of sample, point, step and channel. */
export function fieldsOf(shape: readonly number[], of: (at: At) => number): Float32Array {
  const points = elementCount(shape.slice(1, -2));
  const [steps, channels] = shape.slice(-2) as [number, number];
  return Float32Array.from({ length: elementCount(shape) }, (_, index) => {
    const channel = index % channels;
    const step = Math.floor(index / channels) % steps;
    const point = Math.floor(index / channels / steps) % points;
    return of({ sample: Math.floor(index / channels / steps / points), point, step, channel });
  });
}

/** A recorder of fields `[samples, ...space, steps, channels]` on axes that go from 0 to 1. */
export function recorderOf(
  shape: readonly number[],
  { window = 1, mostValues }: { window?: number; mostValues?: number } = {},
): FieldRecorder {
  const grid = gridOf(
    shape.slice(1, -2).map((points) => Float32Array.from({ length: points }, (_, at) => at / Math.max(1, points - 1))),
  );
  const channels = Array.from({ length: shape.at(-1)! }, (_, channel) => `c${channel}`);
  const limits = mostValues === undefined ? {} : { mostValues };
  return recordFields({ shape, grid, channels }, { window, steps: shape.at(-2)!, ...limits });
}

/** The record of made-up predictions; sample `n` is row `10 + n`. */
export function recordOf(
  shape: readonly number[],
  { predicted, target }: { readonly predicted: (at: At) => number; readonly target?: (at: At) => number },
  { batch = shape[0]!, ...options }: { batch?: number; window?: number; mostValues?: number } = {},
): PredictedFields {
  const recorder = recorderOf(shape, options);
  for (let from = 0; from < shape[0]!; from += batch) {
    const count = Math.min(batch, shape[0]! - from);
    const part = (of: (at: At) => number) =>
      fieldsOf([count, ...shape.slice(1)], (at) => of({ ...at, sample: from + at.sample }));
    const rows = Array.from({ length: count }, (_, index) => 10 + from + index);
    recorder.add({ rows, predicted: part(predicted), target: target && part(target) });
  }
  return recorder.record();
}
