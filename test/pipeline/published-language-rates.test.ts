import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../shared/checkpoints/memory-store.ts';
import { runFileSchema } from '../../shared/config/run-file.ts';
import { randomFor } from '../../shared/core/random.ts';
import { localContext } from '../../shared/local/local-context.ts';
import { runPipeline } from '../../shared/local/run-pipeline.ts';
import { type HuggingFaceConfig, modelOf } from '../../shared/models/hugging-face/config.ts';
import { balance, measure, measuredLayers } from '../../shared/pipeline/balanced-rates.ts';
import { readLastCommit, readMetrics, readSpectra } from '../../shared/pipeline/records.ts';
import { bufferSource } from '../../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../shared/tensors/tensor.ts';
import { requestRun, run } from '../support/fake-run.ts';
import { fixturePath, readJsonFixture } from '../support/fixtures.ts';
import { writeBertFolder } from '../support/language-folder.ts';
import { type PublishedSchedule, readPublishedSchedules, settingsOf } from '../support/published-schedules.ts';
import { temporaryFolder } from '../support/small-run.ts';

type Layers = Pick<PublishedSchedule, 'layer_names' | 'alphas' | 'base_lr' | 'base_wd'>;

/** What the published language runs have, but for the assignment. */
const published = {
  unit: 'block',
  fit: { method: 'median', xminPosition: 1.5 },
  filterZeros: false,
  minEigenvalues: 50,
};

/** A weight whose spectrum, cut where the published language runs cut it, has this exponent. */
function weightWithAlpha([rows, columns]: readonly number[], alpha: number): HostTensor {
  const count = Math.min(rows!, columns!);
  const start = Math.floor(count / 1.5);
  const data = new Float32Array(rows! * columns!);
  for (let place = 0; place < count; place++) {
    // The logarithms of the tail begin with 0 and have the mean 1 / (alpha - 1).
    const logarithm =
      place < start ? (place - start) / count : (2 * (place - start)) / (count - start - 1) / (alpha - 1);
    data[place * columns! + place] = Math.exp(logarithm / 2);
  }
  return { shape: [rows!, columns!], data };
}

const withAlphas =
  ({ layer_names: names, alphas }: Layers) =>
  (fresh: HostTensors): HostTensors =>
    new Map(
      [...fresh].map(([name, tensor]) => {
        const place = names.indexOf(name.replace(/\.weight$/, ''));
        return [
          name,
          place < 0 || Math.min(...tensor.shape) < 4 ? tensor : weightWithAlpha(tensor.shape, alphas[place]!),
        ];
      }),
    );

describe('a run of RoBERTa by blocks', async () => {
  const given = await readJsonFixture<
    Layers & { param_names: string[]; param_lr: number[]; param_weight_decay: number[] }
  >('schedule', 'param_groups.json');

  it.each([
    { target: 'learningRate', balanced: ['learningRate'] },
    { target: 'weightDecay', balanced: ['weightDecay'] },
    { target: 'both', balanced: ['learningRate', 'weightDecay'] },
    { target: ['learningRate', 'rho'], balanced: ['learningRate', 'rho'] },
  ])('trains every parameter as the published code does, with target $target', async ({ target, balanced }) => {
    const path = fixturePath('data', 'topic_keywords.jsonl');
    const texts = (await readFile(path, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).text as string);
    const folder = join(await temporaryFolder(), 'roberta');
    await writeBertFolder(folder, texts, {
      kind: 'roberta',
      hiddenSize: 64,
      labels: ['0', '1', '2'],
      change: withAlphas(given),
    });
    const store = memoryStore();
    const config = runFileSchema.parse({
      model: { family: 'huggingface', folder, maxTokens: 16 },
      dataset: { format: 'jsonl', path, samples: 40 },
      training: {
        epochs: 1,
        batchSize: 8,
        optimizer: { name: 'adamw' },
        learningRate: given.base_lr,
        weightDecay: given.base_wd,
        sam: { rho: 0.05 },
        engine: 'wasm',
      },
      balance: { ...published, assignment: { function: 'linearMap' }, target },
    });
    await requestRun(store, config);
    const warnings: string[] = [];
    const ctx = localContext(store, (event) => event.type === 'warning' && warnings.push(event.message), {
      solver: 'portable',
    });
    expect(await runPipeline(run, ctx)).toEqual({ status: 'done' });

    const commit = (await readLastCommit(store, run))!;
    const { applied, baseLearningRates } = (await readMetrics(store, commit))!;
    expect(new Set(baseLearningRates)).toEqual(new Set([given.base_lr]));
    const of = new Map(applied.flatMap((group) => group.parameters.map((name) => [name, group] as const)));
    expect([...of.keys()].toSorted()).toEqual(given.param_names.toSorted());
    for (const [place, name] of given.param_names.entries()) {
      const factor = given.param_lr[place]! / given.base_lr;
      const on = (what: string) => (balanced.includes(what) ? factor : 1);
      const { learningRateMultiplier, weightDecay, rho } = of.get(name)!;
      expect(learningRateMultiplier, name).toBeCloseTo(on('learningRate'), 9);
      expect(weightDecay, name).toBeCloseTo(given.param_weight_decay[place]! * on('weightDecay'), 12);
      expect(rho, name).toBeCloseTo(0.05 * on('rho'), 12);
    }
    expect(warnings).toEqual([]);
    const { layers } = (await readSpectra(store, commit))!;
    expect(layers.map(({ name }) => name)).toEqual(given.layer_names.filter((name) => !name.startsWith('classifier')));
  });
});

