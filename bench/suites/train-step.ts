import { randomFor } from '../../shared/core/random.ts';
import type { Trajectories } from '../../shared/datasets/trajectories.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { buildModel, modelSchema } from '../../shared/models/registry.ts';
import { elementCount } from '../../shared/tensors/tensor.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { trainEpoch } from '../../shared/training/train-epoch.ts';
import { median, type Result, type Suite } from '../suite.ts';

interface Case {
  readonly name: string;
  readonly model: object;
  readonly space: readonly number[];
  readonly channels: number;
  readonly window: number;
  readonly rolloutSteps: number;
  readonly batchSize: number;
  readonly steps: number;
}

const cases: readonly Case[] = [
  {
    name: 'fno1d-demo',
    model: { family: 'fno1d', modes: 12, width: 20 },
    space: [64],
    channels: 1,
    window: 10,
    rolloutSteps: 20,
    batchSize: 4,
    steps: 12,
  },
  {
    name: 'fno2d-small',
    model: { family: 'fno2d', modes: 6, width: 20 },
    space: [32, 32],
    channels: 1,
    window: 10,
    rolloutSteps: 4,
    batchSize: 2,
    steps: 6,
  },
];

function noise({ name, space, channels, window, rolloutSteps, batchSize, steps }: Case): Trajectories {
  const random = randomFor(1, 'bench', name);
  const shape = [batchSize * steps, ...space, window + rolloutSteps, channels];
  const grid = [...space, space.length];
  const draw = (sizes: readonly number[]) => Float32Array.from({ length: elementCount(sizes) }, () => random.normal());
  return {
    kind: 'trajectories',
    shape,
    values: draw(shape),
    grid: { shape: grid, values: draw(grid) },
    channels: Array.from({ length: channels }, (_, index) => `channel${index}`),
    rows: [...Array(shape[0]).keys()],
  };
}

/** Time per training step: forward, backward through the roll-out, optimizer. */
export const trainStep: Suite = {
  name: 'train-step',
  async run({ engine: choice }) {
    const engine = await openEngine(choice, console.warn);
    const results: Result[] = [];
    for (const each of cases) {
      const times = await timeSteps(engine, each);
      results.push({
        case: each.name,
        engine: engine.version,
        rolloutSteps: each.rolloutSteps,
        batchSize: each.batchSize,
        firstStepMs: times[0]!,
        medianStepMs: median(times.slice(1)),
      });
    }
    return results;
  },
};

/** Milliseconds of every step, the first with its warm-up included. */
async function timeSteps(engine: Engine, each: Case): Promise<number[]> {
  const { window, rolloutSteps, batchSize, space, channels } = each;
  const model = buildModel(modelSchema.parse(each.model), { kind: 'trajectories', space, channels, window });
  const marks = [performance.now()];
  await trainEpoch({
    engine,
    model,
    optimizer: buildOptimizer(optimizerSchema.parse({ name: 'adam' }), model.parameters),
    parameters: model.initialise(randomFor(1, 'initialise')),
    state: undefined,
    data: noise(each),
    window,
    rolloutSteps,
    batchSize,
    seed: 1,
    epoch: 1,
    baseRate: () => 1e-3,
    weightDecay: 1e-4,
    rates: {},
    onStep: () => marks.push(performance.now()),
  });
  return marks.slice(1).map((mark, index) => mark - marks[index]!);
}
