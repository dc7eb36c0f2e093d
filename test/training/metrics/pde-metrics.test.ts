import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileSource } from '../../../shared/tensors/byte-source.ts';
import { openSafetensors, type SafetensorsFile } from '../../../shared/tensors/safetensors.ts';
import { frameOf } from '../../../shared/training/metrics/metric.ts';
import { metrics, pdeMetrics } from '../../../shared/training/metrics/registry.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';

interface Expected<Value> {
  RMSE: Value;
  nRMSE: Value;
  cRMSE: Value;
  max_error: Value;
  bRMSE: Value;
}
interface Case {
  args: { Lx: number; Ly: number; iLow: number; iHigh: number };
  mean: Expected<number> & { fRMSE_low_mid_high: number[] };
  per_channel_and_time: Expected<number[][]> & { fRMSE_low_mid_high: number[][][] };
}

type Channel3d = Record<'RMSE' | 'nRMSE' | 'cRMSE' | 'maxError' | 'bRMSE', number[]> & {
  fRMSE: number[][];
};

const plain = { RMSE: 'RMSE', nRMSE: 'nRMSE', cRMSE: 'cRMSE', max_error: 'maxError', bRMSE: 'bRMSE' } as const;
const bands = ['fRMSELow', 'fRMSEMiddle', 'fRMSEHigh'] as const;
const cases = ['m1d', 'm1d_long', 'm2d_32', 'm2d_16'];

function expectClose(actual: number | undefined, expected: number, what: string): void {
  if (Number.isNaN(expected)) expect(actual, what).toBeNaN();
  else expect(Math.abs(actual! - expected), what).toBeLessThanOrEqual(1e-9 * Math.abs(expected));
}

describe.each(cases)('%s', (name) => {
  describe.each(['default', 'bands_2_6_L2'])('with the %s settings', (settings) => {
    let pairs: SafetensorsFile;
    let expected: Case;
    beforeAll(async () => {
      pairs = await openSafetensors(await fileSource(fixturePath('models', 'pde_metrics', 'pairs.safetensors')));
      const all = await readJsonFixture<Record<string, Record<string, Case>>>('models', 'pde_metrics', 'expected.json');
      expected = all[name]![settings]!;
    });

    const read = async () => {
      const predictions = await pairs.read(`${name}.pred`);
      const targets = await pairs.read(`${name}.target`);
      const { Lx, Ly, iLow, iHigh } = expected.args;
      return {
        pair: { predictions: predictions.data, targets: targets.data, shape: targets.shape },
        options: { lengths: [Lx, Ly], bands: { middle: iLow, high: iHigh } },
      };
    };

    it('agrees with the reference per channel and time', async () => {
      const { pair, options } = await read();
      const compare = (metric: keyof typeof metrics, reference: number[][]) => {
        for (const [channel, times] of reference.entries()) {
          for (const [time, theirs] of times.entries()) {
            const sum = metrics[metric].begin(pair.shape.slice(1, -2), options);
            for (let sample = 0; sample < pair.shape[0]!; sample++) {
              const target = frameOf(pair.targets, pair.shape, { sample, time, channel });
              const error = frameOf(pair.predictions, pair.shape, { sample, time, channel });
              sum.add(
                error.map((value, point) => value - target[point]!),
                target,
              );
            }
            expectClose(sum.value(), theirs, `${metric}, channel ${channel}, time ${time}`);
          }
        }
      };
      for (const [theirs, ours] of Object.entries(plain)) {
        compare(ours, expected.per_channel_and_time[theirs as keyof typeof plain]);
      }
      for (const [band, ours] of bands.entries()) {
        compare(
          ours,
          expected.per_channel_and_time.fRMSE_low_mid_high.map((channel) => channel[band]!),
        );
      }
    });

    it('agrees with the reference on average, and leaves out a band that is empty', async () => {
      const { pair, options } = await read();
      const ours = pdeMetrics(pair.predictions, pair.targets, pair.shape, options);
      for (const [theirs, metric] of Object.entries(plain)) {
        expectClose(ours[metric], expected.mean[theirs as keyof typeof plain], metric);
      }
      for (const [band, metric] of bands.entries()) {
        const reference = expected.mean.fRMSE_low_mid_high[band]!;
        if (Number.isNaN(reference)) expect(ours).not.toHaveProperty(metric);
        else expectClose(ours[metric], reference, metric);
      }
    });
  });
});