const sizes = { vocab_size: 30, max_position_embeddings: 16, pad_token_id: 0 };
const bertSizes = { ...sizes, hidden_size: 64, num_attention_heads: 2, intermediate_size: 96 };
const configs: Record<string, HuggingFaceConfig> = {
  roberta_3_layers: { model_type: 'roberta', ...bertSizes, num_hidden_layers: 3 },
  bert_2_layers_no_head: { model_type: 'bert', ...bertSizes, num_hidden_layers: 2 },
  distilbert_with_pooler: { model_type: 'distilbert', ...sizes, dim: 64, n_heads: 2, hidden_dim: 96, n_layers: 3 },
  llama_2_layers: {
    model_type: 'llama',
    ...bertSizes,
    num_hidden_layers: 2,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
  },
};

const schedules = await readPublishedSchedules();

describe.each(Object.entries(configs))('%s', (name, model) => {
  const given = schedules[name]!;
  const task = model.model_type === 'llama' ? 'causal-lm' : 'classification';
  const keys = Object.keys(given.expected).filter((key) => /^tb_layer_blocks\.\w+\.\w+\.\w+$/.test(key));

  it.each(keys)('goes from weights to the published rates of its parameters: %s', async (key) => {
    const { target, ...balanceSettings } = settingsOf(key, given);
    const config = runFileSchema.parse({
      model: { family: 'huggingface', folder: name, task },
      dataset: { format: 'jsonl', path: 'texts.jsonl' },
      balance: { ...published, ...balanceSettings, target: target === 'lr' ? 'learningRate' : 'weightDecay' },
    });
    const settings = {
      config,
      dataset: { path: '', sha256: '', bytes: 0, labels: ['a', 'b', 'c'] },
      model,
      versions: {},
      conv1d: 'rows' as const,
    };
    const fresh = modelOf(model, task, settings.dataset.labels, name).model.initialise(randomFor(1, name));
    const file = await openSafetensors(bufferSource(name, encodeSafetensors(withAlphas(given)(fresh))));
    const ctx = localContext(memoryStore(), () => undefined, { solver: 'portable' });
    const spectra = await measure(ctx, settings, file, measuredLayers(settings));
    const { rates } = balance(ctx, settings, spectra, { steps: 0, before: undefined });
    const [base, which] = key.includes('.lr.')
      ? ([given.base_lr, 'learningRate'] as const)
      : ([given.base_wd, 'weightDecay'] as const);
    for (const [place, layer] of given.layer_names.entries()) {
      const rate = base * (rates.parameters[`${layer}.weight`]?.[which] ?? 1);
      expect(Math.abs(rate / given.expected[key]![place]! - 1), layer).toBeLessThan(1e-5);
    }
  });
});
