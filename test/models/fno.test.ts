import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { type Engine, type NamedTensors, runOnce } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensor } from '../../shared/tensors/tensor.ts';
import { lossAndGradients } from '../../shared/training/gradients.ts';
import { predictRollout, rolloutLoss } from '../../shared/training/objectives/rollout.ts';
import { type FnoFixture, fnoFixtureNames, readFnoFixture } from '../support/fno-fixture.ts';

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, index) => Math.abs(value - b[index]!)));
const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

const cases = availableEngines().flatMap((engineName) => fnoFixtureNames.map((name) => ({ name, engineName })));

describe.each(cases)('$name on $engineName agrees with the reference', ({ name, engineName }) => {
  let engine: Engine;
  let fixture: FnoFixture;
  let given: [string, HostTensor][];
  beforeAll(async () => {
    engine = await openEngine(engineName);
    fixture = await readFnoFixture(name);
    given = [...fixture.parameters, ['/grid', fixture.grid]];
  });

  const firstSteps = (steps: number): HostTensor => {
    const { shape, data } = fixture.values;
    const [time, channels] = shape.slice(-2) as [number, number];
    const kept = data.filter((_, index) => Math.floor(index / channels) % time < steps);
    return { shape: [...shape.slice(0, -2), steps, channels], data: kept };
  };

  it('names its parameters, with their shapes, as the stored model does', () => {
    const shapes = (entries: Iterable<readonly [string, readonly number[]]>) => Object.fromEntries(entries);
    expect(shapes(fixture.model.parameters.map(({ name, shape }) => [name, shape]))).toEqual(
      shapes([...fixture.parameters].map(([name, { shape }]) => [name, shape])),
    );
  });

  it.each([
    ['one_step_out_f64', 1],
    ['rollout_out_f64', 3],
  ])('in its predictions (%s)', async (key, steps) => {
    const expected = (await fixture.tensors('expected')).get(key)!;
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/grid': grid, '/start': start, ...parameters } }) => ({
        results: { predicted: predictRollout(tf, fixture.model, parameters, { past: start! }, grid!, steps) },
      }),
      new Map([...given, ['/start', firstSteps(10)]]),
    );
    const predicted = results.get('predicted')!;
    expect(predicted.shape).toEqual(expected.shape);
    expect(largestDifference(predicted.data, expected.data)).toBeLessThan(1e-5);
  });

  it.each([
    ['one step', 11, 'one_step'],
    ['the roll-out', 13, 'rollout_3'],
  ] as const)('in loss and gradients of %s', async (_, time, key) => {
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/grid': grid, '/values': values, ...parameters } }) => {
        const batch = { values: values!, grid: grid! };
        const objective = (current: NamedTensors) => rolloutLoss(tf, fixture.model, current, 10, batch);
        const { loss, gradients } = lossAndGradients(tf, objective, parameters);
        return { results: { '/loss': loss, ...gradients } };
      },
      new Map([...given, ['/values', firstSteps(time)]]),
    );
    const loss = results.get('/loss')!.data[0]!;
    const expected = fixture.expected[key];
    const expectedLoss = 'mse_f64' in expected ? expected.mse_f64 : expected.sum_of_mse_f64;
    expect(Math.abs(loss / expectedLoss - 1)).toBeLessThan(2e-6);
    for (const [parameter, expectedNorm] of Object.entries(expected.grad_norms_f64)) {
      const relative = norm(results.get(parameter)!.data) / expectedNorm - 1;
      expect(Math.abs(relative), parameter).toBeLessThan(2e-5);
    }
  });
});

describe('fno1d', () => {
  const withModes = (modes: number) => fieldModelSchema.parse({ family: 'fno1d', modes, width: 6 });
  const config = withModes(4);
  const format = { kind: 'trajectories', space: [16], channels: 2, window: 3 } as const;

  it('takes the published sizes by default', () => {
    expect(fieldModelSchema.parse({ family: 'fno1d' })).toEqual({
      family: 'fno1d',
      modes: 12,
      width: 20,
      blocks: 4,
      padding: 2,
      projection: 128,
    });
  });

  it('draws every parameter from the seed, within the bounds of its layer', () => {
    const model = buildModel(config, format);
    const values = model.initialise(randomFor(1, 'initialise'));
    expect([...values.keys()]).toEqual(model.parameters.map(({ name }) => name));
    for (const { name, shape } of model.parameters) expect(values.get(name)!.data.length).toBe(elementCount(shape));
    const bound = 1 / Math.sqrt(3 * 2 + 1);
    expect(Math.max(...values.get('fc0.weight')!.data.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...values.get('fc0.bias')!.data.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.min(...values.get('conv0.weights1')!.data)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values.get('conv0.weights1')!.data)).toBeLessThan(1 / 36);
    expect(model.initialise(randomFor(1, 'initialise'))).toEqual(values);
    expect(model.initialise(randomFor(2, 'initialise'))).not.toEqual(values);
  });

  it('gives every layer its weight, and every parameter its layer', () => {
    const { layers, parameters } = buildModel(config, format);
    const names = parameters.map(({ name }) => name);
    expect(layers.flatMap(({ weights }) => weights).every((weight) => names.includes(weight))).toBe(true);
    const layerNames = layers.map(({ name }) => name);
    expect(parameters.every(({ layer }) => layer !== undefined && layerNames.includes(layer))).toBe(true);
  });

  it('refuses more modes than the grid has', () => {
    expect(() => buildModel(config, { ...format, space: [5] })).not.toThrow();
    expect(() => buildModel(withModes(5), { ...format, space: [5] })).toThrow(/has only 4[\s\S]*model\.modes/);
  });

  it('refuses data on a plane', () => {
    expect(() => buildModel(config, { ...format, space: [16, 16] })).toThrow(/1 space axis, not 2[\s\S]*fno2d/);
  });
});

