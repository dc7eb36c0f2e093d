import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { predictAll } from '../../shared/training/predict.ts';
import {
  bert,
  fields,
  hasNoGradient,
  llama,
  moments,
  type Prepared,
  relative,
  rolloutSteps,
  type FieldSetup as Setup,
  setUp,
  setUpTexts,
  train,
  window,
} from '../support/conformance.ts';

const setups = [
  { family: 'fno1d', space: [16], optimizer: 'adam' },
  { family: 'fno1d', space: [12], optimizer: 'sgd' },
  { family: 'fno1d', space: [10], optimizer: 'adafactor' },
  { family: 'fno1d', space: [8], optimizer: 'lars' },
  { family: 'fno1d', space: [14], optimizer: 'lamb' },
  { family: 'fno1d', space: [18], optimizer: 'muon' },
  { family: 'fno1d', space: [20], optimizer: 'adamw', ema: { decay: 0.9 } },
  { family: 'fno2d', space: [8, 6], optimizer: 'adamw' },
  {
    family: 'fno3d',
    space: [6, 4, 6],
    optimizer: 'adam',
    settings: { modes: [3, 2, 3], padding: [0, 0, 1], blocks: 3 },
  },
  { family: 'neuralop-fno', space: [6, 8], optimizer: 'adamw', settings: { modes: [4, 5], blocks: 2 } },
  { family: 'tfno', space: [12], optimizer: 'adam', settings: { modes: 6, blocks: 2, rank: 0.5 } },
  {
    family: 'deeponet',
    space: [5, 4],
    optimizer: 'adamw',
    settings: { width: 8, depth: 1, basis: 8, activation: 'relu' },
  },
] as const;

/** The epoch after two steps, of batches of three. */
const trainOneMore = (
  engine: Engine,
  setup: Setup,
  { parameters, state }: { parameters: HostTensors; state: HostTensors | undefined },
  changes: Parameters<typeof train>[3],
) => train(engine, setUp(setup), 2, { ...changes, parameters, state, epoch: 2 });

/** How far engines may be apart: they add in different orders, and steps make more of it. */
const tolerances = [
  { steps: 1, loss: 1e-6, moment: 2e-5 },
  { steps: 5, loss: 5e-6, moment: 1e-4 },
  { steps: 50, loss: 2e-4, moment: 1e-2 },
];

const engineNames = availableEngines().filter((name) => name !== 'cpu');
const cases = engineNames.flatMap((engineName) => setups.map((setup) => ({ engineName, ...setup })));

const trainedPlainly = new Map<string, ReturnType<typeof train>>();

/** What the plain engine makes of it; computed once for all engines. */
async function trainPlainly(
  prepare: () => Prepared | Promise<Prepared>,
  of: unknown,
  steps: number,
  changes: Parameters<typeof train>[3] = {},
) {
  const key = JSON.stringify([of, steps, changes]);
  const before = trainedPlainly.get(key);
  if (before) return before;
  const result = train(await openEngine('cpu'), await prepare(), steps, changes);
  trainedPlainly.set(key, result);
  return result;
}

