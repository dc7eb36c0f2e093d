import { beforeAll, describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import type { Engine, Step } from '../../../shared/engines/engine.ts';
import { trace } from '../../../shared/engines/onnx/trace.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { recomputed } from '../../../shared/engines/recompute.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import type { LanguageModel } from '../../../shared/models/language/model.ts';
import { textWork } from '../../../shared/models/language/work.ts';
import { newAdapterConfig, usualLora, withLora } from '../../../shared/models/lora.ts';
import type { HostTensors, MixedTensors } from '../../../shared/tensors/tensor.ts';
import { dropoutMasks } from '../../../shared/training/dropout-masks.ts';
import { lossAndGradients } from '../../../shared/training/gradients.ts';
import { languageObjective, maskInputs } from '../../../shared/training/objectives/language.ts';
import type { SamConfig } from '../../../shared/training/sam.ts';
import { sharpnessAware } from '../../../shared/training/sam.ts';
import { readDecoderFixture } from '../../support/decoder-fixture.ts';
import { encoderFixtures, readEncoderFixture, writerFixtures } from '../../support/encoder-fixture.ts';
import { readLanguageFixture } from '../../support/language-fixture.ts';
import { largestDifference, norm } from '../../support/language-step.ts';

interface Setup {
  readonly model: LanguageModel;
  /** Frozen ones included. */
  readonly parameters: HostTensors;
  readonly inputs: MixedTensors;
  readonly sam?: SamConfig;
}

/** Loss and gradients, by a step of this objective. */
async function gradientsOn(engine: Engine, { model, parameters, inputs, sam }: Setup, recomputes: boolean) {
  const objective = languageObjective(model, { recomputes });
  const step: Step = (tf, { fixed, carried, inputs: given }) => {
    const lossOf = (values: typeof carried) => objective.loss(tf, values, { fixed, inputs: given }, {});
    const radii = Object.fromEntries(model.parameters.map(({ name }) => [name, tf.scalar(0.05)]));
    const { loss, gradients } = sam
      ? sharpnessAware(tf, lossOf, model.parameters, carried, { radii, adaptive: sam.adaptive })
      : lossAndGradients(tf, lossOf, carried);
    return { results: { ...gradients, loss } };
  };
  const values = (specs: LanguageModel['parameters']) =>
    new Map(specs.map(({ name }) => [name, parameters.get(name)!]));
  const loop = await engine.loop(step, { fixed: values(model.frozen), carried: values(model.parameters) });
  try {
    return await loop.run(inputs);
  } finally {
    await loop.close();
  }
}

async function expectTheSame(engine: Engine, setup: Setup): Promise<void> {
  const kept = await gradientsOn(engine, setup, false);
  const again = await gradientsOn(engine, setup, true);
  expect([...again.keys()]).toEqual([...kept.keys()]);
  for (const [name, { data }] of kept) {
    const allowed = Math.max(1e-5 * norm(data), 1e-7);
    expect(largestDifference(again.get(name)!.data, data), name).toBeLessThan(allowed);
  }
}

/** A fixture with dropout everywhere it can be, by given masks. */
function dropping(fixture: Setup & { config: { model_type: string }; labels: readonly string[] }): Setup {
  const rates = { hidden_dropout_prob: 0.3, attention_probs_dropout_prob: 0.2 };
  const { model } = modelOf({ ...fixture.config, ...rates }, fixture.model.task, fixture.labels, 'fixture');
  const [texts, tokens] = fixture.inputs.get('inputIds')!.shape as [number, number];
  const masks = maskInputs(dropoutMasks(model.dropoutSites(texts, tokens), [1, 1, 1]));
  return { ...fixture, model, inputs: new Map([...fixture.inputs, ...masks]) };
}

/** A fixture's model with an adapter whose factors are drawn. */
function adapted(fixture: Setup): Setup {
  const settings = { ...usualLora, targets: 'all-linear', alsoTrained: [] } as const;
  const model = withLora(fixture.model, newAdapterConfig(fixture.model, 'base', settings));
  const drawn = model.initialise(randomFor(1, 'adapter'));
  const factors = [...drawn].filter(([name]) => !fixture.parameters.has(name));
  const filled = factors.map(([name, { shape, data }]) => {
    return [name, { shape, data: data.map((value, at) => value + Math.sin(at) / 20) }] as const;
  });
  return { ...fixture, model, parameters: new Map([...fixture.parameters, ...filled]) };
}

describe('blocks that are computed again', () => {
  let onnx: Engine;
  beforeAll(async () => {
    onnx = await openEngine('onnx');
  });

  it.each(['gemma3', 'gpt2', 'phi3', 'smollm3'])('give the decoder %s the same gradients', async (name) => {
    await expectTheSame(onnx, await readDecoderFixture(name, 'causal-lm'));
  });

  it.each(encoderFixtures)('give the encoder %s the same gradients', async (name) => {
    await expectTheSame(onnx, await readEncoderFixture(name, 'masked-lm'));
  });

  it.each(writerFixtures)('give the encoder-decoder %s the same gradients', async (name) => {
    await expectTheSame(onnx, await readEncoderFixture(name, 'seq2seq'));
  });

  it.each(availableEngines())('give the same gradients on %s: with dropout, an adapter, SAM', async (name) => {
    const engine = await openEngine(name);
    const bert = dropping(await readLanguageFixture('bert-tiny'));
    const gpt2 = await readLanguageFixture('gpt2-tiny');
    const before = engine.tf.memory().numTensors;
    await expectTheSame(engine, bert);
    await expectTheSame(engine, { ...bert, sam: { rho: 0.05, adaptive: true } });
    await expectTheSame(engine, adapted(gpt2));
    expect(engine.tf.memory().numTensors).toBe(before);
  });

  it('are written down twice in a compiled step', async () => {
    const { model, parameters, inputs } = await readLanguageFixture('bert-tiny');
    const specsOf = (tensors: MixedTensors, prefix: string) =>
      [...tensors].map(([name, { shape, data }]) => {
        const dtype = data instanceof Int32Array ? ('int32' as const) : ('float32' as const);
        return [prefix + name, { shape, dtype }] as const;
      });
    const specs = Object.fromEntries([...specsOf(parameters, 'p/'), ...specsOf(inputs, 'i/')]);
    const { tf } = onnx;
    const errorFunctions = (recomputes: boolean) => {
      const objective = languageObjective(model, { recomputes });
      const { graph } = trace(
        tf,
        (given) => {
          const under = (prefix: string) =>
            Object.fromEntries(
              Object.entries(given).flatMap(([name, tensor]) =>
                name.startsWith(prefix) ? [[name.slice(2), tensor]] : [],
              ),
            );
          const lossOf = (values: Parameters<typeof objective.loss>[1]) =>
            objective.loss(tf, values, { fixed: {}, inputs: under('i/') }, {});
          const { loss, gradients } = lossAndGradients(tf, lossOf, under('p/'));
          return { ...gradients, loss };
        },
        specs,
      );
      return graph.nodes.filter(({ operator }) => operator === 'Erf').length;
    };
    expect(errorFunctions(true)).toBe(2 * errorFunctions(false));
  });

  it('pass on the gradient of what they take besides, and of what they are given twice', async () => {
    for (const name of ['cpu', 'onnx'] as const) {
      const engine = await openEngine(name);
      const step =
        (again: boolean): Step =>
        (tf, { inputs: { x, w } }) => {
          const loss = (values: readonly (typeof x)[]) => {
            const first = tf.sin(values[0]!);
            const block = (given: typeof x) => tf.mul(tf.mul(given!, first), tf.tanh(tf.add(values[1]!, first)));
            return tf.sum(tf.square(again ? recomputed(tf, block as never, first) : block(first)));
          };
          const [dx, dw] = tf.grads((...values) => loss(values))([x!, w!]);
          return { results: { dx: dx!, dw: dw! } };
        };
      const tensor = (from: number) => ({ shape: [3], data: Float32Array.of(from, from + 0.5, from + 1) });
      const given = new Map([
        ['x', tensor(0.2)],
        ['w', tensor(-0.4)],
      ]);
      const run = async (again: boolean) => {
        const loop = await engine.loop(step(again), { fixed: new Map(), carried: new Map() });
        return await loop.run(given);
      };
      const [kept, found] = [await run(false), await run(true)];
      for (const key of ['dx', 'dw']) {
        expect(largestDifference(found.get(key)!.data, kept.get(key)!.data)).toBeLessThan(1e-6);
      }
    }
  });

  it('take more operations and keep less', async () => {
    const { model } = await readLanguageFixture('gpt2-tiny');
    const [kept, again] = [textWork(model, 8), textWork(model, 8, { recomputes: true })];
    expect(again.flops).toBeGreaterThan(1.2 * kept.flops);
    expect(again.flops).toBeLessThan(1.5 * kept.flops);
    expect(again.activations).toBeLessThan(kept.activations);
  });
});
