import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { designOf, runConfigOf, runNameOf } from '../../shared/config/comparison.ts';
import { comparisonOf } from '../../shared/config/load-comparison.ts';
import { parseOverride } from '../../shared/config/parse-run-file.ts';
import type { RunPlan } from '../../shared/decisions/comparison/design.ts';

const run = {
  model: { family: 'fno1d', modes: 4, width: 4 },
  dataset: { format: 'pdebench', path: 'fields.hdf5', window: 2 },
  training: { epochs: 3, validation: 4 },
};
const usual = {
  run,
  test: { last: 8 },
  arms: { plain: { balance: 'off' }, balanced: {}, shuffled: { 'balance.control': 'shuffled' } },
  rates: [0.001, 0.003],
  seeds: { tuning: [101, 102], test: [1, 2, 3] },
};
const load = (changes: object = {}, overrides: string[] = []) =>
  comparisonOf(stringify({ ...usual, ...changes }), 'studies/a.yaml', overrides.map(parseOverride));
const problemsOf = async (changes: object) =>
  load(changes).then(
    () => 'none',
    (error: Error) => error.message,
  );

describe('a compare file', () => {
  it('gives the whole settings of every arm, with paths that count from its folder', async () => {
    const { settings, folder } = await load();
    expect(folder).toBe(resolve('studies/comparisons'));
    expect(settings).toMatchObject({ name: 'a', reference: 'plain', sizes: [null], epoch: 'best', threads: 1 });
    expect(settings.tuned).toEqual({ key: 'training.learningRate', values: [0.001, 0.003], extensions: 2 });
    const [plain, balanced, shuffled] = settings.arms.map(({ config }) => config);
    expect(plain!.balance).toBe('off');
    expect(balanced!.balance).not.toHaveProperty('control', 'shuffled');
    expect(shuffled!.balance).toHaveProperty('control', 'shuffled');
    for (const { config } of settings.arms) {
      expect(config.dataset.path).toBe(resolve('studies/fields.hdf5'));
      expect(config.dataset.test).toMatchObject({ last: 8 });
    }
    expect(settings.arms.map(({ changes }) => changes)).toEqual([['balance: off'], [], ['balance.control: shuffled']]);
  });

  it('finds the arm that a control is of', async () => {
    const { settings } = await load({ arms: { ...usual.arms, farms: { balance: { preset: 'farms' } } } });
    const { arms } = designOf(settings);
    expect(arms.map(({ name, isControl, controls }) => [name, isControl, controls])).toEqual([
      ['plain', false, []],
      ['balanced', false, ['shuffled']],
      ['shuffled', true, []],
      ['farms', false, []],
    ]);
  });

  it('is judged in per cent for errors, and in points for scores', async () => {
    expect(designOf((await load()).settings)).toMatchObject({
      metric: { name: 'nRMSE', direction: 'lower' },
      unit: 'percent',
    });
    const { settings } = await load({ metric: 'RMSE' });
    expect(designOf(settings).metric.name).toBe('RMSE');
    expect(settings.arms[0]!.config.convergence.metric).toBe('RMSE');
  });

  it('changes all arms by set, and by the command line', async () => {
    const { settings } = await load({ set: { 'training.batchSize': 2 } }, ['training.epochs=7']);
    for (const { config } of settings.arms) expect(config.training).toMatchObject({ batchSize: 2, epochs: 7 });
  });
});

describe("a run's settings", () => {
  const plan: RunPlan = { purpose: 'test', arm: 'balanced', size: 6, tried: 0.003, seed: 2 };

  it('have its seed, its value and its rows, besides those held out', async () => {
    const { settings } = await load({ sizes: [12, 6] });
    expect(settings.sizes).toEqual([6, 12]);
    const config = runConfigOf(settings, plan, '/runs');
    expect(config.training).toMatchObject({ seed: 2, learningRate: 0.003, validation: 4 });
    expect(config.dataset).toMatchObject({ samples: 10, test: { last: 8, evaluate: true } });
    expect(config.output).toMatchObject({ folder: '/runs', name: 'test-balanced-6-0.003-2', keep: 1 });
    expect(config.compute.epochsPerTask).toBe(4);
  });

  it('are measured on the test rows where the run file only keeps them apart', async () => {
    const { settings } = await load({ test: { last: 4, evaluate: false } });
    const plan = { arm: 'plain', size: null, tried: 0.001, seed: 1 } as const;
    expect(runConfigOf(settings, { ...plan, purpose: 'test' }, 'runs').dataset.test?.evaluate).toBe(true);
    expect(runConfigOf(settings, { ...plan, purpose: 'tuning' }, 'runs').dataset.test?.evaluate).toBe(false);
  });

  it('keep the test rows out of tuning runs without measuring on them', async () => {
    const { settings } = await load({ sizes: [6] });
    const config = runConfigOf(settings, { ...plan, purpose: 'tuning', seed: 101 }, '/runs');
    expect(config.dataset.test).toMatchObject({ last: 8, evaluate: false });
  });

  it('have names that differ', () => {
    expect(runNameOf({ ...plan, size: null, tried: null })).toBe('test-balanced-2');
    expect(runNameOf({ ...plan, tried: 'a b/c' })).toBe('test-balanced-6-a_b_c-2');
  });
});

