import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory, type Trajectories } from '../../shared/datasets/trajectories.ts';
import { type Engine, knownInputs } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensor, type HostTensors } from '../../shared/tensors/tensor.ts';
import type { Optimizer } from '../../shared/training/optimizer.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { type PredictionRequest, predictAll } from '../../shared/training/predict.ts';
import type { Objective, Problem } from '../../shared/training/problem.ts';
import { type EpochRequest, type RateChanges, trainEpoch } from '../../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';

const window = 3;
const rolloutSteps = 2;
const format = { kind: 'trajectories', space: [8], channels: 2, window } as const;
const model = buildModel(fieldModelSchema.parse({ family: 'fno1d', modes: 3, width: 4, projection: 8 }), format);
const initial = model.initialise(randomFor(3, 'initialise'));

/** Waves that travel at their own speed, with some time steps more than are asked for. */
function waves(samples: number, time = window + rolloutSteps + 1): Trajectories {
  const random = randomFor(5, 'waves');
  const shape = [samples, ...format.space, time, format.channels];
  const values = new Float32Array(elementCount(shape));
  for (let sample = 0, at = 0; sample < samples; sample++) {
    const [speed, phase] = [random.uniform(), random.uniform()];
    for (let x = 0; x < 8; x++) {
      for (let t = 0; t < time; t++) {
        for (let channel = 0; channel < 2; channel++) {
          values[at++] = Math.sin(2 * Math.PI * (x / 8 + phase + channel / 4) - speed * t);
        }
      }
    }
  }
  const grid = { shape: [8, 1], values: Float32Array.from({ length: 8 }, (_, x) => x / 8) };
  return inMemory(
    { kind: 'trajectories', shape, grid, channels: ['u', 'v'], rows: [...Array(samples).keys()] },
    { values },
  );
}

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('wasm');
});

const adam = () => buildOptimizer(optimizerSchema.parse({ name: 'adam' }));

const problem = (changes: Partial<Parameters<typeof trajectoryProblem>[0]> = {}): Problem =>
  trajectoryProblem({ model, data: waves(5), window, rolloutSteps, batchSize: 2, seed: 1, ...changes });

const request = (changes: Partial<EpochRequest> = {}): EpochRequest => ({
  engine,
  problem: problem(),
  optimizer: adam(),
  parameters: initial,
  state: undefined,
  epoch: 1,
  baseRate: () => 1e-2,
  weightDecay: 1e-4,
  rates: {},
  ...changes,
});

const prediction = (changes: Partial<PredictionRequest> = {}): PredictionRequest => ({
  engine,
  model,
  parameters: initial,
  data: waves(5),
  window,
  rolloutSteps,
  batchSize: 2,
  ...changes,
});

async function trainFor(epochs: number, changes: Partial<EpochRequest> = {}) {
  let at: { parameters: HostTensors; state: HostTensors | undefined } = { parameters: initial, state: undefined };
  const losses: number[] = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const result = await trainEpoch(request({ ...changes, ...at, epoch }));
    losses.push(result.loss);
    at = result;
  }
  return { ...at, losses };
}

/** Notes the numbers in the scalars that each update is given, and updates as `inner` does. */
function recording(inner: Optimizer) {
  const steps: { step: number; learningRates: Record<string, number>; weightDecays: Record<string, number> }[] = [];
  const numbers = (scalars: Readonly<Record<string, { dataSync(): ArrayLike<number> }>>) =>
    Object.fromEntries(Object.entries(scalars).map(([name, scalar]) => [name, scalar.dataSync()[0]!]));
  const optimizer: Optimizer = {
    elementwise: false,
    init: (specs) => inner.init(specs),
    update(tf, specs, parameters, gradients, state, scalars) {
      steps.push({
        step: scalars.step.dataSync()[0]!,
        learningRates: numbers(scalars.learningRates),
        weightDecays: numbers(scalars.weightDecays),
      });
      return inner.update(tf, specs, parameters, gradients, state, scalars);
    },
  };
  return { optimizer, steps };
}

