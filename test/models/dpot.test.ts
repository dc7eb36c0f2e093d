import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import { type Engine, type NamedTensors, runOnce } from '../../shared/engines/engine.ts';
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
  readonly config: Readonly<Record<string, number | boolean | string>> & {
    readonly img_size: number;
    readonly in_channels: number;
    readonly in_timesteps: number;
  };
  readonly loss: number;
}

interface Fixture {
  readonly expected: Expected;
  readonly model: FieldModel;
  /** Parameters, and the classifier that is stored with them. */
  readonly stored: HostTensors;
  readonly values: HostTensor;
  readonly grid: HostTensor;
  readonly tensors: HostTensors;
}

const names = ['dpot_plain', 'dpot_normalised'] as const;

async function readFixture(name: (typeof names)[number]): Promise<Fixture> {
  const path = (file: string) => fixturePath('models', name, `${file}.safetensors`);
  const tensors = async (file: string) => (await openSafetensors(await fileSource(path(file)))).readAll();
  const expected = await readJsonFixture<Expected>('models', name, 'expected.json');
  const { img_size: size, in_channels: channels, in_timesteps: window, ...sizes } = expected.config;
  const camelCase = (key: string) => key.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const settings = Object.fromEntries(Object.entries(sizes).map(([key, value]) => [camelCase(key), value]));
  const config = fieldModelSchema.parse({ family: 'dpot', ...settings });
  const model = buildModel(config, { kind: 'trajectories', space: [size, size], channels, window });
  return {
    expected,
    model,
    stored: await readPretrained(path('model'), model),
    values: (await tensors('inputs')).get('values')!,
    grid: { shape: [size, size, 2], data: new Float32Array(2 * size * size) },
    tensors: await tensors('expected'),
  };
}

const largest = ({ data }: HostTensor) => Math.max(...data.map(Math.abs));
const largestDifference = (found: HostTensor, expected: HostTensor) => {
  expect(found.shape).toEqual(expected.shape);
  return Math.max(...found.data.map((value, index) => Math.abs(value - expected.data[index]!)));
};

const cases = availableEngines().flatMap((engineName) => names.map((name) => ({ name, engineName })));