describe('sizes by axis', () => {
  const on = (family: string, settings: object, space: readonly number[]) =>
    buildModel(fieldModelSchema.parse({ family, width: 4, ...settings }), {
      kind: 'trajectories',
      space,
      channels: 1,
      window: 1,
    });
  const shapeOf = (model: ReturnType<typeof on>, wanted: string) =>
    model.parameters.find(({ name }) => name === wanted)?.shape;

  it('are those of a list, one for each axis, or one number for all', () => {
    expect(shapeOf(on('fno3d', { modes: [2, 3, 4] }, [8, 8, 8]), 'conv3.weights4')).toEqual([4, 4, 2, 3, 4, 2]);
    expect(shapeOf(on('fno2d', { modes: 3 }, [8, 8]), 'conv3.weights2')).toEqual([4, 4, 3, 3, 2]);
  });

  it('make as many blocks as are asked for', () => {
    const names = (blocks: number) => on('fno1d', { modes: 2, blocks }, [8]).layers.map(({ name }) => name);
    expect(names(1)).toEqual(['fc0', 'conv0', 'w0', 'fc1', 'fc2']);
    expect(names(6)).toContain('conv5');
  });

  it('are refused where a list has another length than the data have axes', () => {
    expect(() => on('fno2d', { modes: [2, 2, 2] }, [8, 8])).toThrow(/model\.modes has 3 numbers.*2 space axes/);
    expect(() => on('fno2d', { padding: [1] }, [8, 8])).toThrow(/model\.padding has 1 number,/);
    expect(() => on('neuralop-fno', { modes: [2] }, [8, 8])).toThrow(/model\.modes has 1 number,/);
  });

  it('are refused where an axis has fewer, which is named', () => {
    expect(() => on('fno3d', { modes: 3, padding: 0 }, [8, 5, 8])).toThrow(
      /space axis 2 \(y\): 3 modes, but an axis of 5 points has only 2[\s\S]*Set model\.modes to 2 or fewer \(a list sets them by axis\)/,
    );
    expect(() => on('fno2d', { modes: [2, 9] }, [8, 8])).toThrow(
      /space axis 2 \(y\).*8 \+ 2 points has only 6[\s\S]*number 2 of model\.modes/,
    );
    expect(() => on('tfno', { modes: [9, 9] }, [8, 8])).toThrow(/space axis 1 \(x\).*only 8/);
    expect(() => on('tfno', { modes: [8, 10] }, [8, 8])).toThrow(/space axis 2 \(y\).*only 9/);
  });

  it('are refused on data of other dimensions, with the family that fits if there is one', () => {
    expect(() => on('fno3d', {}, [16, 16])).toThrow(/3 space axes, not 2[\s\S]*fno2d/);
    expect(() => on('fno3d', {}, [4, 4, 4, 4])).toThrow(/3 space axes, not 4[\s\S]*another dataset/);
  });
});

describe('forwardFlops', () => {
  const fno2d = (modes: number, space: readonly number[]) =>
    buildModel(fieldModelSchema.parse({ family: 'fno2d', modes, width: 20, padding: 0 }), {
      kind: 'trajectories',
      space,
      channels: 4,
      window: 10,
    }).forwardFlops;

  it('counts dense weights at every point, spectral ones once a mode, and the products of the transform', () => {
    const [n, m, width] = [128, 12, 20];
    const dense = 2 * n * n * (40 * width + width * 128 + 128 * 4);
    const pointwise = 2 * n * n * width * width;
    const transform = 2 * 4 * m * n * n + 2 * (2 * m) * (2 * n) * (2 * m);
    const products = 8 * width * width * 2 * m * m;
    expect(fno2d(m, [n, n])).toBe(dense + 4 * (pointwise + 2 * width * transform + products));
  });

  it('goes with what is kept for the gradient, by channels at each point', () => {
    const [modes, width, space] = [3, 8, [16, 12]];
    const settings = { family: 'fno2d', modes, width, blocks: 2, padding: 2, projection: 32 };
    const format = { kind: 'trajectories', space, channels: 2, window: 5, statics: 1 } as const;
    const { activations } = buildModel(fieldModelSchema.parse(settings), format);
    const [points, padded] = [16 * 12, 18 * 14];
    const [lift, projection] = [11, width + 3 * 32];
    const [first, second] = [3 * width, width];
    const spectra = 2 * (2 * width * 2 * modes * modes);
    expect(activations).toBe(points * (lift + projection) + padded * (first + second) + spectra);
  });

  it('grows with points hardly slower than they do, and with modes by less than the weights', () => {
    expect(fno2d(12, [128, 128]) / fno2d(12, [64, 64])).toBeGreaterThan(3);
    expect(fno2d(24, [128, 128]) / fno2d(12, [128, 128])).toBeLessThan(4);
  });
});
