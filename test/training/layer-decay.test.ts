import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../shared/core/errors.ts';
import type { Engine } from '../../shared/engines/engine.ts';
import { availableEngines, openEngine } from '../../shared/engines/open-engine.ts';
import { type HuggingFaceConfig, labelsOf, modelOf } from '../../shared/models/hugging-face/config.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import { newAdapterConfig, withLora } from '../../shared/models/lora.ts';
import { groupRates } from '../../shared/training/applied-rates.ts';
import { withLayerDecay } from '../../shared/training/layer-decay.ts';
import { readJsonFixture } from '../support/fixtures.ts';
import { readLanguageFixture } from '../support/language-fixture.ts';
import { norm, trainOn } from '../support/language-step.ts';

interface Expected {
  readonly decay: number;
  readonly cases: readonly {
    readonly kind: string;
    readonly task: LanguageTask;
    readonly config: Readonly<Record<string, unknown>>;
    readonly factors: Readonly<Record<string, number>>;
  }[];
  readonly adamw: {
    readonly rate: number;
    readonly weightDecay: number;
    readonly losses: readonly number[];
    readonly norms: Readonly<Record<string, number>>;
  };
}
const { decay, cases, adamw } = await readJsonFixture<Expected>('fine-tuning', 'layer_decay.json');

function build({ kind, task, config }: Pick<Expected['cases'][number], 'kind' | 'task' | 'config'>) {
  const described: HuggingFaceConfig = { model_type: kind, ...config };
  return modelOf(described, task, labelsOf(described), 'config.json').model;
}

describe('withLayerDecay', () => {
  it.each(cases)('gives every parameter of $kind for $task the factor of the published rule', (each) => {
    const { parameters } = build(each);
    const rates = withLayerDecay({}, parameters, decay);
    expect(Object.keys(rates).toSorted()).toEqual(Object.keys(each.factors).toSorted());
    for (const [name, factor] of Object.entries(each.factors)) {
      expect(rates[name]!.learningRate / factor, name).toBeCloseTo(1, 12);
      expect(rates[name]).toMatchObject({ weightDecay: 1, layerDecay: rates[name]!.learningRate });
    }
  });

  it.each(cases)('gives an adapter of $kind for $task the factors of the layers that it is put on', (each) => {
    const base = build(each);
    const head = each.task === 'classification' ? [base.dense.at(-1)!.name] : [];
    const config = newAdapterConfig(base, 'base', {
      rank: 2,
      alpha: 2,
      dropout: 0,
      targets: 'all-linear',
      rankStabilised: false,
      alsoTrained: head,
    });
    const { parameters, updates } = withLora(base, config);
    const rates = withLayerDecay({}, parameters, decay);
    expect(Object.keys(rates)).toEqual(parameters.map(({ name }) => name));
    expect(updates.length).toBeGreaterThan(base.layers.length / 2);
    for (const { layer, a, b } of updates) {
      const factor = each.factors[`${layer.name}.weight`]!;
      for (const name of [a, b]) expect(rates[name]!.learningRate / factor, name).toBeCloseTo(1, 12);
    }
    for (const name of head) expect(rates[`${name}.weight`]!.learningRate).toBe(1);
  });

  const specs = [
    { name: 'table', shape: [4, 2], decay: true, depth: 2 },
    { name: 'h.0.weight', shape: [2, 2], decay: true, layer: 'h.0', depth: 1 },
    { name: 'h.0.bias', shape: [2], decay: false, layer: 'h.0', depth: 1 },
    { name: 'head', shape: [2], decay: true, depth: 0 },
  ];
  const balanced = { learningRate: 1.5, weightDecay: 0.5, rho: 2 };

  it('multiplies with the factors of balancing, and leaves those of other rates alone', () => {
    expect(withLayerDecay({ 'h.0.weight': balanced }, specs, 0.5)).toEqual({
      table: { learningRate: 0.25, weightDecay: 1, layerDecay: 0.25 },
      'h.0.weight': { learningRate: 0.75, weightDecay: 0.5, rho: 2, layerDecay: 0.5 },
      'h.0.bias': { learningRate: 0.5, weightDecay: 1, layerDecay: 0.5 },
      head: { learningRate: 1, weightDecay: 1, layerDecay: 1 },
    });
  });

  it('is in the groups that an epoch notes', () => {
    const rates = withLayerDecay({ 'h.0.weight': balanced, 'h.0.bias': balanced }, specs, 0.5);
    const groups = groupRates(specs, rates, { weightDecay: 0.1 });
    expect(
      groups.map(({ group, parameters, learningRateMultiplier, layerDecay }) => [
        group,
        parameters.length,
        learningRateMultiplier,
        layerDecay,
      ]),
    ).toEqual([
      ['table', 1, 0.25, 0.25],
      ['h.0', 1, 0.75, 0.5],
      ['h.0', 1, 0.75, 0.5],
      ['head', 1, 1, 1],
    ]);
    expect(groupRates(specs, {}, { weightDecay: 0.1 }).some((group) => 'layerDecay' in group)).toBe(false);
  });

  it.each([undefined, 1])('changes nothing where it is %s', (off) => {
    const rates = { 'h.0.weight': balanced };
    expect(withLayerDecay(rates, [{ name: 'conv0', shape: [1], decay: true }], off)).toBe(rates);
  });

  it('refuses a model without blocks', () => {
    const decayed = () => withLayerDecay({}, [{ name: 'conv0', shape: [1], decay: true }], 0.9);
    expect(decayed).toThrow(UserError);
    expect(decayed).toThrow('needs a model of numbered blocks; here it is not known which block conv0 is in');
  });
});

describe.each(availableEngines())('layer decay on %s', (engineName) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine(engineName);
  });

  it('takes the steps of AdamW with the rates of each parameter', async () => {
    const { model, parameters, inputs } = await readLanguageFixture('bert-tiny');
    const rates = withLayerDecay({}, model.parameters, decay);
    const { losses, parameters: trained } = await trainOn(
      engine,
      { model, parameters, inputs },
      {
        steps: adamw.losses.length - 1,
        rateOf: (name) => adamw.rate * rates[name]!.learningRate,
        weightDecay: adamw.weightDecay,
      },
    );
    for (const [step, loss] of losses.entries()) expect(loss).toBeCloseTo(adamw.losses[step]!, 4);
    for (const [name, length] of Object.entries(adamw.norms)) {
      // The keys' bias has no gradient but rounding, by which Adam moves it up to the rate a step.
      if (name.endsWith('key.bias')) continue;
      expect(Math.abs(norm(trained.get(name)!.data) / length - 1), name).toBeLessThan(1e-3);
    }
  });
});
