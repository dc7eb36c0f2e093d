import { describe, expect, it } from 'vitest';
import { assignmentFunction } from '../../shared/schedules/assignments/registry.ts';
import { balanceConfigSchema } from '../../shared/schedules/config.ts';
import { layerFactors } from '../../shared/schedules/factors.ts';
import { overMean } from '../../shared/schedules/mean.ts';
import { rateTable } from '../../shared/schedules/rate-table.ts';
import { spectraReport } from '../../shared/spectra/analyse.ts';
import { type PublishedSchedule, readPublishedSchedules, settingsOf } from '../support/published-schedules.ts';
import { spectrumWith } from '../support/spectra.ts';

const cases = Object.entries(await readPublishedSchedules());

/** Through the whole table, as a run does: layers without a finite alpha are left out there. */
function ratesOf(key: string, given: PublishedSchedule): { rates: number[]; warnings: readonly string[] } {
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
  const { layers, warnings } = rateTable(report, [], config, 0);
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
        const layers = given.layer_names.map((name, i) => ({ name, value: given.alphas[i]!, shape: [16, 16] }));
        const { factors, warnings } = layerFactors(layers, { ...config, seed: 0 });
        expect(factors).toEqual(layers.map(() => 1));
        expect(warnings.join()).toContain('block number');
      }
    },
  );
});

describe('mean normalisation', () => {
  it('divides by the mean', () => {
    expect(overMean([1, 3])).toEqual([0.5, 1.5]);
  });
});
