import { describe, expect, it } from 'vitest';
import {
  type AssignmentConfig,
  assignmentFunction,
  assignmentSchema,
} from '../../shared/schedules/assignments/registry.ts';
import { balanceConfigSchema } from '../../shared/schedules/config.ts';
import { layerFactors } from '../../shared/schedules/factors.ts';
import { withLayersByName } from '../../shared/schedules/follow.ts';
import { overMean } from '../../shared/schedules/mean.ts';
import { rateTable } from '../../shared/schedules/rate-table.ts';
import { spectraReport } from '../../shared/spectra/analyse.ts';
import type { Layer, ParameterSpec } from '../../shared/tensors/layer.ts';
import { readJsonFixture } from '../support/fixtures.ts';
import { spectrumWith } from '../support/spectra.ts';

interface Case {
  layer_names: string[];
  alphas: number[];
  base_lr: number;
  base_wd: number;
  params: Record<`${'lr' | 'wd'}_${'min' | 'max'}_ratio` | 'sigmoid_min' | 'sigmoid_max' | 'exp_temp', number>;
  expected: Record<string, number[]>;
  suspicious: Record<string, { neutral_alternative: number[] | null }>;
}

const cases = Object.entries(await readJsonFixture<Record<string, Case>>('schedule', 'assignments.json'));

function assignmentOf(published: string, params: Case['params'], target: 'lr' | 'wd'): AssignmentConfig {
  const range = { minFactor: params[`${target}_min_ratio`], maxFactor: params[`${target}_max_ratio`] };
  const byName: Record<string, object> = {
    linear_map: { function: 'linearMap', ...range },
    rank: { function: 'rank', ...range },
    step_rank: { function: 'rank', ...range },
    sigmoid: { function: 'sigmoid', tau: params.exp_temp, sMin: params.sigmoid_min, sMax: params.sigmoid_max },
    std_sigmoid: { function: 'sigmoid', tau: params.exp_temp, sMin: params.sigmoid_min, sMax: params.sigmoid_max },
    sqrt: { function: 'sqrt' },
    log2: { function: 'log2' },
  };
  return assignmentSchema.parse(byName[published]);
}

/** Published key -> what it means to us, e.g. `tb_layer_blocks.wd.rank.layer.mean_normalised`. */
function settingsOf(key: string, { params }: Case) {
  const inBlocks = /^tb_layer_blocks\.(lr|wd)\.(\w+)\.(block|layer)(\.mean_normalised)?$/.exec(key);
  const [, target, name, unit, normalised] = inBlocks ?? ['', 'lr', key.replace(/^tb_|_mean_normalised$/g, ''), '', ''];
  const short = target as 'lr' | 'wd';
  return {
    target: short,
    assignment: assignmentOf(name!, params, short),
    unit: inBlocks ? (unit === 'block' ? 'block' : 'layerInBlock') : 'layer',
    withinBlock: { minFactor: params[`${short}_min_ratio`], maxFactor: params[`${short}_max_ratio`] },
    normaliseMean: Boolean(normalised) || key.endsWith('mean_normalised'),
  } as const;
}

/** Through the whole table, as a run does: layers without a finite alpha are left out there. */
function ratesOf(key: string, given: Case): { rates: number[]; warnings: readonly string[] } {
  const { target, ...settings } = settingsOf(key, given);
  const config = balanceConfigSchema.parse({
    ...settings,
    minEigenvalues: 0,
    target: target === 'lr' ? 'learningRate' : 'weightDecay',
  });
  const report = spectraReport(
    given.layer_names.map((name, i) =>
      spectrumWith({ name, alpha: Number.isFinite(given.alphas[i]) ? given.alphas[i]! : null }),
    ),
  );
  const { layers, warnings } = rateTable(report, [], config);
  const base = target === 'lr' ? given.base_lr : given.base_wd;
  return {
    rates: given.layer_names.map((name) => base * layers[name]![target === 'lr' ? 'learningRate' : 'weightDecay']),
    warnings,
  };
}

function expectRates(actual: readonly number[], wanted: readonly number[], what: string): void {
  expect(actual.length, what).toBe(wanted.length);
  actual.forEach((rate, i) => {
    expect(Math.abs(rate - wanted[i]!), `${what}[${i}]: ${rate} instead of ${wanted[i]}`).toBeLessThanOrEqual(
      1e-9 * Math.abs(wanted[i]!),
    );
  });
}