describe.each(cases)("$name on $engineName agrees with the authors' code", ({ name, engineName }) => {
  let engine: Engine;
  let fixture: Fixture;
  let given: [string, HostTensor][];
  beforeAll(async () => {
    engine = await openEngine(engineName);
    fixture = await readFixture(name);
    given = [...fixture.stored, ['/grid', fixture.grid]];
  });

  it('in a roll-out', async () => {
    const { model, values, tensors, expected } = fixture;
    const window = expected.config.in_timesteps;
    const [time, channels] = values.shape.slice(-2) as [number, number];
    const start = {
      shape: [...values.shape.slice(0, -2), window, channels],
      data: values.data.filter((_, index) => Math.floor(index / channels) % time < window),
    };
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/grid': grid, '/start': first, ...parameters } }) => ({
        results: { predicted: predictRollout(tf, model, parameters, { past: first! }, grid!, 2) },
      }),
      new Map([...given, ['/start', start]]),
    );
    const rollout = tensors.get('rollout')!;
    expect(largestDifference(results.get('predicted')!, rollout) / largest(rollout)).toBeLessThan(1e-5);
  });

  it('in loss and gradients of a roll-out', async () => {
    const { model, values, tensors, expected } = fixture;
    const stored = new Set(model.state!.map(({ name: each }) => each));
    const results = await runOnce(
      engine,
      (tf, { inputs: { '/grid': grid, '/values': all, ...tensorsGiven } }) => {
        const trained = Object.fromEntries(Object.entries(tensorsGiven).filter(([key]) => !stored.has(key)));
        const batch = { values: all!, grid: grid! };
        const objective = (current: NamedTensors) =>
          rolloutLoss(tf, model, current, expected.config.in_timesteps, batch);
        const { loss, gradients } = lossAndGradients(tf, objective, trained);
        return { results: { '/loss': loss, ...gradients } };
      },
      new Map([...given, ['/values', values]]),
    );
    expect(Math.abs(results.get('/loss')!.data[0]! / expected.loss - 1)).toBeLessThan(3e-6);
    const gradients = [...tensors].filter(([key]) => key.startsWith('gradients/'));
    expect(gradients.map(([key]) => key.slice('gradients/'.length)).sort()).toEqual(
      model.parameters.map(({ name: each }) => each).sort(),
    );
    for (const [key, gradient] of gradients) {
      const found = results.get(key.slice('gradients/'.length))!;
      expect(largestDifference(found, gradient) / largest(gradient), key).toBeLessThan(2e-4);
    }
  });

  it('keeps the classifier of pre-training as it is in training', async () => {
    const { model, stored, values, grid, expected } = fixture;
    const problem = trajectoryProblem({
      model,
      data: inMemory(
        {
          kind: 'trajectories',
          shape: values.shape,
          grid: { shape: grid.shape, values: grid.data },
          channels: Array.from({ length: values.shape.at(-1)! }, (_, channel) => `u${channel}`),
          rows: [0, 1],
        },
        { values: values.data },
      ),
      window: expected.config.in_timesteps,
      rolloutSteps: 2,
      batchSize: 2,
      accumulate: 2,
      seed: 1,
    });
    const { parameters } = await trainEpoch({
      engine,
      problem,
      optimizer: buildOptimizer(optimizerSchema.parse({ name: 'adamw' })),
      parameters: stored,
      state: undefined,
      epoch: 1,
      baseRate: () => 1e-3,
      weightDecay: 0.1,
      rates: {},
      sam: { rho: 0.05, adaptive: false },
    });
    expect([...parameters.keys()].sort()).toEqual([...stored.keys()].sort());
    for (const { name: key } of model.state!) expect(parameters.get(key)).toEqual(stored.get(key));
    for (const { name: key } of model.parameters) expect(parameters.get(key), key).not.toEqual(stored.get(key));
  });
});

