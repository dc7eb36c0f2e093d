import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { toEngine } from '../../../shared/engines/transfer.ts';
import { noDropout } from '../../../shared/models/dropout.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import { dropoutMasks } from '../../../shared/training/dropout-masks.ts';
import { languageObjective, maskInputs } from '../../../shared/training/objectives/language.ts';
import { buildOptimizer, optimizerSchema } from '../../../shared/training/optimizers/registry.ts';
import { joined, trainingSteps } from '../../../shared/training/training-step.ts';
import { causalFixtures, classifierFixtures, readLanguageFixture } from '../../support/language-fixture.ts';
import { gradientsOn, largestDifference, norm, scalarInputs, trainOn } from '../../support/language-step.ts';

const engineNames = availableEngines();
const all = [...classifierFixtures, ...causalFixtures];

describe.each(engineNames)('on %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it.each(all)('%s has the logits, the loss and the gradients of the reference', async (name) => {
    const fixture = await readLanguageFixture(name);
    const results = await gradientsOn(engine, fixture);
    const { logits_f64: logits } = Object.fromEntries(await fixture.tensors('expected'));
    const found = results.get('logits')!;
    expect(found.shape).toEqual(logits!.shape);
    const words = found.shape.at(-1)!;
    const mask = fixture.inputs.get('attentionMask')!.data;
    const isText = fixture.model.task === 'classification';
    const compared = (data: Float32Array) => data.filter((_, at) => isText || mask[Math.floor(at / words)] === 1);
    expect(largestDifference(compared(found.data), compared(logits!.data))).toBeLessThan(isText ? 2e-5 : 1e-4);
    expect(Math.abs(results.get('loss')!.data[0]! - fixture.expected.loss_f64)).toBeLessThan(1e-5);
    for (const [parameter, size] of Object.entries(fixture.expected.grad_norms_f64)) {
      const difference = Math.abs(norm(results.get(parameter)!.data) - size);
      expect(difference, parameter).toBeLessThan(Math.max(1e-4 * size, 1e-6));
    }
  });

  it.each(classifierFixtures)('%s is where the reference is after 1 and 5 steps of AdamW', async (name) => {
    const fixture = await readLanguageFixture(name);
    const { losses_f64: losses, noise_dominated_params: noise, lr, ...adamw } = fixture.expected.adamw!;
    const rateOf = (parameter: string) => lr * adamw.lr_multipliers[parameter]!;
    for (const [steps, file] of [
      [1, 'after_1_step'],
      [5, 'after_5_steps'],
    ] as const) {
      const trained = await trainOn(engine, fixture, { steps, rateOf, weightDecay: adamw.weight_decay });
      trained.losses.forEach((loss, index) => {
        expect(Math.abs(loss - losses[index]!)).toBeLessThan(1e-4);
      });
      for (const [parameter, { data }] of await fixture.tensors(file)) {
        const allowed = noise.includes(parameter) ? 20 * lr : 2e-4;
        expect(largestDifference(trained.parameters.get(parameter)!.data, data), parameter).toBeLessThan(allowed);
      }
    }
  });
});

const addOns = [
  { with: 'alone' },
  { with: 'with label smoothing and SAM', labelSmoothing: 0.1, sam: { rho: 0.05, adaptive: false } },
  { with: 'with label smoothing and ASAM', labelSmoothing: 0.1, sam: { rho: 0.5, adaptive: true } },
];
const droppingCases = (['bert-tiny', 'gpt2-tiny'] as const).flatMap((name) =>
  addOns.map((each) => ({ name, ...each })),
);

describe('dropout', () => {
  it.each(droppingCases)('by masks, $with, gives $name the same loss and gradient on every engine', async (given) => {
    const { name, labelSmoothing = 0, sam } = given;
    const fixture = await readLanguageFixture(name);
    const rates =
      name === 'gpt2-tiny' ? { resid_pdrop: 0.3 } : { hidden_dropout_prob: 0.3, attention_probs_dropout_prob: 0.2 };
    const config = { ...fixture.config, ...rates };
    const { model } = modelOf(config, fixture.model.task, fixture.labels, name);
    const [texts, tokens] = fixture.inputs.get('inputIds')!.shape as [number, number];
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'sgd' }));
    const learningRates = Object.fromEntries(model.parameters.map((parameter) => [parameter.name, 0.01]));
    const masks = maskInputs(dropoutMasks(model.dropoutSites(texts, tokens), [1, 1, 2]));
    const inputs = new Map([...fixture.inputs, ...masks, ...scalarInputs(1, learningRates, 0, sam?.rho)]);
    const [losses, gradientNorms]: [number[], number[]] = [[], []];
    for (const engineName of engineNames) {
      const carried = joined(fixture.parameters, optimizer.init(model.parameters));
      const loop = await (await openEngine(engineName)).loop(
        trainingSteps(languageObjective(model, { labelSmoothing }), optimizer, { sam }).update,
        {
          fixed: new Map(),
          carried,
        },
      );
      const results = await loop.run(inputs);
      losses.push(results.get('loss')!.data[0]!);
      gradientNorms.push(results.get('gradientNorm')!.data[0]!);
      await loop.close();
    }
    expect(Math.max(...losses) - Math.min(...losses)).toBeLessThan(1e-5);
    expect(Math.max(...gradientNorms) / Math.min(...gradientNorms) - 1).toBeLessThan(1e-4);
    expect(Math.abs(losses[0]! - fixture.expected.loss_f64)).toBeGreaterThan(1e-3);
  });
});

describe('label smoothing', () => {
  it.each(['bert-tiny', 'gpt2-tiny'] as const)('gives %s the loss that its logits have with it', async (name) => {
    const { model, parameters, inputs } = await readLanguageFixture(name);
    const { tf } = await openEngine('wasm');
    const [values, { inputIds, attentionMask, labels }] = [toEngine(tf, parameters), toEngine(tf, inputs)];
    const batch = { inputIds: inputIds!, attentionMask: attentionMask!, labels: labels! };
    const loss = languageObjective(model, { labelSmoothing: 0.2 }).loss(tf, values, { fixed: {}, inputs: batch }, {});
    const logits = model.forward(tf, values, batch, noDropout);
    const classes = logits.shape.at(-1)!;
    const logarithms = tf.logSoftmax(tf.reshape(logits, [-1, classes])).arraySync() as number[][];
    const given = [...labels!.dataSync()];
    const tokens = inputs.get('inputIds')!.shape[1]!;
    const wanted =
      model.task === 'causal-lm' ? given.map((_, at) => ((at + 1) % tokens === 0 ? -100 : given[at + 1]!)) : given;
    const each = wanted.flatMap((label, row) => {
      if (label === -100) return [];
      const even = logarithms[row]!.reduce((sum, value) => sum + value, 0) / classes;
      return [-0.8 * logarithms[row]![label]! - 0.2 * even];
    });
    expect(loss.dataSync()[0]!).toBeCloseTo(each.reduce((sum, value) => sum + value, 0) / each.length, 4);
  });
});

describe('decay', () => {
  it.each(classifierFixtures)('of %s applies to what it applies to in the reference', async (name) => {
    const { model, expected } = await readLanguageFixture(name);
    const without = model.parameters.filter(({ decay }) => !decay).map(({ name: parameter }) => parameter);
    expect(without.toSorted()).toEqual(expected.adamw!.weight_decay_zero_for.toSorted());
  });
});
