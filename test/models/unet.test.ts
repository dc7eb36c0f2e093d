import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import { type Engine, type NamedTensors, runOnce, type Tensor } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import type { FieldModel } from '../../shared/models/model.ts';
import { readPretrained } from '../../shared/models/pretrained.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import { elementCount, type HostTensor, type HostTensors } from '../../shared/tensors/tensor.ts';
import { lossAndGradients } from '../../shared/training/gradients.ts';
import { predictRollout, rolloutLoss } from '../../shared/training/objectives/rollout.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { trainEpoch } from '../../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';

interface Expected {
  readonly config: {
    readonly space: readonly number[];
    readonly channels: number;
    readonly window: number;
    readonly features: number;
  };
  readonly one: { readonly loss: number; readonly gradientNorms: Readonly<Record<string, number>> };
  readonly rollout: { readonly loss: number; readonly gradientNorms: Readonly<Record<string, number>> };
  readonly adam: { readonly learningRate: number; readonly weightDecay: number; readonly losses: readonly number[] };
}

interface Fixture {
  readonly expected: Expected;
  readonly model: FieldModel;
  /** Parameters and state. */
  readonly stored: HostTensors;
  readonly values: HostTensor;
  readonly grid: HostTensor;
  readonly tensors: HostTensors;
}

const families = ['unet1d', 'unet2d'] as const;

async function readFixture(family: (typeof families)[number]): Promise<Fixture> {
  const path = (file: string) => fixturePath('models', family, `${file}.safetensors`);
  const tensors = async (file: string) => (await openSafetensors(await fileSource(path(file)))).readAll();
  const expected = await readJsonFixture<Expected>('models', family, 'expected.json');
  const { space, channels, window, features } = expected.config;
  const config = fieldModelSchema.parse({ family, initFeatures: features });
  const model = buildModel(config, { kind: 'trajectories', space, channels, window });
  return {
    expected,
    model,
    stored: await readPretrained(path('model'), model),
    values: (await tensors('inputs')).get('values')!,
    grid: { shape: [...space, space.length], data: new Float32Array(elementCount(space) * space.length) },
    tensors: await tensors('expected'),
  };
}

const largestDifference = (found: HostTensor, expected: HostTensor) => {
  expect(found.shape).toEqual(expected.shape);
  return Math.max(...found.data.map((value, index) => Math.abs(value - expected.data[index]!)));
};
const largest = ({ data }: HostTensor) => Math.max(...data.map(Math.abs));
const norm = ({ data }: HostTensor) => Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));

const cases = availableEngines().flatMap((engineName) => families.map((family) => ({ family, engineName })));