/** A single layer has nothing to be ranked against, so we keep the base rate where the published code halves it. */
const guarded = (name: string, key: string) =>
  name === 'single_layer' && /rank/.test(key) && !key.endsWith('mean_normalised');

describe.each(cases)('the published schedules of %s', (name, given) => {
  const keys = Object.keys(given.expected);

  it.each(keys.filter((key) => !guarded(name, key)))('are reproduced by a rate table: %s', (key) => {
    expectRates(ratesOf(key, given).rates, given.expected[key]!, key);
  });

  it.each(keys.filter((key) => guarded(name, key)))('are reproduced by the formula alone: %s', (key) => {
    const { target, assignment } = settingsOf(key, given);
    const base = target === 'lr' ? given.base_lr : given.base_wd;
    const rates = assignmentFunction(assignment).assign(given.alphas, assignment);
    expectRates(
      rates.map((factor) => base * factor),
      given.expected[key]!,
      key,
    );
    expectRates(ratesOf(key, given).rates, [base], key);
    expect(ratesOf(key, given).warnings.join()).toContain('the only');
  });

  it.each(Object.keys(given.suspicious).filter((key) => key !== 'tb_layer_groups'))(
    'leave the base rate, with a warning, where the published one depends on an empty range: %s',
    (key) => {
      const { rates, warnings } = ratesOf(key, given);
      expectRates(
        rates,
        rates.map(() => (key.includes('.wd.') ? given.base_wd : given.base_lr)),
        key,
      );
      expect(warnings.length, key).toBeGreaterThan(0);
    },
  );
});

describe('layers without block numbers', () => {
  it.each(cases.filter(([name]) => name === 'fno' || name === 'docstring_4_3_5'))(
    'keep the base rate under unit block: %s',
    (_, given) => {
      for (const unit of ['block', 'layerInBlock']) {
        const config = balanceConfigSchema.parse({ unit });
        const layers = given.layer_names.map((name, i) => ({ name, value: given.alphas[i]! }));
        const { factors, warnings } = layerFactors(layers, config);
        expect(factors).toEqual(layers.map(() => 1));
        expect(warnings.join()).toContain('block number');
      }
    },
  );
});

describe('the parameter groups of a RoBERTa classifier', async () => {
  const given = await readJsonFixture<{
    layer_names: string[];
    alphas: number[];
    base_lr: number;
    base_wd: number;
    scheduled_layer_lr: number[];
    param_names: string[];
    param_lr: number[];
    param_weight_decay: number[];
  }>('schedule', 'param_groups.json');
  const layers: Layer[] = given.layer_names.map((name) => ({ name, kind: 'linear', weights: [`${name}.weight`] }));
  const specs = given.param_names.map(
    (name): ParameterSpec => ({
      name,
      shape: [4, 4],
      decay: !/bias$|LayerNorm/.test(name),
    }),
  );
  const parameters = withLayersByName(specs, layers);
  const config = balanceConfigSchema.parse({ unit: 'block', assignment: { function: 'linearMap' } });
  const report = spectraReport(given.layer_names.map((name, i) => spectrumWith({ name, alpha: given.alphas[i]! })));
  const table = rateTable(report, parameters, config);

  it('get the rate of their block by name, and the base rate outside blocks', () => {
    expectRates(
      given.layer_names.map((name) => given.base_lr * table.layers[name]!.learningRate),
      given.scheduled_layer_lr,
      'layers',
    );
    expectRates(
      given.param_names.map((name) => given.base_lr * (table.parameters[name]?.learningRate ?? 1)),
      given.param_lr,
      'parameters',
    );
  });

  it('keep their weight decay when only learning rates are balanced', () => {
    const decays = parameters.map(({ name, decay }) =>
      decay ? given.base_wd * (table.parameters[name]?.weightDecay ?? 1) : 0,
    );
    expectRates(decays, given.param_weight_decay, 'weight decay');
  });
});

describe('mean normalisation', () => {
  it('divides by the mean', () => {
    expect(overMean([1, 3])).toEqual([0.5, 1.5]);
  });
});
