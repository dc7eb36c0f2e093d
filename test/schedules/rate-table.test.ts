import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignmentFunctions } from '../../shared/schedules/assignments/registry.ts';
import { type BalanceConfig, balanceConfigSchema } from '../../shared/schedules/config.ts';
import { rateTable } from '../../shared/schedules/rate-table.ts';
import { spectraReport } from '../../shared/spectra/analyse.ts';
import type { LayerSpectrum } from '../../shared/spectra/spectrum.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import { spectrumWith } from '../support/spectra.ts';

const parameters: ParameterSpec[] = [
  { name: 'fc0.weight', shape: [16, 16], decay: true, layer: 'fc0' },
  { name: 'fc0.bias', shape: [16], decay: false, layer: 'fc0' },
  { name: 'conv0.weights1', shape: [4, 4, 3, 2], decay: true, complex: true, layer: 'conv0' },
  { name: 'fc1.weight', shape: [16, 16], decay: true, layer: 'fc1' },
  { name: 'scale', shape: [1], decay: false },
];

function tableOf(spectra: LayerSpectrum[], settings: object = {}) {
  const config: BalanceConfig = balanceConfigSchema.parse(settings);
  return rateTable(spectraReport(spectra), parameters, config, 42);
}

const fc0 = spectrumWith({ name: 'fc0', alpha: 2 });
const fc1 = spectrumWith({ name: 'fc1', alpha: 4 });

describe('a rate table', () => {
  it('gives a bias the multiplier of its weight and leaves out parameters that follow no analysed layer', () => {
    const table = tableOf([fc0, fc1], { assignment: { function: 'linearMap' } });
    expect(table.parameters).toEqual({
      'fc0.weight': { learningRate: 0.5, weightDecay: 1 },
      'fc0.bias': { learningRate: 0.5, weightDecay: 1 },
      'fc1.weight': { learningRate: 1.5, weightDecay: 1 },
    });
    expect(table.layers).toEqual({
      fc0: { learningRate: 0.5, weightDecay: 1 },
      fc1: { learningRate: 1.5, weightDecay: 1 },
    });
    expect(table.warnings).toEqual([]);
  });

  it('multiplies weight decay, the radius of SAM, or several of them when asked to', () => {
    const assignment = { function: 'linearMap' };
    const layers = (target: string | string[]) => tableOf([fc0, fc1], { assignment, target }).layers;
    expect(layers('weightDecay')).toMatchObject({ fc0: { learningRate: 1, weightDecay: 0.5 } });
    expect(layers('both').fc0).toEqual({ learningRate: 0.5, weightDecay: 0.5 });
    expect(layers('rho').fc0).toEqual({ learningRate: 1, weightDecay: 1, rho: 0.5 });
    expect(layers(['rho', 'learningRate']).fc0).toEqual({ learningRate: 0.5, weightDecay: 1, rho: 0.5 });
  });

  it('keeps excluded layers at the base rate without a warning', () => {
    const table = tableOf([fc0, fc1, spectrumWith({ name: 'fc2', alpha: 9 })], { exclude: ['*2'] });
    expect(table.layers.fc2).toEqual({ learningRate: 1, weightDecay: 1 });
    expect(table.layers.fc1!.learningRate).toBeGreaterThan(1);
    expect(table.warnings).toEqual([]);
  });

  it('warns of an exclusion that matches nothing', () => {
    const { warnings } = tableOf([fc0, fc1], { exclude: ['fc9', 'conv*'] });
    expect(warnings).toEqual(['exclude: "fc9" matches no layer; did you mean "fc0"?']);
  });

  it('names the layers with too few eigenvalues', () => {
    const small = spectrumWith({ name: 'fc2', alpha: 9, eigenvalues: [1, 2, 3] });
    const { layers, warnings } = tableOf([fc0, fc1, small]);
    expect(layers.fc2!.learningRate).toBe(1);
    expect(warnings).toEqual(['fc2: keeps the base rate, fewer than 12 eigenvalues (minEigenvalues)']);
  });

  it('says of layers that have the same reason what it is once', () => {
    const spectra = ['b.0.a', 'b.1.a'].map((name) => spectrumWith({ name, alpha: null }));
    expect(tableOf([...spectra, fc0, fc1]).warnings).toEqual([
      'b.0.a, b.1.a: keep the base rate, no alpha: every weight is zero',
    ]);
    expect(tableOf(spectra, { unit: 'block' }).warnings).toEqual([
      'all 2 layers: keep the base rate, no alpha: every weight is zero',
      'no layer is left to balance: every layer keeps the base rate',
    ]);
  });

  it('passes on why a layer has no alpha', () => {
    const { layers, warnings } = tableOf([fc0, fc1, spectrumWith({ name: 'fc2', alpha: null })]);
    expect(layers.fc2!.learningRate).toBe(1);
    expect(warnings).toEqual(['fc2: keeps the base rate, no alpha: every weight is zero']);
  });

  it('leaves out values for which the function has no meaning', () => {
    const flat = spectrumWith({ name: 'fc2', spectralNorm: 0.25 });
    const spectra = [{ ...fc0, spectralNorm: 2 }, { ...fc1, spectralNorm: 8 }, flat];
    const { layers, warnings } = tableOf(spectra, { metric: 'spectralNorm', assignment: { function: 'log2' } });
    expect(layers).toMatchObject({ fc0: { learningRate: 0.5 }, fc1: { learningRate: 1.5 }, fc2: { learningRate: 1 } });
    expect(warnings).toEqual(['fc2: keeps the base rate, log2 takes no spectralNorm below 1']);
  });

  it('says that no layer is left to balance', () => {
    expect(tableOf([]).warnings).toEqual(['no layer is left to balance: every layer keeps the base rate']);
  });

  it('never gives a multiplier that is not a finite number of at least 0, and keeps the mean when asked to', () => {
    const value = fc.oneof(fc.double({ min: 1, max: 1e5, noNaN: true }), fc.constant(null));
    const functions = fc.constantFrom(...assignmentFunctions.map(({ name }) => name));
    const unit = fc.constantFrom('layer', 'block', 'layerInBlock');
    fc.assert(
      fc.property(fc.array(value, { maxLength: 12 }), functions, unit, (alphas, name, chosenUnit) => {
        const spectra = alphas.map((alpha, i) => spectrumWith({ name: `layer.${i % 4}.dense${i}`, alpha }));
        const settings = { assignment: { function: name }, unit: chosenUnit, normaliseMean: true };
        const rates = Object.values(tableOf(spectra, settings).layers).map(({ learningRate }) => learningRate);
        for (const rate of rates) expect(rate >= 0 && Number.isFinite(rate)).toBe(true);
        const total = rates.reduce((sum, rate) => sum + rate, 0);
        expect(total).toBeCloseTo(rates.length, 8);
      }),
      { seed: 1 },
    );
  });

  it('gives each layer the same multiplier whatever the order of layers', () => {
    const spectra = [fc0, fc1, spectrumWith({ name: 'fc2', alpha: 3.5 })];
    for (const { name } of assignmentFunctions) {
      const settings = { assignment: { function: name } };
      const forwards = tableOf(spectra, settings).layers;
      for (const [layer, { learningRate }] of Object.entries(tableOf(spectra.toReversed(), settings).layers)) {
        expect(learningRate).toBeCloseTo(forwards[layer]!.learningRate, 12);
      }
    }
  });
});