describe('dpot', () => {
  const format = { kind: 'trajectories', space: [128, 128], channels: 4, window: 10 } as const;
  const parse = (settings: object = {}) => fieldModelSchema.parse({ family: 'dpot', ...settings });
  const small = { embedDim: 16, nBlocks: 2, depth: 1, patchSize: 4 };
  const build = (settings: object, changes: object = {}) =>
    buildModel(parse({ ...small, ...settings }), { ...format, space: [16, 16], ...changes });

  it.each([
    ['Ti', {}, 7534643],
    ['S', { embedDim: 1024, nBlocks: 8, depth: 6 }, 30801459],
  ])('has the size of the published %s', (_, settings, size) => {
    const { parameters, state } = buildModel(parse(settings), format);
    expect([...parameters, ...state!].reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(size);
  });

  it('counts the operations of a forward pass', () => {
    // PyTorch counts convolutions and products alone, and those of the classifier: 5.3e5.
    const { forwardFlops } = buildModel(parse(), format);
    const transforms = 4 * 8 * 144 * 256 * 512;
    expect(Math.abs((forwardFlops - transforms) / 3767621632 - 1)).toBeLessThan(1e-2);
  });

  it('counts what a forward pass keeps for the gradient', () => {
    // 4 x 4 patches of 4 x 4 points, of which 4 x 3 frequencies are kept.
    const { activations } = build({ mlpRatio: 2 }, { channels: 1, window: 2 });
    const embedding = 2 * (256 + 16 * (3 * 7 + 2 * 16));
    const mixing = 2 * 12 * 16 * 4;
    const rest = 16 * (4 * 16 + 3 * 32);
    const output = 256 * 32 * 6;
    expect(activations).toBe(embedding + mixing + rest + output);
  });

  it('has a layer for every convolution and filter, which biases and norms follow', () => {
    const { layers, parameters, head } = build({});
    expect(head!.every((name) => layers.some((layer) => layer.name === name))).toBe(true);
    expect(layers.map(({ name }) => name)).toEqual([
      'patch_embed.proj.0',
      'patch_embed.proj.2',
      'blocks.0.filter',
      'blocks.0.mlp.0',
      'blocks.0.mlp.2',
      'out_layer.0',
      'out_layer.2',
      'out_layer.4',
    ]);
    const followed = Object.fromEntries(parameters.map(({ name, layer }) => [name, layer]));
    expect(followed).toMatchObject({
      'blocks.0.norm1.weight': undefined,
      'blocks.0.norm2.weight': 'blocks.0.filter',
      'blocks.0.mlp.2.bias': 'blocks.0.mlp.2',
      'blocks.0.filter.b1': 'blocks.0.filter',
      pos_embed: undefined,
    });
  });

  it('draws every tensor from the seed, as the authors do', () => {
    const model = build({});
    const values = model.initialise(randomFor(1, 'initialise'));
    expect([...values.keys()]).toEqual([...model.parameters, ...model.state!].map(({ name }) => name));
    expect(largest(values.get('blocks.0.filter.w1')!)).toBeLessThan(1 / 64);
    expect(Math.min(...values.get('blocks.0.filter.w1')!.data)).toBeGreaterThanOrEqual(0);
    const gamma = values.get('time_agg_layer.gamma')!.data;
    expect([gamma[0], gamma.at(-1)]).toEqual([2 ** -10, 2 ** 10]);
    expect(model.initialise(randomFor(1, 'initialise'))).toEqual(values);
  });

  it('takes weights of other channels with a fresh head, and no other window', async () => {
    const { expected, stored } = await readFixture('dpot_plain');
    const { n_blocks: nBlocks, embed_dim: embedDim, depth, out_layer_dim: outLayerDim, n_cls: nCls } = expected.config;
    const settings = { nBlocks, embedDim, depth, outLayerDim, nCls };
    const other = build(settings, { channels: 3, window: 3 });
    const fresh = other.initialise(randomFor(1, 'initialise'));
    const path = fixturePath('models', 'dpot_plain', 'model.safetensors');
    const values = await readPretrained(path, other, { freshHead: () => fresh });
    const isNew = (name: string) => /^(patch_embed\.proj|out_layer)\./.test(name);
    for (const [name, tensor] of values) expect(tensor, name).toEqual((isNew(name) ? fresh : stored).get(name));
    const longer = build(settings, { channels: 3, window: 4 });
    await expect(readPretrained(path, longer, { freshHead: () => fresh })).rejects.toThrow('time_agg_layer.w');
  });

  it.each([
    ['data on a line', {}, { space: [16] }, 'needs data with 2 space axes, not 1'],
    ['fields that are not square', {}, { space: [16, 32] }, 'takes square fields, not 16 x 32 points'],
    ['patches that do not fit', { patchSize: 5 }, {}, '16 points are no multiple of a patch of 5'],
    ['blocks that do not fit', { nBlocks: 3 }, {}, 'embedDim 16 is no multiple of nBlocks 3'],
    ['a static map', {}, { window: 0, statics: 1 }, 'is given past time steps, and this data has none'],
    ['static fields', {}, { statics: 1 }, 'takes no fields that stay as they are'],
    ['too many patches', { patchSize: 1 }, { space: [128, 128] }, '128 x 128 patches are too many'],
  ])('refuses %s', (_, settings, changes, message) => {
    expect(() => build(settings, changes)).toThrow(message);
  });

  it.each([{ mixingType: 'attention' }, { act: 'ELU' }, { timeAgg: 'sum' }, { embedDim: 20 }])(
    'refuses %o',
    (settings) => {
      expect(fieldModelSchema.safeParse({ family: 'dpot', ...settings }).success).toBe(false);
    },
  );
});
