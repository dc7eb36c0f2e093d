import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../shared/core/random.ts';
import { inMemory } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, fieldModelSchema } from '../../shared/models/registry.ts';
import { elementCount, type HostTensors } from '../../shared/tensors/tensor.ts';
import { emaSchema, joinAverage, splitAverage, withAverage } from '../../shared/training/ema.ts';
import { buildOptimizer, optimizerFamilies, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { type EpochRequest, type EpochResult, trainEpoch } from '../../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../../shared/training/workloads/trajectory-problem.ts';

const [samples, space, window, rolloutSteps] = [4, [32], 3, 2];
const format = { kind: 'trajectories', space, channels: 1, window } as const;
const model = buildModel(fieldModelSchema.parse({ family: 'unet1d', initFeatures: 2 }), format);
const initial = model.initialise(randomFor(3, 'initialise'));
const shape = [samples, ...space, window + rolloutSteps, 1];
const random = randomFor(5, 'values');
const data = inMemory(
  {
    kind: 'trajectories' as const,
    shape,
    grid: { shape: [32, 1], values: new Float32Array(32) },
    channels: ['u'],
    rows: [0, 1, 2, 3],
  },
  { values: new Float32Array(elementCount(shape)).map(() => random.normal()) },
);
const problemOf = ({ batchSize = 4, accumulate = 1 }) =>
  trajectoryProblem({ model, data, window, rolloutSteps, batchSize, accumulate, seed: 1 });

interface Changes extends Partial<EpochRequest> {
  readonly batchSize?: number;
  readonly accumulate?: number;
}

/** Epochs of one step each, unless batches are smaller. */
async function train(engine: Engine, epochs: number, { batchSize, accumulate, ...changes }: Changes = {}) {
  const problem = problemOf({ ...(batchSize && { batchSize }), ...(accumulate && { accumulate }) });
  let at: Pick<EpochResult, 'parameters' | 'state'> | { parameters: HostTensors; state: undefined } = {
    parameters: initial,
    state: undefined,
  };
  const losses: number[] = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const trained: EpochResult = await trainEpoch({
      engine,
      problem,
      optimizer: buildOptimizer(optimizerSchema.parse({ name: 'sgd' })),
      ...at,
      epoch,
      baseRate: () => 0.01,
      weightDecay: 0.1,
      rates: { 'conv.weight': { learningRate: 0.5, weightDecay: 2 } },
      ...changes,
    });
    losses.push(...trained.losses);
    at = trained;
  }
  return { ...at, losses };
}

const stateNames = model.state!.map(({ name }) => name);
const stateOf = ({ parameters }: { parameters: HostTensors }) =>
  new Map(stateNames.map((name) => [name, parameters.get(name)!]));

/** The largest difference of any value, relative to the largest of its tensor or 1. */
function farthest(found: HostTensors, expected: HostTensors): number {
  const each = [...expected].map(([name, { data: values }]) => {
    const differences = values.map((value, index) => Math.abs(value - found.get(name)!.data[index]!));
    return Math.max(...differences) / Math.max(1, ...values.map(Math.abs));
  });
  return Math.max(...each);
}

