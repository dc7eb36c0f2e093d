import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overrideSettings, parseOverride, parseRunFile } from '../../shared/config/parse-run-file.ts';
import { runFileSchema } from '../../shared/config/run-file.ts';
import { schemaComment, starterRunFile, starterTextRunFile } from '../../shared/config/starter.ts';
import { weightsOf } from '../../shared/models/registry.ts';
import { optimizerFamilies } from '../../shared/training/optimizers/registry.ts';

const minimal = 'model: { family: fno1d }\ndataset: { format: pdebench, path: data.hdf5 }\n';

/** The message with which a text is refused. */
function refusal(text: string, ...overrides: string[]): string {
  try {
    parseRunFile(text, 'run.yaml', overrides.map(parseOverride));
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('was accepted');
}

describe('a run file', () => {
  it('needs only a model and a data set; the rest has defaults', () => {
    const config = parseRunFile(minimal, 'run.yaml');
    expect(config.training).toMatchObject({ epochs: 20, optimizer: { name: 'adam' }, schedule: { name: 'constant' } });
    expect(config.balance).toMatchObject({ metric: 'alpha', assignment: { function: 'sigmoid' }, unit: 'layer' });
    expect(config.convergence).toEqual({ metric: 'nRMSE', direction: 'lower', minDelta: 0 });
  });

  it('is what a run file of all its values would be', () => {
    const config = parseRunFile(minimal, 'run.yaml');
    expect(parseRunFile(JSON.stringify(config), 'run.json')).toEqual(config);
  });

  it('balances layers of 12 eigenvalues or more, and updates of any rank, where nothing else is said', () => {
    const least = (lora: object | undefined, balance: object = {}) => {
      const model = { family: 'huggingface', folder: 'bert', ...(lora ? { lora } : {}) };
      const settings = { model, dataset: { format: 'jsonl', path: 'texts.jsonl' }, balance };
      return parseRunFile(JSON.stringify(settings), 'run.json').balance;
    };
    expect(least(undefined)).toMatchObject({ minEigenvalues: 12 });
    expect(least({})).toMatchObject({ minEigenvalues: 12 });
    expect(least({ spectra: 'update' })).toMatchObject({ minEigenvalues: 0 });
    expect(least({ spectra: 'update' }, { minEigenvalues: 9 })).toMatchObject({ minEigenvalues: 9 });
    expect(() => least({ spectra: 'update', rank: 4 })).toThrow(
      /model\.lora\.rank: is too small for spectra: update: the tail of 4 eigenvalues has 2, and a power law takes 3/,
    );
    expect(least({ spectra: 'update', rank: 5 })).toMatchObject({ minEigenvalues: 0 });
    const given = least({}, { minEigenvalues: 12, exclude: ['a'] });
    expect(JSON.stringify(given)).toBe(JSON.stringify(least({}, { exclude: ['a'] })));
  });

  it.each([
    ['a whole pre-trained one', {}, { name: 'adamw' }, 5e-5],
    ['the same with a fresh head', { head: 'fresh' }, { name: 'adam' }, 5e-5],
    ['for words', { task: 'masked-lm' }, { name: 'adafactor', scaleParameter: false }, 5e-5],
    ['by steps in proportion to the weights', {}, { name: 'adafactor' }, 1e-3],
    ['by steps in proportion to the gradient', {}, { name: 'sgd' }, 1e-3],
    ['by steps as long as a share of the weights', {}, { name: 'lamb' }, 1e-3],
    ['by steps of a thousandth of the weights at rate 1', {}, { name: 'lars' }, 1],
    ['the same with another share', {}, { name: 'lars', trustCoefficient: 0.02 }, 0.05],
    ['by orthogonal steps', {}, { name: 'muon' }, 1e-3],
    ['by orthogonal steps, a fresh one', { fresh: true }, { name: 'muon' }, 0.02],
    ["by orthogonal steps as long as AdamW's", {}, { name: 'muon', adjust: 'match-rms-adamw' }, 5e-5],
    ['a fresh one', { fresh: true }, { name: 'adamw' }, 1e-3],
    ['a new adapter', { lora: {} }, { name: 'adamw' }, 1e-3],
    ['an adapter gone on with', { base: 'base' }, { name: 'adamw' }, 1e-3],
  ])('has a learning rate that suits a language model where none is set: %s', (_, model, optimizer, expected) => {
    const rateOf = (training: object, ...overrides: string[]) => {
      const settings = {
        model: { family: 'huggingface', folder: 'bert', ...model },
        dataset: { format: 'jsonl', path: 'texts.jsonl' },
        training: { optimizer, ...training },
      };
      return parseRunFile(JSON.stringify(settings), 'run.json', overrides.map(parseOverride)).training;
    };
    expect(rateOf({}).learningRate).toBe(expected);
    expect(rateOf({ learningRate: 0.01 }, 'training.learningRate=').learningRate).toBe(expected);
    expect(rateOf({}, 'training.learningRate=0.02').learningRate).toBe(0.02);
    const given = rateOf({ learningRate: expected });
    expect(JSON.stringify(given)).toBe(JSON.stringify(rateOf({})));
  });

  it('has another learning rate for models of fields where none is set, pre-trained or not', () => {
    const weights = minimal.replace('fno1d', 'fno1d, weights: w.safetensors');
    expect([minimal, weights].map((text) => parseRunFile(text, 'run.yaml').training.learningRate)).toEqual([
      1e-3, 1e-3,
    ]);
  });

  it('takes a layer decay for models of numbered blocks alone', () => {
    const decayed = (text: string, decay: number) => `${text}training: { layerDecay: ${decay} }\n`;
    expect(refusal(decayed(minimal, 0.9))).toContain(
      'training.layerDecay: needs a model of numbered blocks, which fno1d is not',
    );
    expect(parseRunFile(decayed(minimal, 1), 'run.yaml').training.layerDecay).toBe(1);
    const language = 'model: { family: huggingface, folder: bert }\ndataset: { format: jsonl, path: texts.jsonl }\n';
    expect(parseRunFile(decayed(language, 0.9), 'run.yaml').training.layerDecay).toBe(0.9);
  });

  it('turns balancing off by `off`', () => {
    expect(parseRunFile(`${minimal}balance: off\n`, 'run.yaml').balance).toBe('off');
  });

  it('takes a target alone for where it trains', () => {
    expect(parseRunFile(`${minimal}compute: gpu\n`, 'run.yaml').compute).toEqual(
      parseRunFile(`${minimal}compute: { target: gpu }\n`, 'run.yaml').compute,
    );
    const more = [parseOverride('compute.epochsPerTask=2')];
    expect(parseRunFile(`${minimal}compute: gpu\n`, 'run.yaml', more).compute).toMatchObject({
      target: 'gpu',
      epochsPerTask: 2,
    });
    expect(refusal(`${minimal}compute: gqu\n`)).toContain('Allowed: auto, gpu, cpu, or a section.');
    expect(refusal(`${minimal}compute: { targt: gpu }\n`)).toContain('did you mean "target"');
  });

  it('written by init is valid and says what the defaults are', () => {
    const text = starterRunFile({ schema: 'schema.json', dataset: 'data: odd name.hdf5', weights: '#w.safetensors' });
    expect(text.split('\n')[0]).toBe(schemaComment('schema.json'));
    const config = parseRunFile(text, 'run.yaml');
    expect(config.dataset.path).toBe('data: odd name.hdf5');
    expect(weightsOf(config.model)).toBe('#w.safetensors');
    const bare = runFileSchema.parse({
      model: { family: 'fno1d', weights: '#w.safetensors' },
      dataset: { format: 'pdebench', path: 'data: odd name.hdf5' },
      balance: { preset: 'modelBalancing' },
    });
    expect(config).toEqual(bare);
  });

  it.each([
    ['csv', 'classification', true],
    ['lines', 'masked-lm', false],
  ] as const)('written by init for texts is valid: %s', (format, task, hasColumns) => {
    const named = { schema: 'schema.json', folder: '#bert', dataset: 'data: odd' };
    const text = starterTextRunFile({ ...named, format, hasColumns });
    expect(parseRunFile(text, 'run.yaml')).toMatchObject({
      model: { family: 'huggingface', folder: '#bert', task },
      dataset: { format, path: 'data: odd' },
      training: { learningRate: 2e-5, optimizer: { name: 'adamw' } },
      balance: { preset: 'modelBalancing', unit: 'block' },
    });
  });
});

describe('the patience that init writes for texts', () => {
  const named = {
    schema: 'schema.json',
    folder: 'bert',
    dataset: 'texts.csv',
    format: 'csv',
    hasColumns: true,
  } as const;
  const patience = (texts?: number) =>
    parseRunFile(starterTextRunFile({ ...named, texts }), 'run.yaml').convergence.patience;

  it('is about 100 steps, not less than 3 epochs, and no more than there are epochs', () => {
    expect([1, 48, 60, 300, 500, 1000, 1e6, Number.POSITIVE_INFINITY].map(patience)).toEqual([
      10, 10, 10, 7, 4, 3, 3, 3,
    ]);
    expect(patience()).toBe(5);
    expect(starterTextRunFile({ ...named, texts: 48 })).toContain('each of which is 3 steps here');
  });
});

describe('what is wrong with a run file', () => {
  it('is a setting of labels where none are learnt', () => {
    const run = (task: string) =>
      `model: { family: huggingface, folder: a, task: ${task}, problemType: regression, pooling: cls }\ndataset: { format: jsonl, path: b }\n`;
    for (const task of ['causal-lm', 'masked-lm', 'seq2seq']) {
      expect(refusal(run(task))).toContain(`model.problemType: is for model.task classification; ${task} learns`);
      expect(refusal(run(task))).toContain(
        `model.pooling: cls is for model.task classification; ${task} pools nothing`,
      );
    }
    expect(parseRunFile(run('classification'), 'run.yaml').model).toMatchObject({ pooling: 'cls' });
  });

  it('is reported all together, in the order of the file, with line, key, what is allowed and a guess', () => {
    const text = `model: { family: fno1e }
dataset:
  format: pdebench
  path: 5
  sampels: 3
training:
  optimizer: { name: adma, betta1: 0.9 }
  epochs: 1.5
  learningRate: -1
balance:
  unit: blok
  exclude: [fc0, 7]
budget: { usd: -3 }
`;
    expect(
      refusal(text)
        .split('\n')
        .filter((line) => line.startsWith('  run.yaml')),
    ).toEqual([
      `  run.yaml:1:10  model.family: can't be "fno1e"`,
      "  run.yaml:4:3  dataset.path: can't be 5",
      '  run.yaml:5:3  dataset.sampels: unknown key',
      `  run.yaml:7:16  training.optimizer.name: can't be "adma"`,
      '  run.yaml:8:3  training.epochs: is a number (1.5)',
      '  run.yaml:9:3  training.learningRate: is too small (-1)',
      `  run.yaml:11:3  balance.unit: can't be "blok"`,
      '  run.yaml:12:18  balance.exclude[1]: is a number (7)',
      '  run.yaml:13:11  budget.usd: is too small (-3)',
    ]);
    expect(refusal(text)).toContain('did you mean "samples"? Allowed: format, path, key,');
    const optimizers = optimizerFamilies.map(({ name }) => name).join(', ');
    expect(refusal(text)).toContain(`did you mean "adam"? Allowed: ${optimizers}.`);
  });

  it('includes unknown keys of the chosen variant, with the keys of that variant', () => {
    const message = refusal(`${minimal}training: { optimizer: { name: sgd, beta1: 0.9 } }\n`);
    expect(message).toContain('training.optimizer.beta1: unknown key');
    expect(message).toContain('Allowed: name, momentum.');
  });

  it('includes missing sections', () => {
    expect(refusal('training: {}\n')).toMatch(/model: is missing[\s\S]*dataset: is missing/);
  });

  it('includes a direction that contradicts the metric', () => {
    expect(refusal(`${minimal}convergence: { metric: RMSE, direction: higher }\n`)).toContain(
      "can't be higher for RMSE, which is better when lower",
    );
  });

  it('says what a value of several kinds may be', () => {
    expect(refusal(`${minimal}balance: of\n`)).toMatch(/balance: can't be "of"\n\s+.*Allowed: off, or a section\./);
    expect(refusal('model: { family: fno1d }\ndataset: { format: pdebench, path: a, samples: al }\n')).toMatch(
      /dataset.samples: can't be "al"\n\s+.*Allowed: a number, or all\./,
    );
  });

  it('includes balancing the radius of SAM without SAM, and targets that there are not', () => {
    const targets = (target: string, training = '{}') =>
      `${minimal}training: ${training}\nbalance: { target: ${target} }\n`;
    const unset = /run.yaml:\d+:12 {2}balance.target: rho is the radius of training.sam, which is not set; for example/;
    expect(refusal(targets('rho'))).toMatch(unset);
    expect(refusal(targets('[learningRate, rho]'))).toMatch(unset);
    const given = parseRunFile(targets('[weightDecay, rho]', '{ sam: { rho: 0.05 } }'), 'run.yaml');
    expect(given.balance).toMatchObject({ target: ['weightDecay', 'rho'] });
    expect(refusal(targets('radius'))).toMatch(/balance.target: can't be "radius"\n\s+Allowed: .*rho.*both/);
    expect(refusal(targets('[both]'))).toContain(`balance.target[0]: can't be "both"`);
  });

  it('is the place of a syntax error or a doubled key', () => {
    expect(refusal('model: [unclosed\ndataset: 3\n')).toMatch(/run\.yaml:\d+:\d+ {2}/);
    expect(refusal('model: { family: fno1d }\nmodel: { family: fno2d }\n')).toMatch(
      /run\.yaml:2:1 {2}Map keys must be unique/,
    );
  });

  it('is that it is no mapping at all', () => {
    expect(refusal('- a\n- b\n')).toContain('must be a mapping');
    expect(refusal('')).toContain('model: is missing');
  });

  it('never crashes the reader, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(refusal(text)).toContain('run.yaml');
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('an override', () => {
  it('sets a value of the type that YAML gives it, making sections as needed', () => {
    const overrides = ['training.epochs=7', 'balance=off', 'budget.hours=1.5', 'dataset.channels=[a, b]'];
    const config = parseRunFile(minimal, 'run.yaml', overrides.map(parseOverride));
    expect(config).toMatchObject({ balance: 'off', budget: { hours: 1.5 }, dataset: { channels: ['a', 'b'] } });
    expect(config.training.epochs).toBe(7);
  });

  it('is named when it is at fault', () => {
    expect(refusal(minimal, 'training.epochs=many')).toContain('--set training.epochs=many  training.epochs: is text');
    expect(refusal(minimal, 'trainig.epochs=3')).toMatch(
      /--set trainig\.epochs=3 {2}trainig: unknown key\n.*"training"/,
    );
  });

  it('must have the form key=value', () => {
    expect(() => parseOverride('training.epochs')).toThrow('is not of the form key.path=value');
    expect(() => parseOverride('=3')).toThrow('is not of the form');
    expect(() => parseOverride('a..b=3')).toThrow('is not of the form');
    expect(() => parseOverride('__proto__.x=1')).toThrow('is not of the form');
  });

  it('is an unknown key where it is called as what every object has', () => {
    for (const key of [
      'constructor',
      'constructor.x',
      'toString.a.b',
      'training.valueOf',
      'training.hasOwnProperty.x',
    ]) {
      const unknown = key.startsWith('training') ? key.split('.').slice(0, 2).join('.') : key.split('.')[0];
      expect(refusal(minimal, `${key}=1`)).toContain(`--set ${key}=1  ${unknown}: unknown key`);
    }
    expect(refusal(minimal, 'training={__proto__: {epochs: 3}}')).toContain('training.__proto__: unknown key');
    expect(refusal(`${minimal}training: { __proto__: { epochs: 3 } }\n`)).toContain(
      'run.yaml:3:13  training.__proto__: unknown key',
    );
    expect(refusal(`${minimal}constructor: 1\n`)).toContain('run.yaml:3:1  constructor: unknown key');
  });

  it('without a value takes the setting away', () => {
    const text = `${minimal}convergence: { patience: 3 }\n`;
    expect(
      parseRunFile(text, 'run.yaml', [parseOverride('convergence.patience=')]).convergence.patience,
    ).toBeUndefined();
  });
});

describe('overrides of complete settings', () => {
  const settings = parseRunFile(minimal, 'run.yaml');
  const override = (...texts: string[]) =>
    overrideSettings(settings, texts.map(parseOverride), { label: 'request.json', folder: '/data' });

  it('take the defaults of a variant away when another is chosen', () => {
    expect(override('training.optimizer.name=sgd').training.optimizer).toEqual({ name: 'sgd', momentum: 0.9 });
    expect(override('balance.assignment.function=rank').balance).toMatchObject({ assignment: { function: 'rank' } });
  });

  it('count relative paths from the given folder', () => {
    expect(override('dataset.path=moved.hdf5').dataset.path).toBe('/data/moved.hdf5');
  });
});

describe('paths', () => {
  const settings = parseRunFile(
    'model: { family: fno1d, weights: s3://bucket/weights/w.safetensors }\ndataset: { format: pdebench, path: d.hdf5 }\n',
    'run.yaml',
  );
  const epochs = [parseOverride('training.epochs=7')];

  it('count from the folder, but for addresses in S3', () => {
    const { model, dataset, output } = overrideSettings(settings, epochs, { label: 'run', folder: '/here' });
    expect([weightsOf(model), dataset.path, output.folder]).toEqual([
      's3://bucket/weights/w.safetensors',
      '/here/d.hdf5',
      '/here/runs',
    ]);
  });

  it('are kept as they are where no folder is given', () => {
    const { training, ...changed } = overrideSettings(settings, epochs, { label: 'run' });
    const { training: before, ...rest } = settings;
    expect(changed).toEqual(rest);
    expect(training).toEqual({ ...before, epochs: 7 });
  });
});
