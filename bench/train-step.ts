/** Median time per training step of seeded, named cases. Usage: node bench/train-step.ts [--json] [--engine NAME] */
import { parseArgs } from 'node:util';
import { randomFor } from '../shared/core/random.ts';
import type { Trajectories } from '../shared/datasets/trajectories.ts';
import { type EngineChoice, engineChoices, openEngine } from '../shared/engines/open-engine.ts';
import { buildModel, modelSchema } from '../shared/models/registry.ts';
import { elementCount } from '../shared/tensors/tensor.ts';
import { buildOptimizer, optimizerSchema } from '../shared/training/optimizers/registry.ts';
import { trainEpoch } from '../shared/training/train-epoch.ts';

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

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const { values: options } = parseArgs({
  options: { json: { type: 'boolean', default: false }, engine: { type: 'string', default: 'auto' } },
});
if (!engineChoices.includes(options.engine as EngineChoice)) {
  throw new Error(`--engine ${options.engine}: choose one of ${engineChoices.join(', ')}`);
}
const engine = await openEngine(options.engine as EngineChoice, console.warn);

const results = [];
for (const each of cases) {
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
  const times = marks.slice(1).map((mark, index) => mark - marks[index]!);
  results.push({
    name: each.name,
    engine: engine.version,
    rolloutSteps,
    batchSize,
    firstStepMs: times[0]!,
    medianStepMs: median(times.slice(1)),
  });
}

if (options.json) console.log(JSON.stringify(results, null, 2));
else console.table(results);
