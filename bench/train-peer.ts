/** One of our engines as a peer of the suite `train-step`: trains the steps that it is asked for. */
import { createInterface } from 'node:readline';
import { randomFor } from '../shared/core/random.ts';
import { inMemory, type Trajectories } from '../shared/datasets/trajectories.ts';
import type { EngineChoice } from '../shared/engines/engine.ts';
import { openEngine } from '../shared/engines/open-engine.ts';
import type { FieldModel } from '../shared/models/model.ts';
import { buildModel, fieldModelSchema } from '../shared/models/registry.ts';
import { elementCount, type HostTensors } from '../shared/tensors/tensor.ts';
import { buildOptimizer, optimizerSchema } from '../shared/training/optimizers/registry.ts';
import { trainEpoch } from '../shared/training/train-epoch.ts';
import { trajectoryProblem } from '../shared/training/workloads/trajectory-problem.ts';
import { type Cost, compileSeconds } from './peer.ts';

const seed = 1;

/** A model and its data: fields of numbers that the reference makes alike. */
export interface TrainingCase {
  readonly name: string;
  /** As in a run file. */
  readonly model: { readonly family: string } & Readonly<Record<string, unknown>>;
  readonly space: readonly number[];
  readonly channels: number;
  readonly window: number;
  readonly rolloutSteps: number;
  readonly batchSize: number;
  readonly steps: number;
  /** In which the samples are taken, for the reference. */
  readonly order: readonly number[];
}

/** With the losses, so that they can be compared. */
export interface TrainingCost extends Cost {
  readonly firstLoss: number;
  readonly lastLoss: number;
}

/** Numbers that any language makes alike: sines, of the size that PyTorch would draw. */
function waves(length: number, scale: number, phase: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => scale * Math.sin(index + phase));
}

/** Such numbers for a model, as the reference begins with: all but the weights of norms, and the state, which begin as they always do. */
function wavesFor(model: FieldModel): HostTensors {
  const fresh = model.initialise(randomFor(1, 'initialise'));
  const made = model.parameters
    .map(({ name, shape }, index) => ({ name, shape, phase: 1000 * index }))
    .filter(({ name }) => !/norm\d\.weight$/.test(name))
    .map(({ name, shape, phase }) => {
      const inputs = shape.length > 1 ? elementCount(shape.slice(1)) : 1e4;
      return [name, { shape, data: waves(elementCount(shape), Math.sqrt(2 / inputs), phase) }] as const;
    });
  return new Map([...fresh, ...made]);
}

function fields({ space, channels, window, rolloutSteps, batchSize, steps }: TrainingCase): Trajectories {
  const shape = [batchSize * steps, ...space, window + rolloutSteps, channels];
  const grid = [...space, space.length];
  return inMemory(
    {
      kind: 'trajectories',
      shape,
      grid: { shape: grid, values: waves(elementCount(grid), 1, 0.25) },
      channels: Array.from({ length: channels }, (_, index) => `channel${index}`),
      rows: [...Array(shape[0]).keys()],
    },
    { values: waves(elementCount(shape), 1, 0.5) },
  );
}

function prepare(training: TrainingCase) {
  const { space, channels, window } = training;
  const format = { kind: 'trajectories', space, channels, window } as const;
  const model = buildModel(fieldModelSchema.parse(training.model), format);
  return {
    problem: trajectoryProblem({ ...training, model, data: fields(training), seed }),
    optimizer: buildOptimizer(optimizerSchema.parse({ name: 'adam' })),
    parameters: wavesFor(model),
    state: undefined as HostTensors | undefined,
  };
}

const prepared = new Map<string, ReturnType<typeof prepare>>();

/** One epoch more, as in a run: each begins with what the one before it left, and donates it. */
async function train(training: TrainingCase): Promise<TrainingCost> {
  const ready = prepared.get(training.name) ?? prepare(training);
  const [wall, before] = [performance.now(), process.cpuUsage()];
  const { losses, parameters, state } = await trainEpoch({
    engine,
    ...ready,
    donates: true,
    epoch: 1,
    baseRate: () => 1e-3,
    weightDecay: 1e-4,
    rates: {},
  });
  const { user, system } = process.cpuUsage(before);
  const wallSeconds = (performance.now() - wall) / 1e3;
  prepared.set(training.name, { ...ready, parameters, state });
  return {
    wallSeconds,
    cpuSeconds: (user + system) / 1e6,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    compileSeconds: compileSeconds(),
    firstLoss: losses[0]!,
    lastLoss: losses.at(-1)!,
  };
}

const engine = await openEngine(process.argv[2] as EngineChoice);
console.log(JSON.stringify({ version: engine.version }));
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await train(JSON.parse(line))));
process.exit(0);
