import { describe, expect, it } from 'vitest';
import type { CheckpointRates } from '../../shared/schedules/checkpoint-rates.ts';
import { ratesFor } from '../../shared/schedules/trainer-parameters.ts';

const row = (layer: string | null, factor: number, shape: readonly number[] = [4, 4]) => ({
  shape,
  layer,
  decays: shape.length > 1,
  learningRateFactor: factor,
  weightDecayFactor: 1,
});

const rates = (parameters: CheckpointRates['parameters']): CheckpointRates => ({
  version: 1,
  source: { path: 'model.pt', format: 'pytorch' },
  kind: null,
  kindFrom: '',
  known: false,
  settings: {},
  seed: 0,
  base: { learningRate: 0.1, weightDecay: 0.01 },
  parameters,
  groups: [],
  layers: [],
  warnings: [],
  notes: [],
});

const factorsFor = (parameters: CheckpointRates['parameters'], names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(ratesFor(rates(parameters), Object.fromEntries(names.map((name) => [name, [4, 4]]))).parameters).map(
      ([name, { learningRateFactor }]) => [name, learningRateFactor],
    ),
  );

describe('rates for the parameters of a trainer', () => {
  it.each([
    ['a.weight', 'module.a.weight'],
    ['a.weight', '_orig_mod.module.a.weight'],
    ['_orig_mod.a.weight', 'module.a.weight'],
    ['net.weight', 'net._orig_mod.weight'],
    ['base_model.model.q.lora_A.weight', 'base_model.model.q.lora_A.default.weight'],
    ['base_model.model.score.weight', 'base_model.model.score.modules_to_save.default.weight'],
  ])('finds %s as %s', (stored, name) => {
    expect(factorsFor({ [stored]: row(null, 2) }, [name])).toEqual({ [name]: 2 });
  });

  it('prefer the very name', () => {
    const parameters = { 'a.weight': row(null, 2), 'module.a.weight': row(null, 3) };
    expect(factorsFor(parameters, ['a.weight', 'module.a.weight'])).toEqual({ 'a.weight': 2, 'module.a.weight': 3 });
  });

  it('have groups of those that follow the same layer and decay alike, and name what the checkpoint lacks', () => {
    const parameters = { a: row('a', 2), 'a.bias': row('a', 2, [4]), b: row('a', 2), norm: row(null, 1, [4]) };
    const wanted = { a: [4, 4], 'a.bias': [4], b: [4, 4], norm: [4], head: [2, 4], 'head.bias': [2] };
    const found = ratesFor(rates(parameters), wanted);
    expect(found.groups).toEqual([
      { parameters: ['a', 'b'], decays: true },
      { parameters: ['a.bias'], decays: false },
      { parameters: ['norm'], decays: false },
      { parameters: ['head'], decays: true },
      { parameters: ['head.bias'], decays: false },
    ]);
    expect(found.unmatched).toEqual(['head', 'head.bias']);
    expect(found.warnings).toEqual(['head, head.bias: not in the rates, so at the base rate']);
    expect(ratesFor(rates(parameters), { a: [4, 5], b: [4, 4] }).warnings).toEqual([
      expect.stringMatching(/^a: has another shape than in /),
    ]);
    expect(found.parameters['head.bias']).toMatchObject({ learningRateFactor: 1, learningRate: 0.1, weightDecay: 0 });
  });

  it('refuse a checkpoint of another model, and a model that is not trained', () => {
    expect(() => factorsFor({ a: row('a', 2) }, ['b', 'c'])).toThrow(
      "has no parameter of the trainer's model, such as b",
    );
    expect(() => factorsFor({ a: row('a', 2) }, [])).toThrow('no parameter is named');
  });
});
