import { describe, expect, it } from 'vitest';
import { overrideSettings, parseOverride, parseRunFile } from '../../shared/config/parse-run-file.ts';

const fields = 'model: { family: fno1d }\ndataset: { format: pdebench, path: data.hdf5 }\n';
const language = (lora = '') =>
  `model: { family: huggingface, folder: bert${lora} }\ndataset: { format: jsonl, path: texts.jsonl }\n`;

const balanceOf = (text: string, ...overrides: string[]) =>
  parseRunFile(text, 'run.yaml', overrides.map(parseOverride)).balance;

/** The message with which a text is refused. */
function refusal(text: string, ...overrides: string[]): string {
  try {
    balanceOf(text, ...overrides);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was accepted');
}

describe('without a preset', () => {
  it('the sigmoid is gentle, Conv1d weights are read by rows, and nothing moves or ends', () => {
    expect(balanceOf(fields)).toMatchObject({
      assignment: { function: 'sigmoid', s: 0.25 },
      conv1d: 'rows',
      every: 1,
      rampSteps: 0,
      unmeasured: 'baseRate',
      excludeEnds: 'none',
    });
    expect(balanceOf(fields)).not.toHaveProperty('until');
    expect(balanceOf(fields)).not.toHaveProperty('control');
  });
});

describe('a preset', () => {
  it('is resolved for the kind of model, and stays on record by name', () => {
    expect(balanceOf(`${language()}balance: { preset: modelBalancing }`)).toMatchObject({
      preset: 'modelBalancing',
      unit: 'block',
      every: { steps: 100, timesAnEpoch: 10 },
      minEigenvalues: 50,
    });
    expect(balanceOf(`${fields}balance: { preset: modelBalancing }`)).toMatchObject({
      unit: 'layer',
      every: 1,
      minEigenvalues: 12,
    });
  });

  it('leaves updates of low rank to be balanced, which have few eigenvalues', () => {
    const update = language(', lora: { spectra: update, rank: 8 }');
    expect(balanceOf(`${update}balance: { preset: llr }`)).toMatchObject({ minEigenvalues: 0 });
    expect(balanceOf(`${update}balance: { preset: llr, minEigenvalues: 4 }`)).toMatchObject({ minEigenvalues: 4 });
  });

  it('by alphas of windows is refused for updates of low rank, which have none', () => {
    const update = language(', lora: { spectra: update, rank: 8 }');
    expect(refusal(`${update}balance: { preset: farms }`)).toContain('balance.metric: farmsAlpha is not there');
    expect(refusal(`${update}balance: { metric: farmsAlpha, farms: {} }`)).toContain('choose spectra: merged');
    const merged = language(', lora: { spectra: merged, rank: 8 }');
    expect(balanceOf(`${merged}balance: { preset: farms }`)).toMatchObject({ metric: 'farmsAlpha' });
    expect(balanceOf(`${update}balance: { farms: {} }`)).toMatchObject({ metric: 'alpha' });
  });

  it('is overridden setting by setting, on the command line too', () => {
    const text = `${fields}balance: { preset: modelBalancing, assignment: { s: 1 } }`;
    expect(balanceOf(text, 'balance.assignment.tau=5')).toMatchObject({
      assignment: { function: 'sigmoid', s: 1, tau: 5 },
    });
    expect(balanceOf(fields, 'balance.preset=llr')).toMatchObject({ preset: 'llr', rampSteps: 20 });
  });

  it('has its times replaced as a whole', () => {
    const text = `${fields}balance: { preset: llr, until: { epoch: 3 }, every: 1 }`;
    expect(balanceOf(text)).toMatchObject({ until: { epoch: 3 }, every: 1 });
    expect((balanceOf(text) as { until: object }).until).not.toHaveProperty('share');
    const steps = `${language()}balance: { preset: modelBalancing, every: { steps: 7 } }`;
    expect((balanceOf(steps) as { every: object }).every).toEqual({ steps: 7 });
  });

  it('that is chosen for a run takes the place of all balance settings it has on record', () => {
    const before = parseRunFile(`${fields}balance: { preset: llr, exclude: [fc1] }`, 'run.yaml');
    const after = overrideSettings(before, [parseOverride('balance.preset=tempBalance')], { label: 'request.json' });
    expect(after.balance).toMatchObject({ preset: 'tempBalance', rampSteps: 0, exclude: [] });
    expect(after.balance).not.toHaveProperty('until');
  });

  it('has its times replaced as a whole when a run goes on with others', () => {
    const before = parseRunFile(`${language()}balance: { preset: llr }`, 'run.yaml');
    const set = (...texts: string[]) =>
      overrideSettings(before, texts.map(parseOverride), { label: 'request.json' }).balance;
    expect(set('balance.until.epoch=4', 'balance.every.steps=7')).toMatchObject({
      until: { epoch: 4 },
      every: { steps: 7 },
      preset: 'llr',
    });
  });

  it('is not combined with a setting that makes it another method', () => {
    expect(refusal(`${fields}balance: { preset: alphaDecay, target: learningRate }`)).toContain(
      'run.yaml:3:32  balance.target: alphaDecay is defined by target: "weightDecay"; leave out either balance.target or balance.preset',
    );
    expect(refusal(`${fields}balance: { preset: farms, metric: alpha }`)).toContain('farms is defined by metric');
    expect(refusal(`${fields}balance: { preset: llr, assignment: { function: rank } }`)).toContain(
      'llr is defined by assignment.function: "linearMap"',
    );
  });

  it('takes the settings of its own kind of map, and says which these are', () => {
    expect(refusal(`${fields}balance: { preset: llr, assignment: { s: 1 } }`)).toContain(
      'balance.assignment.s: unknown key\n      Allowed: function, minFactor, maxFactor.',
    );
  });

  it('that there is not is told with those that there are', () => {
    expect(refusal(`${fields}balance: { preset: lrr }`)).toContain('did you mean "llr"?');
  });
});

describe('settings that have nothing to act on are refused', () => {
  it.each([
    ['balance: { weightDecayAssignment: { function: rank } }', 'balance.weightDecayAssignment: has no effect'],
    ['balance: { metric: farmsAlpha }', 'balance.farms: is needed for metric: farmsAlpha'],
    ['training: { weightDecay: 0 }\nbalance: { preset: alphaDecay }', 'weightDecay has nothing to multiply'],
    ['balance: { every: 5, until: { epoch: 3 } }', 'so the rates would never change'],
    ['balance: { until: { epoch: 0 } }', 'balance.until'],
    ['balance: { until: { epoch: 3, share: 0.5 } }', 'balance.until: takes either share or epoch, one of them'],
    ['balance: { until: {} }', 'balance.until: takes either share or epoch'],
    ['balance: { every: { steps: 0 } }', 'balance.every'],
    ['balance: { control: random }', 'balance.control'],
  ])('%s', (text, message) => {
    expect(refusal(`${fields}${text}`)).toContain(message);
  });

  it('a setting of a section that is off', () => {
    expect(refusal(`${fields}balance: off`, 'balance.control=shuffled')).toBe(
      "--set balance.control=shuffled: balance is off, so balance.control has nothing to act on\n  To turn it on, set the section as a whole: --set 'balance={control: shuffled}'.",
    );
    expect(refusal(fields, 'balance=off', 'balance.unit=block')).toContain('balance is off');
    expect(refusal(`${fields}balance: off`, 'balance.until.epoch=3')).toContain("--set 'balance={until: {epoch: 3}}'");
    expect(balanceOf(`${fields}balance: off`, 'balance={until: {epoch: 3}}')).toMatchObject({ until: { epoch: 3 } });
    expect(balanceOf(`${fields}balance: off`, 'balance={control: shuffled}')).toMatchObject({ control: 'shuffled' });
  });
});
