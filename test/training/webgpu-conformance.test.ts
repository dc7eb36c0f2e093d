import { InferenceSession } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import type { HalfTensor, HostTensor } from '../../shared/tensors/tensor.ts';
import { hasSoftwareVulkan, needsVulkan, useSoftwareVulkan } from '../software-vulkan.ts';
import { writingDown } from '../support/compiled-models.ts';
import {
  bert,
  hasNoGradient,
  llama,
  moments,
  type Prepared,
  relative,
  setUp,
  setUpTexts,
  t5,
  train,
} from '../support/conformance.ts';

type Changes = NonNullable<Parameters<typeof train>[3]>;

/** Accumulated in two parts, with the second pass of SAM, and clipped. */
const all: Changes = { batchSize: 4, accumulate: 2, sam: { rho: 0.5, adaptive: true }, clipNorm: 0.1 };

/** Few kernels, few shapes: a processor that plays a GPU takes a while to compile each. */
const small = { modes: 3, width: 4, projection: 8 };

const setups: readonly {
  readonly name: string;
  readonly setUp: () => Prepared | Promise<Prepared>;
  readonly runs: readonly { readonly steps: number; readonly changes?: Changes }[];
}[] = [
  {
    name: 'an FNO in one dimension',
    setUp: () => setUp({ family: 'fno1d', space: [16], optimizer: 'adam', settings: small }),
    runs: [{ steps: 1 }, { steps: 5 }, { steps: 50 }, { steps: 5, changes: all }],
  },
  {
    name: 'an FNO in the plane',
    setUp: () => setUp({ family: 'fno2d', space: [8, 8], optimizer: 'adamw', settings: small }),
    runs: [{ steps: 1 }],
  },
  {
    name: 'a U-Net',
    setUp: () => setUp({ family: 'unet1d', space: [16], optimizer: 'adam', settings: { initFeatures: 1 } }),
    runs: [{ steps: 1 }],
  },
  {
    name: 'an encoder with dropout',
    setUp: () => setUpTexts({ config: bert, task: 'classification' }),
    runs: [{ steps: 5, changes: all }],
  },
  {
    name: 'a decoder with LoRA and dropout',
    setUp: () => setUpTexts({ config: llama, task: 'causal-lm', adapted: true }),
    runs: [{ steps: 5, changes: all }],
  },
  {
    name: 'an encoder and decoder with dropout',
    setUp: () => setUpTexts({ config: t5, task: 'seq2seq' }),
    runs: [{ steps: 5 }],
  },
  {
    name: 'an encoder that tags words',
    setUp: () => setUpTexts({ config: bert, task: 'token-classification' }),
    runs: [{ steps: 5 }],
  },
  {
    name: 'an encoder that compares texts',
    setUp: () => setUpTexts({ config: bert, task: 'few-shot-classification' }),
    runs: [{ steps: 1 }],
  },
];

/** How far the engines may be apart after so many steps. */
const tolerances: Readonly<Record<number, { loss: number; moment: number }>> = {
  1: { loss: 1e-6, moment: 2e-5 },
  5: { loss: 5e-6, moment: 3e-4 },
  50: { loss: 5e-4, moment: 2e-2 },
};

