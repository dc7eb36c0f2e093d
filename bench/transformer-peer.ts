/** One of our engines as a peer of the suite `transformer`: trains a folder's classifier for the steps that it is asked for. */
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import type { EngineChoice } from '../shared/engines/engine.ts';
import { openEngine } from '../shared/engines/open-engine.ts';
import type { HostTensor } from '../shared/tensors/tensor.ts';
import { dropoutMasks, maskMemory } from '../shared/training/dropout-masks.ts';
import { flatParameters } from '../shared/training/flat-parameters.ts';
import { languageObjective, maskInputs } from '../shared/training/objectives/language.ts';
import { buildOptimizer, optimizerSchema } from '../shared/training/optimizers/registry.ts';
import { joined, scalarNames, trainingSteps } from '../shared/training/training-step.ts';
import { type Cost, compileSeconds } from './peer.ts';
import { openModel, type TransformerCase } from './transformer-model.ts';

/** What the steps cost, and the loss before each of the first ones. */
export interface TrainingCost extends Cost {
  readonly losses: readonly number[];
}

async function prepare({ inputIds, labels, learningRate, weightDecay, ...given }: TransformerCase) {
  const { model, values } = await openModel(given);
  const of = (specs: readonly { readonly name: string }[]) =>
    new Map(specs.map(({ name }) => [name, values.get(name)!] as const));
  const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adamw' }));
  // As in an epoch: small parameters stand one behind the other.
  const flat = flatParameters(languageObjective(model), optimizer, engine.mostTogether);
  const spread = (value: number) => [...flat.spread(new Map(model.parameters.map(({ name }) => [name, value])))];
  const shape = [inputIds.length, inputIds[0]!.length] as const;
  const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });
  const words = () => ({ shape, data: Int32Array.from(inputIds.flat()) });
  const memory = maskMemory();
  const batch = (step: number) => {
    const masks = dropoutMasks(model.dropoutSites(...shape), [1, 1, step], memory);
    const inputs = new Map<string, HostTensor<Float32Array | Int32Array>>([
      ['inputIds', words()],
      ['attentionMask', { shape, data: new Int32Array(shape[0] * shape[1]).fill(1) }],
      ['labels', labels ? { shape: [labels.length], data: Int32Array.from(labels) } : words()],
      ...maskInputs(masks),
      [scalarNames.step, scalar(step)],
      ...spread(learningRate).map(([name, rate]): [string, HostTensor] => [scalarNames.learningRate(name), rate]),
      ...spread(weightDecay).map(([name, decay]): [string, HostTensor] => [scalarNames.weightDecay(name), decay]),
    ]);
    return { inputs, done: () => memory.giveBack(masks) };
  };
  const carried = joined(flat.flatten(of(model.parameters)), optimizer.init(flat.objective.parameters));
  const loop = await engine.loop(trainingSteps(flat.objective, optimizer).update, {
    fixed: of(model.frozen),
    carried,
    donated: new Set(carried.keys()),
  });
  return { loop, batch, taken: 0, next: batch(1) };
}

let prepared: { name: string; ready: Awaited<ReturnType<typeof prepare>> } | undefined;

async function train(training: TransformerCase): Promise<TrainingCost> {
  if (prepared?.name !== training.name) {
    await prepared?.ready.loop.close();
    prepared = { name: training.name, ready: await prepare(training) };
  }
  const { ready } = prepared;
  const losses: number[] = [];
  const [wall, before] = [performance.now(), process.cpuUsage()];
  for (let step = 0; step < training.steps; step++) {
    ready.taken += 1;
    const { inputs, done } = ready.next;
    const running = ready.loop.run(inputs, { donated: new Set(inputs.keys()) });
    // As in an epoch: the next batch is made while the engine computes.
    await setImmediate();
    ready.next = ready.batch(ready.taken + 1);
    const results = await running;
    done();
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