describe('trainEpoch', () => {
  it('lowers the loss', async () => {
    const { losses } = await trainFor(12);
    expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
  });

  it('gives the same bits again from the same host tensors', async () => {
    const [once, again] = [await trainFor(2), await trainFor(2)];
    expect(again).toEqual(once);
  });

  it('depends on the seed through the order of batches', async () => {
    const [one, two] = [await trainEpoch(request()), await trainEpoch(request({ problem: problem({ seed: 2 }) }))];
    expect(two.losses).not.toEqual(one.losses);
  });

  it('leaves its arguments alone', async () => {
    const before = structuredClone(new Map(initial));
    await trainEpoch(request());
    expect(new Map(initial)).toEqual(before);
  });

  it('leaves nothing behind on the engine', async () => {
    await trainEpoch(request());
    const { numTensors, numDataBuffers } = engine.tf.memory();
    await trainEpoch(request());
    await predictAll(prediction());
    expect(engine.tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  });

  it('reports every step, and a mean loss', async () => {
    const seen: unknown[] = [];
    const { loss, losses } = await trainEpoch(request({ onStep: (progress) => seen.push(progress) }));
    expect(seen).toEqual(losses.map((each, index) => ({ step: index + 1, steps: 3, loss: each })));
    expect(loss).toBeCloseTo((losses[0]! + losses[1]! + losses[2]!) / 3, 12);
  });

  it('takes as many steps as there are, and notes no more of each than two numbers', async () => {
    const steps = 150_000;
    const results: HostTensors = new Map(
      ['loss', 'gradientNorm'].map((name) => [name, { shape: [], data: Float32Array.of(1) }]),
    );
    const loop: Engine['loop'] = async (_, { carried }) => ({
      run: async () => results,
      read: async () => carried,
      finish: async () => carried,
      close: async () => {},
    });
    const many = {
      ...problem(),
      stepsPerEpoch: steps,
      batches: () => Array(steps).fill(() => [{ count: 1, inputs: new Map() }]),
    };
    const result = await trainEpoch(request({ engine: { ...engine, loop }, problem: many }));
    const perStep = Object.entries(result).filter(([, value]) => Array.isArray(value) && value.length === steps);
    expect(perStep.map(([name]) => name)).toEqual(['losses', 'baseLearningRates']);
    expect(JSON.stringify(result.applied).length).toBeLessThan(steps);
    expect(result.gradientNorm).toEqual({ mean: 1, largest: 1 });
  });

  it('records, for every step and parameter, the rates that the optimizer used', async () => {
    const { optimizer, steps } = recording(adam());
    const rates = {
      'fc0.weight': { learningRate: 2, weightDecay: 0.5 },
      'fc0.bias': { learningRate: 2, weightDecay: 0.5 },
      'conv1.weights1': { learningRate: 0.3, weightDecay: 1 },
    };
    const baseRate = (step: number) => 1e-3 / (step + 1);
    const second = {
      epoch: 2,
      state: new Map([...adam().init(model.parameters), ['step', { shape: [], data: Float32Array.of(3) }]]),
    };
    const { applied, baseLearningRates } = await trainEpoch(request({ optimizer, rates, baseRate, ...second }));
    expect(applied.flatMap(({ parameters }) => parameters).sort()).toEqual(
      model.parameters.map(({ name }) => name).sort(),
    );
    expect(steps.map(({ step }) => step)).toEqual([4, 5, 6]);
    for (const { parameters, learningRateMultiplier, weightDecay } of applied) {
      const rates = baseLearningRates.map((base) => Math.fround(base * learningRateMultiplier));
      for (const name of parameters) {
        expect(rates).toEqual(steps.map(({ learningRates }) => learningRates[name]));
        expect(steps.map(({ weightDecays }) => weightDecays[name])).toEqual(steps.map(() => Math.fround(weightDecay)));
      }
    }
    const fc0 = applied.find(({ group }) => group === 'fc0')!;
    expect(fc0).toMatchObject({
      parameters: ['fc0.weight', 'fc0.bias'],
      learningRateMultiplier: 2,
      weightDecayMultiplier: 0.5,
      weightDecay: 0.5e-4,
    });
    expect(applied.find(({ group }) => group === 'conv1')!.learningRateMultiplier).toBe(0.3);
    expect(applied.find(({ group }) => group === 'fc2')!.learningRateMultiplier).toBe(1);
    expect(baseLearningRates).toEqual([3, 4, 5].map(baseRate));
  });

  it('sets rates anew after the steps that are named, by the parameters as they are then', async () => {
    const { optimizer, steps } = recording(adam());
    const names = model.parameters.map(({ name }) => name);
    const read = new Map<string, HostTensor>();
    const { applied } = await trainEpoch(
      request({
        optimizer,
        changes: {
          after: [2],
          async set(step, parameter) {
            expect(step).toBe(2);
            for (const name of names) read.set(name, await parameter(name));
            return { rates: { 'fc0.weight': { learningRate: 3, weightDecay: 1 } } };
          },
        },
      }),
    );
    expect(steps.map(({ learningRates }) => learningRates['fc0.weight'])).toEqual(
      [1e-2, 1e-2, 3 * 1e-2].map(Math.fround),
    );
    expect(applied.find(({ group }) => group === 'fc0')!.learningRateMultiplier).toBe(3);
    const upTo = await trainEpoch(request({ baseRate: (step) => (step < 2 ? 1e-2 : 0) }));
    expect(read).toEqual(upTo.parameters);
  });

  it('begins a step while its rates are being set, to the bits of one that is begun afterwards', async () => {
    const onnx = await openEngine('onnx');
    const afterwards: Engine = {
      ...onnx,
      async loop(...given) {
        const loop = await onnx.loop(...given);
        return {
          ...loop,
          async run(inputs, { late, ...options } = {}) {
            const known = await knownInputs(inputs, late);
            return known ? loop.run(known, options) : new Map();
          },
        };
      },
    };
    const trainedOn = async (engine: Engine) => {
      const order: string[] = [];
      const { parameters, state, losses, applied } = await trainEpoch(
        request({
          engine,
          onStep: ({ step }) => order.push(`step ${step}`),
          changes: {
            after: [1, 2, 3],
            async set(step, parameter) {
              const { data } = await parameter('fc0.weight');
              order.push(`rates ${step}`);
              return { rates: { 'fc0.weight': { learningRate: 1 + Math.abs(data[0]!), weightDecay: 1 } } };
            },
          },
        }),
      );
      return { parameters, state, losses, applied, order };
    };
    const found = await trainedOn(onnx);
    expect(found).toEqual(await trainedOn(afterwards));
    expect(found.order).toEqual(['step 1', 'rates 1', 'step 2', 'rates 2', 'step 3', 'rates 3']);
  });

  it('takes no step whose rates can not be set', async () => {
    const steps: number[] = [];
    const changes: RateChanges = { after: [2], set: () => Promise.reject(new Error('no spectra')) };
    const epoch = trainEpoch(
      request({ engine: await openEngine('onnx'), changes, onStep: ({ step }) => steps.push(step) }),
    );
    await expect(epoch).rejects.toThrow('no spectra');
    expect(steps).toEqual([1, 2]);
  });

  it('ends as diverged where rates would follow from parameters that are not finite', async () => {
    const changes: RateChanges = {
      after: [1],
      async set(_, parameter) {
        await parameter('fc0.weight');
        return { rates: {} };
      },
    };
    const { diverged } = await trainEpoch(request({ baseRate: () => 1e39, changes }));
    expect(diverged).toMatchObject({ step: 1 });
  });

  it('keeps count of the steps, for the bias correction after a resume', async () => {
    const first = await trainEpoch(request());
    expect(first.state.get('step')).toEqual({ shape: [], data: Float32Array.of(3) });
    const second = await trainEpoch(request({ ...first, epoch: 2 }));
    expect(second.state.get('step')!.data[0]).toBe(6);
  });

  it('gives the event loop a turn after every step', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await trainEpoch(request({ problem: problem({ batchSize: 1 }) }));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('stops at the first loss that is not finite and hands back what it was given', async () => {
    const seen: number[] = [];
    const onStep = ({ step }: { step: number }) => seen.push(step);
    const result = await trainEpoch(request({ baseRate: (step) => (step === 0 ? 1e30 : 1e-3), onStep }));
    expect(result.diverged).toMatchObject({ step: 2, loss: result.losses[1] });
    expect(Number.isFinite(result.losses[1])).toBe(false);
    expect(result.losses).toHaveLength(2);
    expect(seen).toEqual([1]);
    expect(result.parameters).toBe(initial);
  });

  it('takes what is donated, to the same bits, and hands nothing back where it diverges', async () => {
    const kept = await trainEpoch(request());
    const copyOf = (tensors: HostTensors) =>
      new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
    const given = { parameters: copyOf(kept.parameters), state: copyOf(kept.state), epoch: 2 };
    const second = await trainEpoch(request({ ...kept, epoch: 2 }));
    const same = await trainEpoch(request({ ...given, donates: true }));
    expect(same.parameters).toEqual(second.parameters);
    expect(same.state).toEqual(second.state);
    const diverged = await trainEpoch(
      request({ parameters: copyOf(kept.parameters), donates: true, baseRate: () => 1e30 }),
    );
    expect(diverged.diverged).toBeDefined();
    expect([diverged.parameters.size, diverged.state.size]).toEqual([0, 0]);
  });

  it('finds weights that stop being finite in the very last step', async () => {
    const result = await trainEpoch(request({ baseRate: (step) => (step === 2 ? Number.POSITIVE_INFINITY : 1e-3) }));
    expect(result.diverged).toMatchObject({ step: 3, loss: result.losses[2] });
    expect([result.diverged!.loss, result.diverged!.gradientNorm].every(Number.isFinite)).toBe(true);
    expect(result.parameters).toBe(initial);
  });

  it('stops at the first gradient that is not finite, though the loss is', async () => {
    const whole = problem();
    // Values whose squares are finite numbers in float32, and those of the gradient's elements are not.
    const objective: Objective = {
      ...whole.objective,
      loss: (...given) => given[0].mul(whole.objective.loss(...given), 1e30),
    };
    const result = await trainEpoch(request({ problem: { ...whole, objective } }));
    expect(Number.isFinite(result.losses[0])).toBe(true);
    expect(result.diverged).toEqual({ step: 1, loss: result.losses[0], gradientNorm: Number.POSITIVE_INFINITY });
    expect(result.losses).toHaveLength(1);
    expect(result.parameters).toBe(initial);
  });

  it('refuses trajectories that are too short', () => {
    expect(() => problem({ data: waves(2, 4) })).toThrow(/need 5 time steps, but the data has 4/);
  });
});

describe('predictAll', () => {
  it('rolls every trajectory out, whatever the batch size', async () => {
    const all = await predictAll(prediction({ batchSize: 5 }));
    const byTwo = await predictAll(prediction({ batchSize: 2 }));
    expect(all.shape).toEqual([5, 8, rolloutSteps, 2]);
    expect(Math.max(...all.data.map((value, index) => Math.abs(value - byTwo.data[index]!)))).toBeLessThan(1e-6);
  });

  it('approaches the data as training goes on', async () => {
    const data = waves(5);
    const { parameters } = await trainFor(12);
    const error = async (weights: HostTensors) => {
      const predicted = await predictAll(prediction({ parameters: weights, batchSize: 5 }));
      const { values } = await data.read([0, 1, 2, 3, 4]);
      let sum = 0;
      for (let row = 0; row < 5 * 8; row++) {
        for (let i = 0; i < rolloutSteps * 2; i++) {
          sum += (predicted.data[row * rolloutSteps * 2 + i]! - values[row * 12 + window * 2 + i]!) ** 2;
        }
      }
      return sum;
    };
    expect(await error(parameters)).toBeLessThan(0.5 * (await error(initial)));
  });
});