describe.each(['cube', 'box'])('in three dimensions, %s', (name) => {
  it.each([
    ['default', {}],
    ['bands_1_3_L2', { lengths: [2, 0.5, 1.5], bands: { middle: 1, high: 3 } }],
  ] as const)('agrees with the reference by channel and time, with the %s settings', async (settings, options) => {
    const source = await fileSource(fixturePath('models', 'pde_metrics_3d', 'pairs.safetensors'));
    const pairs = await openSafetensors(source);
    const [predictions, targets] = [await pairs.read(`${name}.pred`), await pairs.read(`${name}.target`)];
    const all = await readJsonFixture<Record<string, Record<string, Channel3d[]>>>(
      'models',
      'pde_metrics_3d',
      'expected.json',
    );
    const [times, channels] = targets.shape.slice(-2) as [number, number];
    expect(all[name]![settings]).toHaveLength(channels);
    for (const [channel, reference] of all[name]![settings]!.entries()) {
      for (let time = 0; time < times; time++) {
        const single = (from: typeof targets) => {
          const samples = Array.from({ length: from.shape[0]! }, (_, sample) =>
            [...frameOf(from.data, from.shape, { sample, time, channel })].map(Math.fround),
          );
          return Float32Array.from(samples.flat());
        };
        const shape = [...targets.shape.slice(0, -2), 1, 1];
        const ours = pdeMetrics(single(predictions), single(targets), shape, options);
        for (const metric of ['RMSE', 'nRMSE', 'cRMSE', 'maxError', 'bRMSE'] as const) {
          expectClose(ours[metric], reference[metric][time]!, `${metric}, channel ${channel}, time ${time}`);
        }
        for (const [band, metric] of bands.entries()) {
          const value = reference.fRMSE[band]![time]!;
          if (Number.isNaN(value)) expect(ours).not.toHaveProperty(metric);
          else expectClose(ours[metric], value, metric);
        }
      }
    }
  });
});

describe('pdeMetrics', () => {
  const fields = fc.array(fc.float({ min: 1, max: 2, noNaN: true }), { minLength: 48, maxLength: 48 });
  const shape = [2, 8, 3, 1];

  it('is 0 everywhere for a perfect prediction', () => {
    fc.assert(
      fc.property(fields, (values) => {
        const field = Float32Array.from(values);
        for (const value of Object.values(pdeMetrics(field, field, shape))) expect(value).toBe(0);
      }),
      { seed: 1 },
    );
  });

  it('has nRMSE 1 for a prediction of nothing', () => {
    fc.assert(
      fc.property(fields, (values) => {
        const { nRMSE } = pdeMetrics(new Float32Array(48), Float32Array.from(values), shape);
        expect(nRMSE).toBeCloseTo(1, 12);
      }),
      { seed: 1 },
    );
  });

  it('keeps a divergent prediction visible as NaN', () => {
    const target = new Float32Array(48).fill(1);
    const prediction = target.with(5, Number.NaN);
    expect(pdeMetrics(prediction, target, shape).nRMSE).toBeNaN();
    expect(pdeMetrics(prediction, target, shape).maxError).toBeNaN();
  });

  it('refuses arrays that do not have the shape', () => {
    expect(() => pdeMetrics(new Float32Array(4), new Float32Array(4), shape)).toThrow(/4 predictions.*\[2, 8, 3, 1\]/);
  });

  it('names every metric as its registry does', () => {
    for (const [name, metric] of Object.entries(metrics)) expect(metric.name).toBe(name);
  });
});