describe.skipIf(!hasSoftwareVulkan)(`onnx-webgpu${needsVulkan}`, () => {
  let gpu: Engine;
  let plain: Engine;
  beforeAll(async () => {
    useSoftwareVulkan();
    plain = await openEngine('cpu');
    gpu = await openEngine('onnx-webgpu');
  });

  const cases = setups.flatMap(({ runs, ...setup }) =>
    runs.map((run) => ({ ...setup, ...run, how: run.changes ? ', accumulated, with ASAM and clipped' : '' })),
  );

  it.each(cases)('trains $name as the plain engine does, for $steps steps$how', async (given) => {
    const { steps, changes } = given;
    await openEngine('cpu');
    const expected = await train(plain, await given.setUp(), steps, changes);
    await openEngine('onnx-webgpu');
    const found = await train(gpu, await given.setUp(), steps, changes);
    const allowed = tolerances[steps]!;
    for (const [index, loss] of expected.losses.entries()) {
      expect(Math.abs(found.losses[index]! / loss - 1)).toBeLessThan(allowed.loss);
    }
    const state = new Map(moments(found));
    for (const [name, { data }] of moments(expected)) {
      const own = state.get(name)!.data;
      if (hasNoGradient(name)) expect(Math.max(...own.map(Math.abs)), name).toBeLessThan(1e-9);
      else expect(relative(own, data), name).toBeLessThan(allowed.moment);
    }
  });

  it.each(setups)('leaves no node of the steps of $name to the processor', async ({ setUp: prepare, runs }) => {
    const { engine, models } = writingDown(await openEngine('cpu'));
    const prepared = await prepare();
    for (const changes of runs.some((run) => run.changes) ? [{}, all] : [{}]) await train(engine, prepared, 1, changes);
    expect(models.length).toBeGreaterThan(0);
    for (const model of models) {
      const session = await InferenceSession.create(model, {
        executionProviders: ['webgpu'],
        logSeverityLevel: 4,
        extra: { session: { disable_cpu_ep_fallback: '1' } },
      });
      await session.release();
    }
  });

  it('takes frozen weights of 16 bits, and others, from memory that threads share', async () => {
    await openEngine('onnx-webgpu');
    const shared = <Data extends Uint16Array | Float32Array>(data: Data): Data => {
      const there = new (data.constructor as new (memory: SharedArrayBuffer) => Data)(
        new SharedArrayBuffer(data.byteLength),
      );
      there.set(data as never);
      return there;
    };
    const loop = await gpu.loop(
      (tf, { fixed, carried, inputs }) => ({
        carried: { sum: tf.add(carried.sum!, tf.sum(inputs.x!)) },
        results: { product: tf.mul(tf.mul(fixed.brain!, fixed.half!), tf.mul(fixed.whole!, inputs.x!)) },
      }),
      {
        fixed: new Map<string, HalfTensor | HostTensor>([
          ['brain', { shape: [2], dtype: 'bfloat16', data: shared(Uint16Array.of(0x3f80, 0xc000)) }],
          ['half', { shape: [2], dtype: 'float16', data: shared(Uint16Array.of(0x3c00, 0x4200)) }],
          ['whole', { shape: [2], data: shared(Float32Array.of(5, 7)) }],
        ]),
        carried: new Map([['sum', { shape: [], data: Float32Array.of(1) }]]),
      },
    );
    const results = await loop.run(new Map([['x', { shape: [2], data: Float32Array.of(2, 3) }]]));
    expect(results.get('product')!.data).toEqual(Float32Array.of(10, -126));
    expect((await loop.read()).get('sum')!.data).toEqual(Float32Array.of(6));
    await loop.run(new Map([['x', { shape: [2], data: Float32Array.of(1, 1) }]]));
    expect((await loop.finish()).get('sum')!.data).toEqual(Float32Array.of(8));
    await loop.close();
    await expect(loop.read()).rejects.toThrow('engine onnx-webgpu: ');
  });

  it('gives the same bits twice, also when it goes on from what an epoch left', async () => {
    await openEngine('onnx-webgpu');
    const prepared = await setups[0]!.setUp();
    const through = await train(gpu, prepared, 4, { batchSize: 3 });
    expect(await train(gpu, prepared, 4, { batchSize: 3 })).toEqual(through);
    const { parameters, state, losses } = await train(gpu, prepared, 2, { batchSize: 3 });
    const goneOn = await train(gpu, prepared, 2, { batchSize: 3, parameters, state, epoch: 2 });
    expect([...losses, ...goneOn.losses]).toEqual(through.losses);
    expect(goneOn.parameters).toEqual(through.parameters);
  });
});
