import { describe, expect, test } from 'vitest';
import { encodeJson } from '../../../shared/checkpoints/json.ts';
import { elementCount } from '../../../shared/tensors/tensor.ts';
import { pdeMetrics } from '../../../shared/training/metrics/registry.ts';
import { packValues, unpackValues } from '../../../shared/training/predicted/packed-values.ts';
import { predictedFieldsSchema } from '../../../shared/training/predicted/record.ts';
import { fieldsOf, recorderOf, recordOf } from '../../support/predicted-fields.ts';

const wave = ({
  sample = 0,
  point,
  step,
  channel,
}: {
  sample?: number;
  point: number;
  step: number;
  channel: number;
}) => 2 + Math.sin(point + sample + step / 3) * (1 + channel);

const unpacked = (packed: { low: number; high: number; codes: string }) => [...unpackValues(packed)];

describe('packed values', () => {
  test('come back to a part of their range, with the ends exactly, and NaN for what is not finite', () => {
    const values = [-3, 0.1234567, 2.5, 7, Number.NaN, Number.POSITIVE_INFINITY];
    const back = unpacked(packValues(values));
    expect(back.slice(4)).toEqual([Number.NaN, Number.NaN]);
    expect([back[0], back[3]]).toEqual([-3, 7]);
    for (const place of [1, 2]) expect(Math.abs(back[place]! - values[place]!)).toBeLessThanOrEqual(10 / 65534);
  });

  test('may be all the same, or none of them finite', () => {
    expect(unpacked(packValues([4, 4]))).toEqual([4, 4]);
    expect(unpacked(packValues([Number.NaN]))).toEqual([Number.NaN]);
  });
});

