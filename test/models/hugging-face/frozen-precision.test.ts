import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { buildLanguageModel, openModelFolder } from '../../../shared/models/hugging-face/model-folder.ts';
import { languageModelSchema } from '../../../shared/models/language/settings.ts';
import { narrowed, widened } from '../../../shared/tensors/elements.ts';
import { openTensors } from '../../../shared/tensors/open-tensors.ts';
import { encodeSafetensors } from '../../../shared/tensors/safetensors.ts';
import { type HalfTensor, type HostTensor, isHalf, type MixedTensors } from '../../../shared/tensors/tensor.ts';
import { languageObjective } from '../../../shared/training/objectives/language.ts';
import { buildOptimizer, optimizerSchema } from '../../../shared/training/optimizers/registry.ts';
import { joined, scalarNames, trainingSteps } from '../../../shared/training/training-step.ts';
import { fixturePath } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

const { lora } = languageModelSchema.parse({ family: 'huggingface', folder: 'x', lora: { targets: 'all-linear' } });

/** A copy of a fixture with all its weights rounded to 16 bits, and stored as such or as float32. */
async function rounded(name: string, dtype: HalfTensor['dtype'], stored: 'as such' | 'as float32'): Promise<string> {
  const folder = await temporaryFolder();
  await cp(fixturePath('models', name), folder, { recursive: true });
  const store = await openTensors(folder);
  const tensors = new Map<string, HostTensor | HalfTensor>();
  for (const each of store.names()) {
    const half = narrowed((await store.read(each)) as HostTensor, dtype);
    tensors.set(each, stored === 'as such' ? half : widened(half));
  }
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
  return folder;
}

async function adapterOn(folder: string, task: 'classification' | 'causal-lm') {
  const built = buildLanguageModel(await openModelFolder(folder), { task, labels: ['a', 'b', 'c'], lora });
  const random = () => randomFor(1, 'adapter');
  return { model: built.model, trained: await built.readTrained(random()), frozen: await built.readFrozen(random()) };
}

/** Three steps on the same texts: losses, and all that is trained. */
async function train(folder: string, task: 'classification' | 'causal-lm', on: 'onnx' | 'wasm') {
  const { model, trained, frozen } = await adapterOn(folder, task);
  const engine = await openEngine(on);
  const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adamw' }));
  const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });
  const ids = Int32Array.from({ length: 18 }, (_, place) => 5 + ((7 * place) % 20));
  const inputs = (step: number): MixedTensors =>
    new Map<string, HostTensor<Float32Array | Int32Array>>([
      ['inputIds', { shape: [2, 9], data: ids }],
      ['attentionMask', { shape: [2, 9], data: new Int32Array(18).fill(1) }],
      ['labels', task === 'classification' ? { shape: [2], data: Int32Array.of(0, 2) } : { shape: [2, 9], data: ids }],
      [scalarNames.step, scalar(step)],
      ...model.parameters.flatMap(({ name }): [string, HostTensor][] => [
        [scalarNames.learningRate(name), scalar(0.01)],
        [scalarNames.weightDecay(name), scalar(0)],
      ]),
    ]);
  const loop = await engine.loop(trainingSteps(languageObjective(model), optimizer).update, {
    fixed: frozen,
    carried: joined(trained, optimizer.init(model.parameters)),
  });
  const losses: number[] = [];
  for (const step of [1, 2, 3]) losses.push((await loop.run(inputs(step))).get('loss')!.data[0]!);
  const left = await loop.finish();
  return { losses, left: Object.fromEntries([...left].map(([name, { data }]) => [name, [...data]])) };
}

const cases = [
  ['bert-tiny', 'classification'],
  ['gpt2-tiny', 'causal-lm'],
  ['llama-tiny', 'causal-lm'],
] as const;

describe.each(cases)('frozen weights of %s in 16 bits', (name, task) => {
  it.each(['bfloat16', 'float16'] as const)('stay in %s where they are matrices', async (dtype) => {
    const { model, trained, frozen } = await adapterOn(await rounded(name, dtype, 'as such'), task);
    expect([...trained.values()].some(isHalf)).toBe(false);
    for (const { name: parameter, shape } of model.frozen) {
      expect([parameter, isHalf(frozen.get(parameter)!)]).toEqual([parameter, shape.length === 2]);
    }
  });

  it.each([
    ['bfloat16', 'onnx'],
    ['float16', 'onnx'],
    ['bfloat16', 'wasm'],
  ] as const)('train an adapter in %s on %s to the same bits as widened first', async (dtype, on) => {
    const [kept, widenedFirst] = [await rounded(name, dtype, 'as such'), await rounded(name, dtype, 'as float32')];
    const [found, expected] = [await train(kept, task, on), await train(widenedFirst, task, on)];
    expect(found).toEqual(expected);
    expect(new Set(found.losses).size).toBe(3);
  });
});

it("PyTorch's shards in both types stay as they are, and train an adapter to the same bits as widened first", async () => {
  const [shards, widenedFirst] = [await temporaryFolder(), await temporaryFolder()];
  for (const folder of [shards, widenedFirst]) {
    await cp(fixturePath('models', 'llama-tiny', 'config.json'), join(folder, 'config.json'));
  }
  await cp(fixturePath('pytorch', 'llama-halves'), shards, { recursive: true });
  const store = await openTensors(shards);
  const tensors = new Map<string, HostTensor>();
  for (const each of store.names()) tensors.set(each, (await store.read(each)) as HostTensor);
  await writeFile(join(widenedFirst, 'model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
  const { model, frozen } = await adapterOn(shards, 'causal-lm');
  const types = new Set<string>();
  for (const { name, shape } of model.frozen) {
    const tensor = frozen.get(name)!;
    expect([name, isHalf(tensor)]).toEqual([name, shape.length === 2]);
    const { data } = isHalf(tensor) ? widened(tensor) : tensor;
    expect(data, name).toEqual(tensors.get(name)!.data);
    if (isHalf(tensor)) types.add(tensor.dtype);
  }
  expect([...types].toSorted()).toEqual(['bfloat16', 'float16']);
  expect(await train(shards, 'causal-lm', 'onnx')).toEqual(await train(widenedFirst, 'causal-lm', 'onnx'));
});

it('refuses frozen weights in 16 bits that are not finite', async () => {
  const folder = await rounded('llama-tiny', 'bfloat16', 'as such');
  const store = await openTensors(folder);
  const tensors = new Map<string, HostTensor | HalfTensor>();
  for (const each of store.names()) tensors.set(each, (await store.readAsStored(each)) as HalfTensor);
  const damaged = [...tensors].find(([name]) => name.includes('mlp.up_proj'))!;
  (damaged[1].data as Uint16Array)[3] = 0x7f80;
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors));
  await expect(adapterOn(folder, 'causal-lm')).rejects.toThrow(`tensor "${damaged[0]}" holds NaN or infinite values`);
});