describe.each(cases)('$family with $optimizer on $engineName', ({ engineName, ...setup }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it.each(tolerances)('has the losses and moments of the plain engine after $steps steps', async (allowed) => {
    const expected = await trainPlainly(() => setUp(setup), setup, allowed.steps);
    await openEngine(engineName);
    const found = await train(engine, setUp(setup), allowed.steps);
    for (const [index, loss] of expected.losses.entries()) {
      expect(Math.abs(found.losses[index]! / loss - 1)).toBeLessThan(allowed.loss);
    }
    const state = new Map(moments(found));
    for (const [name, { data }] of moments(expected)) {
      expect(relative(state.get(name)!.data, data), name).toBeLessThan(allowed.moment);
    }
  });

  it.each([
    { rho: 0.05, adaptive: false },
    { rho: 0.5, adaptive: true },
  ])('has the losses and moments of the plain engine with SAM, adaptive $adaptive', async (sam) => {
    const expected = await trainPlainly(() => setUp(setup), setup, 5, { sam });
    await openEngine(engineName);
    const found = await train(engine, setUp(setup), 5, { sam });
    for (const [index, loss] of expected.losses.entries()) {
      expect(Math.abs(found.losses[index]! / loss - 1)).toBeLessThan(5e-6);
    }
    const state = new Map(moments(found));
    for (const [name, { data }] of moments(expected)) {
      expect(relative(state.get(name)!.data, data), name).toBeLessThan(1e-4);
    }
  });

  it('gives the same bits twice, with what is compiled and without', async () => {
    await openEngine(engineName);
    const from = setUp(setup);
    const first = await train(engine, from, 6);
    expect(await train(engine, from, 6)).toEqual(first);
    expect(await train(engine, setUp(setup), 6)).toEqual(first);
  });

  let inOnePart: ReturnType<typeof train> | undefined;
  it.each([2, 3, 7])('takes the same steps where batches are computed in %i parts', async (accumulate) => {
    await openEngine(engineName);
    inOnePart ??= train(engine, setUp(setup), 4, { batchSize: 3 });
    const whole = await inOnePart;
    const inParts = await train(engine, setUp(setup), 4, { batchSize: 3, accumulate });
    const state = new Map(moments(inParts));
    for (const [index, loss] of whole.losses.entries()) {
      expect(Math.abs(inParts.losses[index]! / loss - 1)).toBeLessThan(5e-6);
    }
    for (const [name, { data }] of moments(whole))
      expect(relative(state.get(name)!.data, data), name).toBeLessThan(1e-4);
  });

  it.each([
    ['', undefined],
    [', with SAM', { rho: 0.05, adaptive: false }],
  ])(
    'gives the same bits with gradients summed up and clipped%s, also when it goes on from an epoch',
    async (_, sam) => {
      await openEngine(engineName);
      const changes = { batchSize: 3, accumulate: 2, clipNorm: 0.1, sam };
      const through = await train(engine, setUp(setup), 4, changes);
      expect(await train(engine, setUp(setup), 4, changes)).toEqual(through);
      const first = await train(engine, setUp(setup), 2, changes);
      const { parameters, losses } = await trainOneMore(engine, setup, first, changes);
      expect([...first.losses, ...losses]).toEqual(through.losses);
      expect(parameters).toEqual(through.parameters);
    },
  );

  it('shortens gradients that are longer than clipNorm, and leaves others alone', async () => {
    await openEngine(engineName);
    const plain = await train(engine, setUp(setup), 1);
    const norm = plain.norms[0]!;
    const gentle = await train(engine, setUp(setup), 1, { clipNorm: 2 * norm });
    expect(gentle.losses).toEqual(plain.losses);
    for (const [name, { data }] of moments(plain)) {
      expect(relative(new Map(moments(gentle)).get(name)!.data, data), name).toBeLessThan(1e-6);
    }
    const strict = await train(engine, setUp(setup), 1, { clipNorm: norm / 4, weightDecay: 0 });
    const free = await train(engine, setUp(setup), 1, { weightDecay: 0 });
    expect(strict.norms).toEqual(plain.norms);
    // First moments and velocities are linear in the gradient, second moments go with its square; steps of LARS on matrices don't change.
    const isStep = (name: string) => setup.optimizer === 'lars' && !name.endsWith('bias');
    for (const [name, { data }] of moments(free)) {
      if (name.startsWith('average/')) continue;
      const factor = name.startsWith('secondMoment') ? 16 : isStep(name) ? 1 : 4;
      const grown = new Map(moments(strict)).get(name)!.data.map((value) => factor * value);
      expect(relative(grown, data), name).toBeLessThan(1e-5);
    }
  });

  it('predicts as the plain engine does, a smaller last batch included', async () => {
    const { model, parameters } = setUp(setup);
    const request = { model, parameters, data: fields(setup.space), window, rolloutSteps, batchSize: 3 };
    const expected = await predictAll({ ...request, engine: await openEngine('cpu') });
    await openEngine(engineName);
    const found = await predictAll({ ...request, engine });
    expect(found.shape).toEqual(expected.shape);
    expect(relative(found.data, expected.data)).toBeLessThan(1e-5);
  });
});

const languageSetups = [
  { name: 'a classifier', config: bert, task: 'classification' },
  { name: 'a causal language model', config: llama, task: 'causal-lm' },
  { name: 'an adapter with dropout of its own', config: bert, task: 'classification', adapted: true },
  {
    name: 'a classifier with muon and an average of its weights',
    config: bert,
    task: 'classification',
    averaged: true,
  },
] as const;

describe.each(engineNames.flatMap((engineName) => languageSetups.map((setup) => ({ engineName, ...setup }))))(
  '$name on $engineName',
  ({ engineName, ...setup }) => {
    it.each([
      ['', {}],
      [' in batches of two parts', { accumulate: 2 }],
      [' with SAM', { sam: { rho: 0.05, adaptive: false } }],
      [
        ' with ASAM, in batches of two parts and clipped',
        { accumulate: 2, sam: { rho: 0.5, adaptive: true }, clipNorm: 0.1 },
      ],
    ])('has the losses and moments of the plain engine after 5 steps%s', async (_, changes) => {
      const settings = { batchSize: 3, ...changes };
      const expected = await trainPlainly(() => setUpTexts(setup), setup, 5, settings);
      const found = await train(await openEngine(engineName), await setUpTexts(setup), 5, settings);
      for (const [index, loss] of expected.losses.entries()) {
        expect(Math.abs(found.losses[index]! / loss - 1)).toBeLessThan(5e-6);
      }
      const state = new Map(moments(found));
      for (const [name, { data }] of moments(expected)) {
        const own = state.get(name)!.data;
        if (hasNoGradient(name))
          expect(Math.max(...own.map(Math.abs)), name).toBeLessThan(name.startsWith('average/') ? 1e-7 : 1e-9);
        // The steps of Adam's first moments are as large where a gradient is next to nothing: ASAM makes of rounding up to 1e-4 of what a bias is after five of them.
        else expect(relative(own, data), name).toBeLessThan(name.startsWith('average/') ? 3e-4 : 1e-4);
      }
    });
  },
);