describe('recordFields', () => {
  test('has the errors by step, over all samples, that are computed by hand', () => {
    // Two samples of two points: errors of 1 and 3 everywhere at the first step, twice as much at the second; targets of 2.
    const target = () => 2;
    const predicted = ({ sample, step }: { sample: number; step: number }) => 2 + (sample === 0 ? 1 : 3) * (1 + step);
    const { errors, shown } = recordOf([2, 2, 2, 1], { predicted, target });
    expect(errors).toEqual({
      steps: [1, 2],
      RMSE: { mean: [2, 4], lowest: [1, 2], highest: [3, 6] },
      nRMSE: { mean: [1, 2], lowest: [0.5, 1], highest: [1.5, 3] },
      byChannel: [{ RMSE: [2, 4], nRMSE: [1, 2] }],
      chosenBy: 'nRMSE',
    });
    expect(shown.map(({ row, choice, nRMSE, RMSE }) => ({ row, choice, nRMSE, RMSE }))).toEqual([
      { row: 10, choice: 'best', nRMSE: 0.75, RMSE: 1.5 },
      { row: 11, choice: 'worst', nRMSE: 2.25, RMSE: 4.5 },
    ]);
  });

  test.each([[[5, 16, 7, 2]], [[3, 6, 5, 4, 3]], [[2, 4, 3, 5, 2, 1]]])(
    'agrees with the metrics on the average over the steps of %j',
    (shape) => {
      const predicted = (at: Parameters<typeof wave>[0]) =>
        wave(at) + 0.1 * Math.cos(at.point * 3 + at.step + at.channel);
      const metrics = pdeMetrics(fieldsOf(shape, predicted), fieldsOf(shape, wave), shape);
      const { errors } = recordOf(shape, { predicted, target: wave }, { batch: 2 });
      for (const name of ['nRMSE', 'RMSE'] as const) {
        const { mean } = errors![name];
        expect(mean.reduce<number>((sum, value) => sum + value!, 0) / mean.length).toBeCloseTo(metrics[name]!, 4);
      }
    },
  );

  test('is the same whatever the size of the batches', () => {
    const fields = { predicted: (at: Parameters<typeof wave>[0]) => 0.9 * wave(at), target: wave };
    const whole = recordOf([7, 8, 4, 2], fields);
    for (const batch of [1, 3]) expect(recordOf([7, 8, 4, 2], fields, { batch })).toEqual(whole);
  });

  test('shows the samples of the smallest, the median and the largest error at the first, the middle and the last step', () => {
    const size = [5, 1, 9, 3, 7];
    const { shown } = recordOf([5, 4, 6, 1], {
      predicted: (at) => wave(at) + size[at.sample]!,
      target: wave,
    });
    expect(shown.map(({ row, choice }) => [row, choice])).toEqual([
      [11, 'best'],
      [10, 'median'],
      [12, 'worst'],
    ]);
    expect(shown[0]!.frames.map(({ step }) => step)).toEqual([1, 3, 6]);
    const [first] = shown[0]!.frames;
    const truth = [0, 1, 2, 3].map((point) => wave({ sample: 1, point, step: 0, channel: 0 }));
    for (const [point, value] of unpacked(first!.true!).entries()) expect(value).toBeCloseTo(truth[point]!, 4);
    for (const [point, value] of unpacked(first!.predicted).entries()) expect(value).toBeCloseTo(truth[point]! + 1, 4);
  });

  test('finds the best and the worst among all samples, and the median among the first', () => {
    const { shown } = recordOf(
      [200, 4, 1, 1],
      { predicted: ({ sample }) => 201 - sample, target: () => 1 },
      { batch: 16 },
    );
    expect(shown.map(({ row, choice }) => [row - 10, choice])).toEqual([
      [199, 'best'],
      [63, 'median'],
      [0, 'worst'],
    ]);
  });

  test('shows a sample once where all are alike, and the only one as such', () => {
    const fields = { predicted: () => 1, target: () => 2 };
    const chosen = (samples: number) =>
      recordOf([samples, 4, 2, 1], fields).shown.map(({ row, choice }) => [row - 10, choice]);
    expect(chosen(1)).toEqual([[0, 'only']]);
    expect(chosen(2)).toEqual([
      [0, 'best'],
      [1, 'worst'],
    ]);
    expect(chosen(3)).toEqual([
      [0, 'best'],
      [1, 'median'],
      [2, 'worst'],
    ]);
  });

  test('chooses by RMSE where a target is zero everywhere', () => {
    const { errors, shown } = recordOf([3, 4, 2, 1], {
      predicted: ({ sample }) => [3, 1, 2][sample]!,
      target: ({ step }) => step,
    });
    expect(errors).toMatchObject({ chosenBy: 'RMSE', nRMSE: { mean: [null, 1] } });
    expect(shown.map(({ row, nRMSE }) => [row, nRMSE])).toEqual([
      [11, null],
      [12, null],
      [10, null],
    ]);
  });

  test('takes predictions that are not numbers for the worst, and tells them as null', () => {
    const record = recordOf([3, 4, 2, 1], {
      predicted: (at) => (at.sample === 1 ? Number.NaN : wave(at) + at.sample),
      target: wave,
    });
    expect(record.shown.at(-1)).toMatchObject({ row: 11, choice: 'worst', nRMSE: null });
    expect(record.errors!.nRMSE.mean).toEqual([null, null]);
    expect(predictedFieldsSchema.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
  });

  test('draws means of blocks, which may not divide the grid, and the middle of a third axis', () => {
    const line = recordOf([1, 300, 1, 1], { predicted: ({ point }) => point });
    expect([line.drawn, line.block]).toEqual([[100], [3]]);
    expect(
      unpacked(line.shown[0]!.frames[0]!.predicted)
        .slice(0, 2)
        .map((value) => Math.round(value)),
    ).toEqual([1, 4]);
    const map = recordOf([1, 3, 2, 1, 1], { predicted: ({ point }) => point }, { mostValues: 2 * 3 * 4 });
    expect([map.drawn, map.block]).toEqual([
      [2, 2],
      [2, 1],
    ]);
    expect(unpacked(map.shown[0]!.frames[0]!.predicted).map(Math.round)).toEqual([1, 2, 4, 5]);
    const volume = recordOf([1, 2, 2, 3, 1, 1], { predicted: ({ point }) => point });
    expect(volume).toMatchObject({
      slice: 1,
      drawn: [2, 2],
      axes: [{ name: 'x' }, { name: 'y' }, { name: 'z', points: 3 }],
    });
    expect(unpacked(volume.shown[0]!.frames[0]!.predicted).map(Math.round)).toEqual([1, 4, 7, 10]);
  });

  test('of predictions alone has the first samples, and no errors', () => {
    const { errors, shown } = recordOf([5, 4, 2, 1], { predicted: wave });
    expect(errors).toBeUndefined();
    expect(shown.map(({ row, choice, nRMSE }) => [row, choice, nRMSE])).toEqual([
      [10, 'first', undefined],
      [11, 'first', undefined],
      [12, 'first', undefined],
    ]);
    expect(shown[0]!.frames[0]!.true).toBeUndefined();
  });

  test.each([[[256, 256, 3, 4]], [[64, 64, 3, 1]], [[1024, 150, 6]]])(
    'stays below 220 kB with samples of %j',
    (sample) => {
      const recorder = recorderOf([1, ...sample]);
      // Numbers that take as many digits as there are.
      const predicted = Float32Array.from(
        { length: elementCount(sample) },
        (_, index) => ((index * 7919) % 104_729) / 7,
      );
      for (const row of [1_000_001, 1_000_002, 1_000_003]) {
        recorder.add({ rows: [row], predicted, target: predicted.map((value) => value + 1 / 3) });
      }
      expect(encodeJson(recorder.record()).byteLength).toBeLessThan(220_000);
    },
  );
});
