/** One of our engines as a peer of the suite `transformer`: trains a folder's classifier for the steps that it is asked for. */
import { createInterface } from 'node:readline';
import { randomFor } from '../shared/core/random.ts';
import type { EngineChoice } from '../shared/engines/engine.ts';
import { openEngine } from '../shared/engines/open-engine.ts';
import { readHuggingFace } from '../shared/models/hugging-face/folder.ts';
import type { HostTensor } from '../shared/tensors/tensor.ts';
import { dropoutMasks } from '../shared/training/dropout-masks.ts';
import { languageObjective, maskInputs } from '../shared/training/objectives/language.ts';
import { buildOptimizer, optimizerSchema } from '../shared/training/optimizers/registry.ts';
import { joined, scalarNames, trainingSteps } from '../shared/training/training-step.ts';
import { type Cost, compileSeconds } from './peer.ts';

/** A classifier in a folder, and the texts of every step. */
export interface ClassifierCase {
  readonly name: string;
  readonly folder: string;
  readonly inputIds: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** What the steps cost, and the loss before each of the first ones. */
export interface TrainingCost extends Cost {
  readonly losses: readonly number[];
}

async function prepare({ folder, inputIds, labels, learningRate, weightDecay }: ClassifierCase) {
  const { model, parameters } = await readHuggingFace(folder, {
    task: 'classification',
    random: randomFor(1, 'head'),
  });
  const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adamw' }));
  const shape = [inputIds.length, inputIds[0]!.length] as const;
  const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });
  const inputs = (step: number) =>
    new Map<string, HostTensor<Float32Array | Int32Array>>([
      ['inputIds', { shape, data: Int32Array.from(inputIds.flat()) }],
      ['attentionMask', { shape, data: new Int32Array(shape[0] * shape[1]).fill(1) }],
      ['labels', { shape: [labels.length], data: Int32Array.from(labels) }],
      ...maskInputs(dropoutMasks(model.dropoutSites(...shape), 1, 1, step)),
      [scalarNames.step, scalar(step)],
      ...model.parameters.flatMap(({ name }): [string, HostTensor][] => [
        [scalarNames.learningRate(name), scalar(learningRate)],
        [scalarNames.weightDecay(name), scalar(weightDecay)],
      ]),
    ]);
  const carried = joined(parameters, optimizer.init(model.parameters));
  const loop = await engine.loop(trainingSteps(languageObjective(model), optimizer).update, {
    fixed: new Map(),
    carried,
    donated: new Set(carried.keys()),
  });
  return { loop, inputs, taken: 0 };
}

let prepared: { name: string; ready: Awaited<ReturnType<typeof prepare>> } | undefined;

async function train(training: ClassifierCase): Promise<TrainingCost> {
  if (prepared?.name !== training.name) {
    await prepared?.ready.loop.close();
    prepared = { name: training.name, ready: await prepare(training) };
  }
  const { ready } = prepared;
  const losses: number[] = [];
  const [wall, before] = [performance.now(), process.cpuUsage()];
  for (let step = 0; step < training.steps; step++) {
    ready.taken += 1;
    const inputs = ready.inputs(ready.taken);
    const results = await ready.loop.run(inputs, { donated: new Set(inputs.keys()) });
    losses.push(results.get('loss')!.data[0]!);
  }
  const { user, system } = process.cpuUsage(before);
  return {
    wallSeconds: (performance.now() - wall) / 1e3,
    cpuSeconds: (user + system) / 1e6,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    compileSeconds: compileSeconds(),
    losses,
  };
}

const engine = await openEngine(process.argv[2] as EngineChoice);
console.log(JSON.stringify({ version: engine.version }));
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await train(JSON.parse(line))));
process.exit(0);
