import { expect, it } from 'vitest';
import { runFileSchema } from '../../shared/config/run-file.ts';
import { starterTextRunFile } from '../../shared/config/starter.ts';

const settings = (model: object = {}, training: object = {}) => ({
  model: { family: 'huggingface', folder: 'bert', task: 'few-shot-classification', ...model },
  dataset: { format: 'csv', path: 'texts.csv' },
  training: { optimizer: { name: 'adamw' }, ...training },
});

it('has settings of its own with defaults, a rate that suits pre-trained encoders, and the metrics of labels', () => {
  const config = runFileSchema.parse(settings());
  expect(config.model).toMatchObject({ fewShot: { sampling: 'oversampling', mostPerLabel: 16 } });
  expect(config.training.learningRate).toBe(2e-5);
  expect(config.convergence.metric).toBe('accuracy');
  expect(runFileSchema.parse(config)).toEqual(config);
  const plain = runFileSchema.parse(settings({ task: 'classification' }));
  expect(plain.model).not.toHaveProperty('fewShot');
  expect(plain.training.learningRate).toBe(5e-5);
});

it('refuses all that does not go with it at once, each by its name', () => {
  const { error } = runFileSchema.safeParse(
    settings(
      { problemType: 'regression', pooling: 'own', head: 'fresh', lora: {}, base: 'base' },
      { labelSmoothing: 0.1, classWeights: 'balanced' },
    ),
  );
  expect(error!.issues.map(({ path }) => path.join('.'))).toEqual([
    'model.problemType',
    'model.pooling',
    'model.head',
    'model.lora',
    'model.base',
    'training.labelSmoothing',
    'training.classWeights',
  ]);
  const other = runFileSchema.safeParse(settings({ task: 'classification', fewShot: {} }));
  expect(other.error!.issues).toMatchObject([{ path: ['model', 'fewShot'] }]);
});

it('is told of by init where labels have so few texts, and the model is an encoder', () => {
  const lineOf = (textsPerLabel: number | undefined, more: object = {}) => {
    const named = {
      schema: 'schema.json',
      folder: 'bert',
      dataset: 'texts.csv',
      format: 'csv',
      hasColumns: true,
      ...more,
    } as const;
    return /^ {2}task: .*$/m.exec(starterTextRunFile({ ...named, textsPerLabel }))![0];
  };
  expect(lineOf(20)).toContain('few-shot-classification is for so few texts');
  expect(lineOf(21)).not.toContain('few-shot');
  expect(lineOf(undefined)).not.toContain('few-shot');
  expect(lineOf(8, { model: { tasks: ['classification', 'causal-lm'], maxTokens: 64 } })).not.toContain('few-shot');
  expect(lineOf(18, { parts: { split: 'train', validationSplit: 'test' } })).not.toContain('few-shot');
});