describe('what is wrong with a compare file', () => {
  it('is told all at once, with the place of each', async () => {
    const message = await problemsOf({
      arms: { plain: {}, 'no spaces': {} },
      reference: 'none',
      seeds: { tuning: [1], test: [1, 2, 1] },
      smallestEffect: 0,
      colour: 'red',
    });
    expect(message).toContain('studies/a.yaml has');
    for (const part of [
      'arms.no spaces',
      'smallestEffect: is too small',
      'names a seed twice',
      'colour: unknown key',
    ]) {
      expect(message).toContain(part);
    }
    expect(message).toMatch(/studies\/a\.yaml:\d+:\d+ {2}smallestEffect/);
  });

  it.each([
    [{ reference: 'base' }, 'there is no arm base; there are: plain, balanced, shuffled'],
    [{ reference: 'toString' }, 'there is no arm toString'],
    [{ arms: { plain: {} } }, 'needs at least two arms'],
    [{ seeds: { test: [1] } }, 'values are chosen by seeds of their own'],
    [{ rates: undefined }, 'nothing is tuned'],
    [{ seeds: { tuning: [1, 7], test: [7, 8] } }, 'seeds that are tuned on too: 7'],
    [{ tune: { 'training.batchSize': [2, 4] } }, 'does not go with tune'],
    [{ rates: [0.1, 0.1] }, 'names a value twice'],
    [{ test: undefined }, 'settings are compared on data that none of them was chosen by'],
    [{ sizes: [4], set: { 'training.validation': 0.25 } }, 'training.validation is a share (0.25)'],
    [{ set: { 'training.seed': 3 } }, 'set.training.seed: is given for the whole comparison by seeds'],
    [{ arms: { plain: {}, b: { 'training.learningRate': 1 } } }, 'holds training.learningRate, which is tuned'],
    [{ arms: { plain: {}, b: { 'training.sed': 1 } } }, 'training.sed: unknown key'],
    [{ arms: { plain: {}, b: { 'balance.control': 'shufled' } } }, 'did you mean "shuffled"'],
    [{ rates: undefined, tune: { 'training.batchsize': [1] } }, 'training.batchsize: unknown key'],
    [{ rates: undefined, tune: { 'training.batchSize': [1, 'x'] } }, 'training.batchSize'],
    [{ sizes: [4], arms: { plain: {}, b: { 'dataset.samples': 9 } } }, 'which follows from sizes'],
    [{ arms: { plain: {}, b: { 'dataset.path': 'b.hdf5' } } }, 'arms.b: has data of its own'],
    [{ sizes: [4], rates: undefined, tune: { 'dataset.samples': [5, 6] } }, 'which follows from sizes'],
    [{ rates: undefined, tune: { 'dataset.path': ['a.hdf5', 'b.hdf5'] } }, 'make an arm for each'],
    [{ test: { last: 0 } }, 'test.last: is too small'],
    [
      { rates: undefined, tune: { 'training.weightDecay': [1e-7, 7] }, arms: { plain: {}, b: {}, 'b-1e': {} } },
      'has two runs of one name: test-b-1e-7',
    ],
    [{ rates: undefined, tune: { 'dataset.window': [1, 2] } }, 'tune.dataset.window: changes what is measured'],
    [{ rates: undefined, tune: { 'dataset.subsample.time': [1, 2] } }, 'changes what is measured'],
    [{ rates: undefined, tune: { 'dataset.samples': [50, 60] } }, 'none'],
    [{ run: 'missing.yaml' }, 'there is no such file'],
    [{ run: { ...run, colour: 1 } }, 'colour: unknown key'],
    [{ seeds: { tuning: [1000], test: Array.from({ length: 700 }, (_, seed) => seed) } }, 'a round of 2100 runs'],
  ])('%j', async (changes, message) => {
    expect(await problemsOf(changes)).toContain(message);
  });

  it.each([
    '__proto__.x',
    'training.__proto__.x',
    'training.__proto__',
    'constructor.x',
    'training.toString',
    'valueOf.a.b',
  ])('is a setting that is called %s, wherever it stands', async (key) => {
    const wanted = new RegExp(
      `studies/a\\.yaml:\\d+:\\d+ .*${key.replaceAll('.x', '').replaceAll('.a.b', '')}: unknown key`,
    );
    expect(await problemsOf({ arms: { plain: {}, b: { [key]: 3 } } })).toMatch(wanted);
    expect(await problemsOf({ set: { [key]: 3 } })).toMatch(wanted);
    expect(await problemsOf({ rates: undefined, tune: { [key]: [1, 2] } })).toMatch(wanted);
    expect({}).not.toHaveProperty('x');
  });

  it('is a section or an arm that is called __proto__', async () => {
    for (const [text, path] of [
      ['set: { __proto__: { x: 1 } }', 'set'],
      ['set: { training: { __proto__: { epochs: 1 } } }', 'set.training'],
      ['arms: { __proto__: {}, plain: {}, b: {} }', 'arms'],
      ['run: { __proto__: {} }', 'run'],
      ['sizes: [{ __proto__: 1 }]', 'sizes[0]'],
    ] as const) {
      await expect(comparisonOf(text, 'a.yaml')).rejects.toThrow(`a.yaml:1:`);
      await expect(comparisonOf(text, 'a.yaml')).rejects.toThrow(`${path}.__proto__: unknown key`);
    }
  });

  it('is that an arm is measured by something else than the reference', async () => {
    const others = {
      'dataset.window': 1,
      'dataset.rolloutSteps': 2,
      'dataset.subsample': { time: 2 },
      'dataset.subsample.space': 2,
      'dataset.key': 'u',
      'dataset.channels': ['u', 'v'],
      dataset: { ...run.dataset, window: 3 },
    };
    for (const [key, value] of Object.entries(others)) {
      const message = await problemsOf({ arms: { plain: {}, b: { 'training.epochs': 2, [key]: value } } });
      expect(message, key).toMatch(
        /studies\/a\.yaml:\d+:\d+ {2}arms\.b\.dataset[^ ]*: has another dataset\.\w+ than plain, so that its results/,
      );
    }
    expect(
      await problemsOf({ arms: { plain: {}, b: { 'dataset.window': 2 } }, set: { 'dataset.rolloutSteps': 2 } }),
    ).toBe('none');
    const model = { family: 'huggingface', folder: 'bert', task: 'classification' };
    const texts = { model, dataset: { format: 'csv', path: 'texts.csv' }, training: { epochs: 2 } };
    const ofTexts = (change: object) =>
      problemsOf({ run: texts, set: {}, arms: { plain: {}, b: change }, metric: 'loss' });
    expect(await ofTexts({ 'dataset.columns.text': 'title' })).toContain('has another dataset.columns than plain');
    expect(await ofTexts({ 'dataset.labels': ['a', 'b'] })).toContain('has another dataset.labels than plain');
    expect(await ofTexts({ 'model.task': 'masked-lm' })).toContain('has another model.task than plain');
    expect(await ofTexts({ 'model.task': 'few-shot-classification' })).toBe('none');
    expect(await ofTexts({ 'model.maxTokens': 16 })).toBe('none');
  });

  it('is that it is a run file', async () => {
    await expect(comparisonOf(stringify(run), 'run.yaml')).rejects.toThrow(
      'run.yaml: is a run file, not a compare file\n  Have a compare file made for it: npx tempbalance compare --quick run.yaml',
    );
  });

  it('is what the command line would change of what the comparison gives', async () => {
    const message = await comparisonOf(stringify(usual), 'studies/a.yaml', [
      parseOverride('training.seed=3'),
      parseOverride('training.learningRate=0.1'),
    ]).catch(String);
    expect(message).toContain('--set training.seed=3  training.seed: is given for the whole comparison by seeds');
    expect(message).toContain('training.learningRate: holds training.learningRate, which is tuned for every arm');
  });

  it('names the line of the arm whose setting is wrong, each problem once', async () => {
    const message = await problemsOf({ arms: { plain: {}, b: { 'training.epochs': -1 }, c: { 'model.width': 'x' } } });
    expect(message).toContain('studies/a.yaml has 2 problems');
    expect(message.match(/studies\/a\.yaml:\d+:\d+/g)).toHaveLength(2);
  });
});
