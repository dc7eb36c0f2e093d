import { describe, expect, it } from 'vitest';
import { type RunConfig, runFileSchema } from '../../shared/config/run-file.ts';
import { describeBalance, refuseUnchangingRates } from '../../shared/pipeline/balance-description.ts';
import { modelOfRun } from '../../shared/pipeline/run-model.ts';

const channels = ['u'];

function described(balance: object | string, { stepsPerEpoch = 10 }: { stepsPerEpoch?: number } = {}) {
  const config: RunConfig = runFileSchema.parse({
    model: { family: 'fno1d', modes: 12, width: 20 },
    dataset: { format: 'pdebench', path: 'data.hdf5' },
    training: { epochs: 10 },
    balance,
  });
  const record = { config, dataset: { space: [64], channels, stepsPerEpoch } };
  refuseUnchangingRates(record);
  return describeBalance(modelOfRun(record), record);
}

describe('what is balanced of a run', () => {
  it('is said in layers and parameters, with the reasons of the others', () => {
    expect(described({})!.covered).toBe(
      '5 of 11 layers are balanced, 10 % of the parameters; all else keeps the base rate (fc0, fc2: fewer than 12 eigenvalues (balance.minEigenvalues); conv0, conv1, conv2, conv3: spectral weights are not analysed (balance.spectralWeights))',
    );
    expect(described({ spectralWeights: true, exclude: ['fc*'] })!.covered).toMatch(
      /^8 of 11 layers are balanced, 9\d %/,
    );
    expect(described({ unit: 'block' })!.covered).toContain('0 of 11 layers are balanced, 0 % of the parameters');
    expect(described('off')).toBeUndefined();
  });

  it('tells apart what keeps the base rate and what gets the largest factor', () => {
    expect(described({ preset: 'llr' })!.covered).toBe(
      '5 of 11 layers are balanced, 10 % of the parameters; 89 % get the largest factor, as no spectrum is taken of them; all else keeps the base rate (fc0, fc2: fewer than 12 eigenvalues (balance.minEigenvalues))',
    );
    expect(described({ preset: 'alphaDecay' })!.covered).toContain('all else keeps the base weight decay');
  });

  it('comes with the method: preset, map, metric, unit, target and control', () => {
    expect(described({})!.method).toBe('sigmoid of alpha, a factor for each layer, on the learning rate');
    expect(described({ preset: 'alphaDecay', control: 'byShape' })!.method).toBe(
      'preset alphaDecay: linearMap of alpha, a factor for each layer, on the weight decay; as the control byShape: each layer or block has the mean factor of those of its shape',
    );
  });

  it('warns where there is nothing to compare, and where a ramp is longer than the run', () => {
    expect(described({ unit: 'block' })!.notes).toContain(
      'nothing is balanced by these settings: all keeps the base rate',
    );
    expect(described({ exclude: ['w*'] })!.notes[0]).toContain('there is only one layer to balance');
    expect(described({ rampSteps: 200 })!.notes).toContain(
      'the ramp of 200 steps is longer than the run, which has 100',
    );
  });

  it('comes with when rates are set', () => {
    expect(described({})!.timing).toBe('set 10 times in 100 steps, first before training');
    expect(described({ every: { steps: 100 } })!.timing).toBe('set once, before the first of 100 steps');
    expect(described({ preset: 'llr' }, { stepsPerEpoch: 100 })!.timing).toBe(
      'set 6 times in 1000 steps, first before training; they move over 20 steps',
    );
  });

  it('warns that alpha follows the shape where layers of unlike shapes are compared one by one', () => {
    expect(described({})!.notes).toEqual([
      'balance.unit is layer, and the balanced layers have unlike shapes ([20, 20, 1], [128, 20]): alpha mostly follows the shape of a layer, so each shape gets a factor of its own; metric: farmsAlpha does not depend on it, and control: byShape shows what of the effect is shape',
    ]);
    expect(described({ control: 'byShape' })!.notes[0]).not.toContain('control: byShape');
    expect(described({ preset: 'farms' })!.notes).toEqual([]);
    expect(described({ exclude: ['fc1'] })!.notes).toEqual([]);
  });
});

describe('an end of setting rates before the first analysis of the training', () => {
  it('is refused, whether it is told in epochs or in steps', () => {
    expect(() => described({ every: { steps: 50 }, until: { share: 0.3 } })).toThrow(
      'balance.until: comes before the first analysis of the training, which has 100 steps, so the rates would never change',
    );
    expect(() => described({ every: 5, until: { epoch: 3 } })).toThrow('so the rates would never change');
  });

  it('is told of a preset that comes with it, where training is short', () => {
    expect(described({ preset: 'llr' })!.notes[0]).toContain('rates are set once, by the weights as they come');
  });
});