describe.each(cases)("$family on $engineName is PDEBench's U-Net", ({ family, engineName }) => {
  let engine: Engine;
  let fixture: Fixture;
  let given: [string, HostTensor][];
  beforeAll(async () => {
    engine = await openEngine(engineName);
    fixture = await readFixture(family);
    given = [...fixture.stored, ['/grid', fixture.grid]];
  });

  const firstSteps = (steps: number): HostTensor => {
    const { shape, data } = fixture.values;
    const [time, channels] = shape.slice(-2) as [number, number];
    const kept = data.filter((_, index) => Math.floor(index / channels) % time < steps);
    return { shape: [...shape.slice(0, -2), steps, channels], data: kept };
  };

  it.each([
    ['one step', 'eval_one', 1],
    ['a roll-out', 'eval_rollout', 3],
  ])('in evaluation of %s, by the running statistics', async (_, key, steps) => {
    const { model, tensors, expected } = fixture;
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/grid': grid, '/start': start, ...parameters } }) => ({
        results: { predicted: predictRollout(tf, model, parameters, { past: start! }, grid!, steps) },
      }),
      new Map([...given, ['/start', firstSteps(expected.config.window)]]),
    );
    expect(largestDifference(results.get('predicted')!, tensors.get(key)!)).toBeLessThan(1e-5);
  });

  it.each([
    ['one step', 'one', 1],
    ['a roll-out', 'rollout', 3],
  ] as const)('in loss, gradients and running statistics of %s in training', async (_, key, steps) => {
    const { model, tensors, expected } = fixture;
    const { loss, gradientNorms } = expected[key];
    const names = model.state!.map(({ name }) => name);
    const of = (tensors: NamedTensors, isState: boolean) =>
      Object.fromEntries(Object.entries(tensors).filter(([name]) => names.includes(name) === isState));
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/grid': grid, '/values': values, ...all } }) => {
        const batch = { values: values!, grid: grid! };
        const state: Record<string, Tensor> = of(all, true);
        const objective = (current: NamedTensors) => {
          const found = rolloutLoss(tf, model, current, expected.config.window, batch, state);
          for (const name of names) tf.keep(state[name]!);
          return found;
        };
        const { loss, gradients } = lossAndGradients(tf, objective, of(all, false));
        return { results: { '/loss': loss, ...gradients, ...state } };
      },
      new Map([...given, ['/values', firstSteps(expected.config.window + steps)]]),
    );
    expect(Math.abs(results.get('/loss')!.data[0]! / loss - 1)).toBeLessThan(2e-6);
    expect(Object.keys(gradientNorms)).toEqual(model.parameters.map(({ name }) => name));
    for (const [name, expectedNorm] of Object.entries(gradientNorms)) {
      const found = results.get(name)!;
      expect(Math.abs(norm(found) / expectedNorm - 1), name).toBeLessThan(1e-4);
      const whole = tensors.get(`gradients_${key}/${name}`);
      if (whole) expect(largestDifference(found, whole) / largest(whole), name).toBeLessThan(1e-4);
    }
    for (const name of names) {
      const buffer = tensors.get(`buffers_${key}/${name}`)!;
      expect(largestDifference(results.get(name)!, buffer), name).toBeLessThan(3e-6);
    }
  });

  it('in losses and running statistics of training with Adam', async () => {
    const { model, stored, values, grid, tensors, expected } = fixture;
    const { learningRate, weightDecay, losses } = expected.adam;
    const { window, channels } = expected.config;
    const problem = trajectoryProblem({
      model,
      data: inMemory(
        {
          kind: 'trajectories',
          shape: values.shape,
          grid: { shape: grid.shape, values: grid.data },
          channels: Array.from({ length: channels }, (_, channel) => `u${channel}`),
          rows: [0, 1, 2],
        },
        { values: values.data },
      ),
      window,
      rolloutSteps: 3,
      batchSize: 3,
      seed: 1,
    });
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adam' }));
    let at: { parameters: HostTensors; state: HostTensors | undefined } = { parameters: stored, state: undefined };
    for (const [epoch, loss] of losses.entries()) {
      const trained = await trainEpoch({
        engine,
        problem,
        optimizer,
        ...at,
        epoch: epoch + 1,
        baseRate: () => learningRate,
        weightDecay,
        rates: {},
      });
      expect(Math.abs(trained.loss / loss - 1), `epoch ${epoch + 1}`).toBeLessThan(5e-6);
      at = trained;
    }
    expect([...at.parameters.keys()].sort()).toEqual([...stored.keys()].sort());
    expect([...at.state!.keys()].filter((name) => name.includes('running'))).toEqual([]);
    for (const { name } of model.state!) {
      // Adam's first steps go by the signs of gradients, where rounding may turn those that are next to nothing.
      const buffer = tensors.get(`adam/${name}`)!;
      expect(largestDifference(at.parameters.get(name)!, buffer), name).toBeLessThan(1e-3);
    }
    expect(at.parameters.get('encoder1.enc1norm1.num_batches_tracked')!.data).toEqual(Float32Array.of(13));
  });
});

