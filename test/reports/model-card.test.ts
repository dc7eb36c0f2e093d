import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { AdapterReport } from '../../shared/reports/adapter.ts';
import { renderModelCard } from '../../shared/reports/model-card.ts';
import type { RunReport } from '../../shared/reports/report-input.ts';
import { madeUpRun } from './made-up-runs.ts';

describe('renderModelCard', () => {
  const run = madeUpRun({ name: 'balanced', balanced: true, epochs: 3 });
  const card = renderModelCard(run);

  test('starts with front matter that says what made it', () => {
    const [, matter] = card.split('---\n');
    expect(parse(matter!)).toEqual({ library_name: 'tempbalance', tags: ['tempbalance', 'safetensors', 'fno1d'] });
  });

  test('gives data, metrics, alphas before and after, rates and how to load the weights', () => {
    expect(card).toContain(run.dataset.sha256);
    expect(card).toContain('| **nrmse** (lower is better) |');
    expect(card).toMatch(/\| `w0` \| \d\.\d\d \| \d\.\d\d \| \d/);
    expect(card).toMatch(
      /Multipliers of 0\.\d+ to 1\.\d+ on each layer's learning rate followed from its weight spectrum \(TempBalance\)\./,
    );
    expect(card).toContain('model = load(".")');
    expect(card).toContain("readFile('model.safetensors')");
  });

  test('says what the model takes and gives, on which grid and in which units, and how it is run', () => {
    const scales = { shift: [0.5, 1], scale: [2, 4] };
    const told = renderModelCard(
      {
        ...run,
        config: { ...run.config, dataset: { subsample: { time: 2, space: [1, 4] } } },
        dataset: {
          ...run.dataset,
          space: [8, 6],
          channels: ['u_x', 'p'],
          statics: ['nu'],
          window: 3,
          rolloutSteps: 5,
          coordinates: 'x: 8 from 0 to 1, 0.142857 apart; y: 6 from 0 to 1 (the file has none)',
          times: '8 from 0 to 0.7, 0.1 apart',
          normaliser: { kind: 'minMax', channels: scales, statics: { shift: [0], scale: [1] } },
        },
      },
      undefined,
      { onnx: true },
    );
    expect(told).toContain('- `past` `[batch, 8, 6, 3, 2]`: the last 3 time steps, the oldest first, of u\\_x, p.');
    expect(told).toContain('- `statics` `[batch, 8, 6, 1]`: nu, which does not change with time.');
    expect(told).toContain('- `next` `[batch, 8, 6, 2]`: the next time step of u\\_x, p.');
    expect(told).toContain('x: 8 from 0 to 1, 0.142857 apart; y: 6 from 0 to 1 (the file has none).');
    expect(told).toContain('- Times: 8 from 0 to 0.7, 0.1 apart.');
    expect(told).toContain('- Units: those of the data, in and out. The model scales by itself (minMax)');
    expect(told).toContain('| p | 1.000 | 4.000 |');
    expect(told).toContain('np.moveaxis(file[name][0:4, :6:2, :, ::4], 1, -1) for name in ["u_x","p"]');
    expect(told).toContain('session.run(["next"], {"past": past, "statics": statics})');
    expect(card).not.toContain('onnxruntime.InferenceSession');
    expect(card).toContain('the coordinates are not on record');
  });

  test('gives what the weights were measured at on test data, and says what those metrics are worth', () => {
    const test = { best: { epoch: 2, metrics: { nrmse: 0.125 } }, last: { epoch: 3, metrics: { nrmse: 0.25 } } };
    const dataset = { ...run.dataset, testSamples: 7 };
    const told = renderModelCard({ ...run, best: { epoch: 2, value: 0.1 }, dataset, test });
    expect(told).toMatch(/## Test metrics\n\n\| On 7 rows of test data \| Epoch 2 \|\n.*\n\| nrmse \| 0\.1250 \|/);
    expect(told).toContain('The test metrics do not: it was neither trained nor chosen on those data.');
    expect(renderModelCard({ ...run, dataset, test }, 1)).not.toContain('## Test metrics');
    expect(card).not.toMatch(/test (metrics|data)/i);
  });

  test('names files and folders, and not where they lie', () => {
    const settings = {
      model: { family: 'fno1d', modes: 12, weights: 's3://bucket/weights/0a1b-w.safetensors?versionId=xyz' },
      dataset: { format: 'pdebench', path: '/home/me/data/target.hdf5', validationPath: '/home/me/data/held.hdf5' },
      balance: 'off',
      output: { folder: '/home/me/runs', name: 'a' },
    };
    const dataset = { ...run.dataset, path: '/home/me/data/target.hdf5' };
    const published = renderModelCard({ ...run, config: settings, dataset });
    expect(published).toContain(`- file: target.hdf5\n- sha256: ${run.dataset.sha256}\n`);
    const configuration = published.split('```yaml\n')[1]!.split('```')[0]!;
    expect(parse(configuration)).toEqual({
      model: { family: 'fno1d', modes: 12, weights: '0a1b-w.safetensors' },
      dataset: { format: 'pdebench', path: 'target.hdf5', validationPath: 'held.hdf5' },
      balance: 'off',
      output: { folder: 'runs', name: 'a' },
    });
    expect(published).not.toMatch(/\/home\/me|s3:/);
  });

  test('says what the run has cost, where it is known', () => {
    const costing = renderModelCard({ ...run, cost: { usd: 0.0123, basis: 'meter' } });
    expect(costing).toContain('It cost 0.012 USD, metered at list prices on demand.');
    expect(renderModelCard({ ...run, cost: { usd: 2, basis: 'usdPerHour' } })).toContain(
      'It cost 2.00 USD, by the time',
    );
    expect(card).not.toContain('USD');
  });

  test('says that the weights are an average, where they are', () => {
    expect(renderModelCard({ ...run, averageDecay: 0.99 })).toContain(
      'moving average of the weights (decay 0.99); spectra',
    );
    expect(card).not.toContain('moving average');
  });

  test('says what is to be known of the model that was exported, and not of another epoch', () => {
    const remark = 'training did not help: the model before training is the best by nrmse, and is what is exported';
    const untrained: RunReport = { ...run, best: { epoch: 0, value: 0.1 }, remark };
    const told =
      /^The weights of epoch 0, the best of the run, which ended as “completed”.*\. Training did not help: .* is what is exported\. Made/m;
    expect(renderModelCard(untrained)).toMatch(told);
    expect(renderModelCard(untrained, 2)).not.toContain('Training did not help');
    const unmeasured = renderModelCard({ ...run, best: null, remark: 'none is the best' });
    expect(unmeasured).toMatch(/The weights of epoch 3, .*\. None is the best\. Made with/);
  });

  test('says that nothing was balanced when nothing was', () => {
    expect(renderModelCard(madeUpRun({ epochs: 2 }))).toContain('at the base rate (no balancing)');
  });

  test('says by which method layers were balanced, and as which control', () => {
    const method =
      'preset llr: linearMap of alpha, a factor for each layer, on the learning rate; as the control byShape';
    const covered = '5 of 11 layers are balanced, 10 % of the parameters; all else keeps the base rate';
    const told = renderModelCard({ ...run, balance: { method, covered, timing: '', notes: [] } });
    expect(told).toContain(`${covered}. Multipliers of`);
    expect(told).toContain(`followed from its weight spectrum (${method}).`);
  });

  test('tells what the depth makes of the learning rate from what balancing does', () => {
    const decayed = (changes: object) => ({
      ...run,
      epochs: run.epochs.map((epoch) => ({
        ...epoch,
        applied: epoch.applied.map((rate) => ({ ...rate, ...changes })),
      })),
    });
    const alone = renderModelCard(decayed({ learningRateMultiplier: 0.25, layerDecay: 0.25 }));
    expect(alone).toContain(
      'Layers were not balanced by their spectra. The learning rate decayed with the depth below the top of the model: times 0.25 to 1.',
    );
    expect(alone).toMatch(/\| `w0` \|.*\| 0\.250 \|/);
    const both = renderModelCard(decayed({ learningRateMultiplier: 0.75, layerDecay: 0.5 }));
    expect(both).toContain("Multipliers of 1 to 1.5 on each layer's learning rate followed from");
    expect(both).toContain('(TempBalance). The learning rate decayed');
    expect(both).toMatch(/\| `w0` \|.*\| 0\.750 \|/);
    const others = { learningRateMultiplier: 0.5, layerDecay: 0.5, weightDecayMultiplier: 2 };
    const onDecay = renderModelCard(decayed(others));
    expect(onDecay).toContain("on each layer's weight decay followed from");
    expect(onDecay).toMatch(/\| `w0` \|.*\| 2\.00 \|/);
  });

  test('says which blocks were drawn anew before training', () => {
    const told = (blocks: number, pooler: boolean) =>
      renderModelCard({ ...run, reinitialised: { blocks, of: 12, pooler } });
    expect(told(2, true)).toContain(
      'Before training, the top 2 of 12 blocks and the pooler were drawn anew from the seed.',
    );
    expect(told(1, false)).toContain('Before training, the top one of 12 blocks was drawn anew from the seed.');
    expect(card).not.toContain('drawn anew');
  });

  test('leaves out what is not known', () => {
    const bare = renderModelCard({ ...madeUpRun({ spectra: false, epochs: 2 }), epochs: [], best: null });
    expect(bare).not.toContain('## Metrics');
    expect(bare).not.toContain('## Layers');
    expect(bare).toContain('last good epoch');
  });

  test('keeps names from being read as Markdown', () => {
    const nasty = renderModelCard({ ...run, name: 'a\n# b <i>', config: { note: '```\n# not a heading' } });
    expect(nasty).toContain('# a \\# b \\<i\\>\n');
    expect(nasty).toContain('````yaml');
  });
});

describe('the card of a language model', () => {
  const run = madeUpRun({ epochs: 2 });
  const classes = [
    { name: 'good', precision: 0.75, recall: 1, f1: 0.857, support: 3 },
    { name: 'a*b', precision: 1, recall: 0.5, f1: 0.667, support: 2 },
  ];
  const metricsOf = (task: string): Record<string, number> =>
    task === 'classification' ? { accuracy: 0.8, macroF1: 0.7, loss: 1 } : { loss: 1, perplexity: 3 };
  const adapter: AdapterReport = {
    config: { peft_type: 'LORA', r: 8, lora_alpha: 16, lora_dropout: 0.1, target_modules: ['query', 'value'] },
    base: { path: '/home/me/bert', sha256: '0123456789abcdef0123' },
    spectra: 'merged',
    trained: 1234,
    all: 33219,
  };
  interface Options {
    readonly fresh?: boolean;
    readonly adapter?: AdapterReport;
    readonly merged?: boolean;
  }
  const cardOf = (task: string, name?: string, { merged = false, ...options }: Options = {}) =>
    renderModelCard(runOf(task, name, options), undefined, { merged });
  const runOf = (
    task: string,
    name = 'google-bert/bert-base-uncased',
    { fresh = false, adapter }: Options = {},
  ): RunReport => ({
    ...run,
    adapter,
    model: { model_type: 'bert', _name_or_path: name },
    config: { model: { family: 'huggingface', task, maxTokens: 64, fresh } },
    dataset: { ...run.dataset, labels: ['good', 'a*b'] },
    epochs: run.epochs.map((epoch) => ({
      ...epoch,
      metrics: metricsOf(task),
      ...(task === 'classification' ? { classes: { classes, confusionCells: [] } } : {}),
    })),
  });
  const matterOf = (card: string) => parse(card.split('---\n')[1]!);

  test('is found by what it is, what it was made from and how it was measured', () => {
    expect(matterOf(cardOf('classification'))).toEqual({
      library_name: 'transformers',
      pipeline_tag: 'text-classification',
      base_model: 'google-bert/bert-base-uncased',
      tags: ['tempbalance', 'safetensors', 'bert'],
      metrics: ['accuracy', 'f1'],
    });
    expect(matterOf(cardOf('causal-lm'))).toMatchObject({ pipeline_tag: 'text-generation', metrics: ['perplexity'] });
    expect(matterOf(cardOf('masked-lm'))).toMatchObject({ pipeline_tag: 'fill-mask' });
  });

  test('of an adapter says what was trained, and how it is loaded on its base, unless it is merged', () => {
    const card = cardOf('classification', undefined, { adapter });
    expect(matterOf(card)).toMatchObject({
      library_name: 'peft',
      tags: ['tempbalance', 'safetensors', 'lora', 'bert'],
    });
    const trained = 'LoRA of rank 8 (alpha 16, dropout 0.1) on query, value: 1,234 of 33,219 parameters (3.71 %)';
    expect(card).toContain(`${trained}; the weights of its base (\`bert\`, SHA-256 0123456789abcdef…)`);
    expect(card).toContain('base = "bert"');
    expect(card).toContain('PeftModel.from_pretrained(model, folder)');
    expect(card).toContain("readFile('adapter_model.safetensors')");
    const merged = cardOf('classification', undefined, { adapter, merged: true });
    expect(matterOf(merged)).toMatchObject({ library_name: 'transformers' });
    expect(merged).toContain(trained);
    expect(merged).not.toContain('PeftModel');
    expect(merged).toContain("readFile('model.safetensors')");
  });

  test('names no path as the model it was made from', () => {
    for (const path of ['/home/me/bert', './bert', '../a/b', 'a/b/c', 'C:\\bert']) {
      expect(matterOf(cardOf('classification', path))).not.toHaveProperty('base_model');
    }
  });

  test('names nothing that it was made from where it began with fresh weights', () => {
    expect(cardOf('masked-lm')).toContain("model's licence goes with it");
    const fresh = cardOf('masked-lm', undefined, { fresh: true });
    expect(matterOf(fresh)).not.toHaveProperty('base_model');
    expect(fresh).not.toContain("model's licence goes with it");
  });

  test('has the classes, how to load it, and limits that fit texts', () => {
    const card = cardOf('classification');
    expect(card).toContain('| good | 0.750 | 1.00 | 0.857 | 3 |');
    expect(card).toContain('| a\\*b | 1.00 | 0.500 | 0.667 | 2 |');
    expect(card).toContain('AutoModelForSequenceClassification.from_pretrained(folder)');
    expect(card).toContain('max_length=64');
    expect(card).toContain('npx tempbalance predict .');
    expect(card).toContain('one of the 2 labels');
    expect(card).not.toContain('fields');
    const words = cardOf('masked-lm');
    expect(words).toContain('AutoModelForMaskedLM');
    expect(words).not.toContain('## Classes');
    expect(words).not.toContain('npx tempbalance predict');
    expect(words).not.toContain('labels, also one');
  });

  test('of chats asks by the template that wrote them', () => {
    const asked = 'tokenizer.apply_chat_template(chat, add_generation_prompt=True';
    const chats = runOf('causal-lm');
    expect(renderModelCard(chats)).not.toContain(asked);
    const card = renderModelCard({ ...chats, dataset: { ...chats.dataset, chatTemplate: true } });
    expect(card).toContain(asked);
    expect(card).not.toContain('The beginning of a text');
  });

  test('says whose weights they are where they are not of the best epoch', () => {
    expect(renderModelCard(run)).toContain('the best of the run');
    const other = renderModelCard(run, 1);
    expect(other).toContain('The weights of epoch 1, which ended');
    expect(other).toContain('| Before training | Epoch 1 |');
    expect(other).not.toContain('best epoch against');
    expect(renderModelCard({ ...run, status: 'running' })).toMatch(/, the best so far, of a run that had not ended\./);
  });
});