describe.each(availableEngines())('running statistics on %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it('are those of the plain engine after five steps, as are losses and parameters', async () => {
    const expected = await train(await openEngine('cpu'), 5);
    await openEngine(engineName);
    const found = await train(engine, 5);
    expect([...found.parameters.keys()]).toEqual([...initial.keys()]);
    for (const [index, loss] of expected.losses.entries()) {
      expect(Math.abs(found.losses[index]! / loss - 1)).toBeLessThan(2e-5);
    }
    expect(farthest(found.parameters, expected.parameters)).toBeLessThan(1e-4);
    expect(found.parameters.get(stateNames[2]!)!.data).toEqual(Float32Array.of(5 * rolloutSteps));
  });

  it('are the same bits again, also when training goes on from an epoch, with small parameters side by side', async () => {
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adamw' }));
    const through = await train(engine, 3, { optimizer, batchSize: 3 });
    const first = await train(engine, 2, { optimizer, batchSize: 3 });
    const last = await trainEpoch({
      ...{ engine, optimizer, problem: problemOf({ batchSize: 3 }) },
      parameters: first.parameters,
      state: first.state,
      ...{ epoch: 3, baseRate: () => 0.01, weightDecay: 0.1 },
      rates: { 'conv.weight': { learningRate: 0.5, weightDecay: 2 } },
    });
    expect(last.parameters).toEqual(through.parameters);
    expect(last.state).toEqual(through.state);
  });

  it('are moved by each part of a batch, one after the other', async () => {
    // At a rate of 0, a step of two parts sees what two steps of half the batch see.
    const inParts = await train(engine, 1, { batchSize: 4, accumulate: 2, baseRate: () => 0 });
    const inSteps = await train(engine, 1, { batchSize: 2, baseRate: () => 0 });
    expect(farthest(stateOf(inParts), stateOf(inSteps))).toBeLessThan(1e-6);
    expect(inParts.parameters.get(stateNames[2]!)!.data).toEqual(Float32Array.of(2 * rolloutSteps));
  });

  it("are not moved by SAM's second pass", async () => {
    const plain = await train(engine, 1);
    const sharp = await train(engine, 1, { sam: { rho: 0.5, adaptive: false } });
    expect(farthest(stateOf(sharp), stateOf(plain))).toBeLessThan(1e-6);
    expect(farthest(sharp.parameters, plain.parameters)).toBeGreaterThan(1e-4);
    const inParts = await train(engine, 1, { sam: { rho: 0.5, adaptive: false }, accumulate: 2 });
    expect(inParts.parameters.get(stateNames[2]!)!.data).toEqual(Float32Array.of(2 * rolloutSteps));
  });

  it('leave no tensor behind', async () => {
    const steps = (sam?: EpochRequest['sam']) => train(engine, 1, { batchSize: 2, accumulate: 2, sam });
    await steps();
    await steps({ rho: 0.5, adaptive: false });
    const { numTensors } = engine.tf.memory();
    await steps();
    await steps({ rho: 0.5, adaptive: false });
    expect(engine.tf.memory().numTensors).toBe(numTensors);
  });
});

describe('running statistics', () => {
  it('are copied beside an average of the weights', async () => {
    const engine = await openEngine('wasm');
    const optimizer = withAverage(
      buildOptimizer(optimizerSchema.parse({ name: 'sgd' })),
      emaSchema.parse({ decay: 0.9, warmUp: false }),
    );
    const first = await train(engine, 2, { optimizer });
    const { state, average } = splitAverage(first.state!, first.parameters);
    expect([...average!.keys()]).toEqual([...initial.keys()]);
    expect(stateOf({ parameters: average! })).toEqual(stateOf(first));
    // The weights' memory may be given back once they are written, before the average is.
    for (const [name, { data }] of average!) expect(data).not.toBe(first.parameters.get(name)!.data);
    expect(average!.get('conv.weight')).not.toEqual(first.parameters.get('conv.weight'));
    // A later epoch begins with the average alone, and has the statistics of its own end beside it.
    const joined = joinAverage(state, average, model.parameters);
    expect(joined).toEqual(first.state);
  });

  it.each(optimizerFamilies)('have no part in $name', async ({ name }) => {
    const engine = await openEngine('wasm');
    const optimizer = buildOptimizer(optimizerSchema.parse({ name }));
    const still = await train(engine, 1, { optimizer, baseRate: () => 0 });
    const moved = await train(engine, 1, { optimizer });
    expect(stateOf(moved)).toEqual(stateOf(still));
    expect([...moved.state!.keys()].filter((key) => /running|tracked/.test(key))).toEqual([]);
  });
});
