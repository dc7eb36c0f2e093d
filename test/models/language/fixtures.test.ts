import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../../shared/engines/open-engine.ts';
import { modelOf } from '../../../shared/models/hugging-face/config.ts';
import { dropoutMasks } from '../../../shared/training/dropout-masks.ts';
import { buildOptimizer, optimizerSchema } from '../../../shared/training/optimizers/registry.ts';
import { joined, languageSteps, maskInputs } from '../../../shared/training/training-step.ts';
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

describe('dropout', () => {
  it.each(['bert-tiny', 'gpt2-tiny'] as const)('by masks gives %s the same loss on every engine', async (name) => {
    const fixture = await readLanguageFixture(name);
    const config = { ...fixture.config, hidden_dropout_prob: 0.3, attention_probs_dropout_prob: 0.2, resid_pdrop: 0.3 };
    const { model } = modelOf(config, fixture.model.task, fixture.labels, name);
    const [texts, tokens] = fixture.inputs.get('inputIds')!.shape as [number, number];
    const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'sgd' }), model.parameters);
    const rates = Object.fromEntries(model.parameters.map((parameter) => [parameter.name, 0.01]));
    const masks = maskInputs(dropoutMasks(model.dropoutSites(texts, tokens), 1, 1, 1));
    const inputs = new Map([...fixture.inputs, ...masks, ...scalarInputs(1, rates, 0)]);
    const losses: number[] = [];
    for (const engineName of engineNames) {
      const carried = joined(fixture.parameters, optimizer.init(model.parameters));
      const loop = await (await openEngine(engineName)).loop(languageSteps(model, optimizer, {}).update, {
        fixed: new Map(),
        carried,
      });
      losses.push((await loop.run(inputs)).get('loss')!.data[0]!);
      await loop.close();
    }
    expect(Math.max(...losses) - Math.min(...losses)).toBeLessThan(1e-5);
    expect(Math.abs(losses[0]! - fixture.expected.loss_f64)).toBeGreaterThan(1e-3);
  });
});

describe('decay', () => {
  it.each(classifierFixtures)('of %s applies to what it applies to in the reference', async (name) => {
    const { model, expected } = await readLanguageFixture(name);
    const without = model.parameters.filter(({ decay }) => !decay).map(({ name: parameter }) => parameter);
    expect(without.toSorted()).toEqual(expected.adamw!.weight_decay_zero_for.toSorted());
  });
});