describe('unet2d', () => {
  const config = fieldModelSchema.parse({ family: 'unet2d', initFeatures: 4 });
  const format = { kind: 'trajectories', space: [32, 16], channels: 2, window: 3 } as const;

  it('has 32 features on its first level by default', () => {
    expect(fieldModelSchema.parse({ family: 'unet2d' })).toEqual({ family: 'unet2d', initFeatures: 32 });
    const { parameters } = buildModel(fieldModelSchema.parse({ family: 'unet2d' }), {
      ...format,
      channels: 1,
      window: 10,
    });
    // What PyTorch counts in PDEBench's UNet2d(10, 1).
    expect(parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(7765057);
  });

  it('draws convolutions from the seed, within the bounds of their layers, and begins norms as PyTorch does', () => {
    const model = buildModel(config, format);
    const values = model.initialise(randomFor(1, 'initialise'));
    expect([...values.keys()]).toEqual([...model.parameters, ...model.state!].map(({ name }) => name));
    const sizeOf = (name: string) => largest(values.get(name)!);
    expect(sizeOf('encoder1.enc1conv1.weight')).toBeLessThanOrEqual(1 / Math.sqrt(6 * 9));
    expect(sizeOf('encoder1.enc1conv1.weight')).toBeGreaterThan(0.9 / Math.sqrt(6 * 9));
    expect(sizeOf('upconv1.weight')).toBeLessThanOrEqual(1 / Math.sqrt(4 * 4));
    expect(sizeOf('upconv1.bias')).toBeLessThanOrEqual(1 / Math.sqrt(4 * 4));
    expect(values.get('decoder1.dec1norm2.weight')!.data).toEqual(Float32Array.of(1, 1, 1, 1));
    expect(values.get('decoder1.dec1norm2.bias')!.data).toEqual(new Float32Array(4));
    expect(values.get('decoder1.dec1norm2.running_mean')!.data).toEqual(new Float32Array(4));
    expect(values.get('decoder1.dec1norm2.running_var')!.data).toEqual(Float32Array.of(1, 1, 1, 1));
    expect(values.get('decoder1.dec1norm2.num_batches_tracked')).toEqual({ shape: [], data: Float32Array.of(0) });
    expect(model.initialise(randomFor(1, 'initialise'))).toEqual(values);
  });

  it.each([
    ['unet2d', [64, 64], 1525415936],
    ['unet1d', [64], 39841792],
  ])('counts the operations of a forward pass of %s as PyTorch does', (family, space, flops) => {
    const { forwardFlops } = buildModel(fieldModelSchema.parse({ family }), {
      ...format,
      space,
      channels: 1,
      window: 10,
    });
    expect(forwardFlops).toBe(flops);
  });

  it('counts what a forward pass keeps for the gradient', () => {
    const { activations } = buildModel(fieldModelSchema.parse({ family: 'unet1d', initFeatures: 2 }), {
      kind: 'trajectories',
      space: [32],
      channels: 1,
      window: 3,
    });
    // Levels of 2, 4, 8 and 16 channels on 32, 16, 8 and 4 points, a bottleneck of 32 on 2: each 64 numbers.
    const [stages, pooled, joined] = [2 * 3 * 64, 2 * 32, 4 * 64];
    const down = 4 * (stages + pooled);
    const up = 4 * (joined + stages);
    expect(activations).toBe(2 * 3 * 32 + down + stages + up);
  });

  it('has a layer for every convolution, which its bias and its norm follow', () => {
    const { layers, parameters } = buildModel(config, format);
    expect(layers).toHaveLength(4 * 2 + 2 + 4 * 3 + 1);
    const followed = Object.fromEntries(parameters.map(({ name, layer }) => [name, layer]));
    expect(followed).toMatchObject({
      'encoder1.enc1norm1.weight': 'encoder1.enc1conv1',
      'bottleneck.bottlenecknorm2.bias': 'bottleneck.bottleneckconv2',
      'upconv4.bias': 'upconv4',
      'decoder4.dec4norm2.bias': 'decoder4.dec4conv2',
      'conv.bias': 'conv',
    });
    const names = layers.map(({ name }) => name);
    expect(parameters.every(({ layer }) => names.includes(layer!))).toBe(true);
  });

  it('takes weights of other channels with a fresh head, whose norm begins anew with its statistics', async () => {
    const { model, stored } = await readFixture('unet2d');
    const other = buildModel(fieldModelSchema.parse({ family: 'unet2d', initFeatures: 2 }), format);
    const fresh = other.initialise(randomFor(1, 'initialise'));
    const path = fixturePath('models', 'unet2d', 'model.safetensors');
    const values = await readPretrained(path, other, { freshHead: () => fresh });
    const isNew = (name: string) => /^(encoder1\.enc1(conv|norm)1|conv)\./.test(name);
    expect([...values.keys()]).toEqual([...model.parameters, ...model.state!].map(({ name }) => name));
    for (const [name, tensor] of values) expect(tensor, name).toEqual((isNew(name) ? fresh : stored).get(name));
    await expect(readPretrained(path, other)).rejects.toThrow(/encoder1\.enc1conv1\.weight[\s\S]*model\.head/);
  });

  it('refuses an axis that cannot be halved four times', () => {
    expect(() => buildModel(config, { ...format, space: [32, 24] })).toThrow(
      /space axis 2: 24 points can't be halved 4 times[\s\S]*multiple of 16/,
    );
  });

  it('refuses data on a line', () => {
    expect(() => buildModel(config, { ...format, space: [32] })).toThrow(/2 space axes, not 1/);
  });

  it('refuses to train where a norm has one value for each channel', async () => {
    const model = buildModel(config, { ...format, space: [16, 16] });
    const { tf } = await openEngine('cpu');
    const values = Object.fromEntries(
      [...model.initialise(randomFor(1, 'initialise'))].map(([name, { shape, data }]) => [
        name,
        tf.tensor(data, [...shape]),
      ]),
    );
    const [grid, one, two] = [tf.zeros([16, 16, 2]), tf.zeros([1, 16, 16, 6]), tf.zeros([2, 16, 16, 6])];
    expect(model.forward(tf, values, grid)(one).shape).toEqual([1, 16, 16, 2]);
    expect(model.forward(tf, values, grid, { ...values })(two).shape).toEqual([2, 16, 16, 2]);
    expect(() => model.forward(tf, values, grid, { ...values })(one)).toThrow(
      /bottlenecknorm1: batch norm needs more than one value for each channel[\s\S]*batchSize/,
    );
  });
});

it.each([
  ['unet1d', { features: 3, space: [32], channels: 2, window: 3 }, 178_368],
  ['unet2d', { features: 2, space: [32, 16], channels: 1, window: 2 }, 772_096],
  ['unet2d', { features: 32, space: [128, 128], channels: 4, window: 10 }, 6_387_924_992],
] as const)(
  "%s of %o counts its operations as PyTorch's FlopCounterMode does",
  (family, { features, ...sizes }, flops) => {
    const config = fieldModelSchema.parse({ family, initFeatures: features });
    expect(buildModel(config, { kind: 'trajectories', ...sizes }).forwardFlops).toBe(flops);
  },
);
