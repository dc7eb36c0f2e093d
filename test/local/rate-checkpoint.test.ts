import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseOverride } from '../../shared/config/parse-run-file.ts';
import { randomFor } from '../../shared/core/random.ts';
import { type RateOptions, rateCheckpoint } from '../../shared/local/rate-checkpoint.ts';
import { readHuggingFace } from '../../shared/models/hugging-face/folder.ts';
import { taskOfClass, tasksOf } from '../../shared/models/language/registry.ts';
import { checkpointRatesSchema } from '../../shared/schedules/checkpoint-rates.ts';
import { rateTable } from '../../shared/schedules/rate-table.ts';
import { measureLayers, spectraReport } from '../../shared/spectra/analyse.ts';
import { portableSolver } from '../../shared/spectra/solvers/portable.ts';
import { encodeSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/small-run.ts';

const rates = (path: string, sets: readonly string[] = [], more: Partial<RateOptions> = {}) =>
  rateCheckpoint(path, {
    overrides: sets.map((text) => parseOverride(`balance.${text}`)),
    base: {},
    solver: 'portable',
    open: { localPath: async (address) => address },
    ...more,
  });

const factorsOf = (parameters: Readonly<Record<string, { learningRateFactor: number; weightDecayFactor: number }>>) =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, row]) => [name, [row.learningRateFactor, row.weightDecayFactor]]),
  );

/** A folder with the tensors, as one file. */
async function fileOf(shapes: Readonly<Record<string, readonly number[]>>): Promise<string> {
  const random = randomFor(3, 'weights');
  const tensors: HostTensors = new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((product, side) => product * side, 1);
      return [name, { shape: [...shape], data: Float32Array.from({ length: count }, () => random.normal()) }];
    }),
  );
  const path = join(await temporaryFolder(), 'model.safetensors');
  await writeFile(path, encodeSafetensors(tensors));
  return path;
}

describe('rates of a known model', () => {
  const folders = [
    ...['bert-tiny', 'roberta-tiny', 'distilbert-tiny', 'electra-tiny', 'albert-tiny', 'mpnet-tiny', 'deberta-v2-tiny'],
    ...['modernbert-tiny', 'gpt2-tiny', 'llama-tiny', 'decoders/phi3', 'decoders/gemma2', 'decoders/qwen3'],
  ];
  it.each(folders.flatMap((folder) => ['block', 'layer'].map((unit) => ({ folder, unit }))))(
    'of $folder by $unit are those that a run sets',
    async ({ folder, unit }) => {
      const path = fixturePath('models', folder);
      const sets = [`unit=${unit}`, 'minEigenvalues=4', 'target=both', 'unmeasured=largestFactor'];
      const found = await rates(path, sets);
      const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'));
      const task = (config.architectures ?? []).map(taskOfClass).find(Boolean) ?? tasksOf(config.model_type)[0];
      const { model, parameters } = await readHuggingFace(path, { task, random: randomFor(0, 'head') });
      const spectra = await measureLayers(
        model.layers,
        async (name) => parameters.get(name)!,
        found.settings as never,
        portableSolver,
        () => undefined,
      );
      const table = rateTable(spectraReport(spectra), model.parameters, found.settings as never, 0);
      const ofRun = Object.fromEntries(
        model.parameters.map(({ name }) => [name, table.parameters[name] ?? { learningRate: 1, weightDecay: 1 }]),
      );
      const { known, kind, layers } = found;
      expect({ known, kind }).toEqual({ known: true, kind: 'language' });
      expect(layers.map(({ name, alpha }) => [name, alpha])).toEqual(spectra.map(({ name, alpha }) => [name, alpha]));
      // Names in files may lack the prefix of the model's own.
      const byEnd = (name: string) =>
        Object.entries(found.parameters).find(([each]) => each === name || name.endsWith(`.${each}`))?.[1];
      const present = model.parameters.filter(({ name }) => byEnd(name) !== undefined);
      expect(present.length).toBeGreaterThan(0.9 * model.parameters.length);
      for (const { name } of present) {
        const { learningRateFactor, weightDecayFactor } = byEnd(name)!;
        expect([name, learningRateFactor, weightDecayFactor]).toEqual([
          name,
          ofRun[name]!.learningRate,
          ofRun[name]!.weightDecay,
        ]);
      }
      expect(
        new Set(Object.values(found.parameters).map(({ learningRateFactor }) => learningRateFactor)).size,
      ).toBeGreaterThan(1);
    },
  );
});

describe('rates of an unknown model', () => {
  const block = (name: string) => ({
    [`${name}.attn.in_proj_weight`]: [48, 16],
    [`${name}.attn.in_proj_bias`]: [48],
    [`${name}.norm.weight`]: [16],
    [`${name}.mlp.weight`]: [32, 16],
    [`${name}.mlp.bias`]: [32],
  });
  const transformer = {
    'tok_embeddings.weight': [40, 16],
    ...block('blocks.0'),
    ...block('blocks.1'),
    'head.weight': [3, 16],
  };

  it('give biases the rate of their weights, and by block all of one axis in it', async () => {
    const path = await fileOf(transformer);
    const { kind, kindFrom, known, parameters } = await rates(path, ['minEigenvalues=4']);
    expect({ kind, known }).toEqual({ kind: 'language', known: false });
    expect(kindFrom).toContain('tok_embeddings.weight');
    const factors = factorsOf(parameters);
    for (const name of ['attn.in_proj_bias', 'norm.weight', 'mlp.weight', 'mlp.bias']) {
      expect(factors[`blocks.0.${name}`]).toEqual(factors['blocks.0.attn.in_proj_weight']);
    }
    expect(factors['blocks.0.norm.weight']).not.toEqual(factors['blocks.1.norm.weight']);
    expect(factors['tok_embeddings.weight']).toEqual([1, 1]);
    const byLayer = (await rates(path, ['minEigenvalues=4', 'unit=layer'])).parameters;
    expect(byLayer['blocks.0.norm.weight']).toMatchObject({ layer: null, learningRateFactor: 1 });
    expect(byLayer['blocks.0.attn.in_proj_bias']!.layer).toBe('blocks.0.attn.in_proj_weight');
  });

  it('leave the head of a language model at the base rate, or at the largest', async () => {
    const path = await fileOf(transformer);
    const sets = ['minEigenvalues=3', 'unit=layer'];
    const { parameters, layers, notes } = await rates(path, sets);
    expect(layers.map(({ name }) => name)).not.toContain('head');
    expect(parameters['head.weight']).toMatchObject({ layer: null, learningRateFactor: 1 });
    expect(notes).toContain('not measured, as heads of a language model: head');
    const raised = (await rates(path, [...sets, 'unmeasured=largestFactor'])).parameters;
    const largest = Math.max(...Object.values(raised).map(({ learningRateFactor }) => learningRateFactor));
    for (const name of ['head.weight', 'tok_embeddings.weight']) {
      expect(raised[name]!.learningRateFactor).toBe(largest);
    }
    expect((await rates(path, sets, { kind: 'fields' })).layers.map(({ name }) => name)).toContain('head');
  });

  it('give a batch norm the rate of its convolution, and list no buffers', async () => {
    const norm = (name: string) => ({
      [`${name}.weight`]: [16],
      [`${name}.bias`]: [16],
      [`${name}.running_mean`]: [16],
      [`${name}.running_var`]: [16],
    });
    const path = await fileOf({
      'conv1.weight': [16, 12, 3, 3],
      ...norm('bn1'),
      'down.0.weight': [16, 14, 1, 1],
      ...norm('down.1'),
    });
    const { parameters } = await rates(path, [], { kind: 'fields' });
    expect(Object.fromEntries(Object.entries(parameters).map(([name, { layer }]) => [name, layer]))).toEqual({
      'conv1.weight': 'conv1',
      'bn1.weight': 'conv1',
      'bn1.bias': 'conv1',
      'down.0.weight': 'down.0',
      'down.1.weight': 'down.0',
      'down.1.bias': 'down.0',
    });
    expect(parameters['bn1.bias']!.learningRateFactor).toBe(parameters['conv1.weight']!.learningRateFactor);
    expect(parameters['bn1.bias']!.learningRateFactor).not.toBe(1);
  });

  it('ask for the kind where nothing tells it and the preset differs', async () => {
    const path = await fileOf({ 'a.weight': [20, 16], 'b.weight': [16, 16] });
    await expect(rates(path)).rejects.toThrow(
      /does not tell whether it is a model of language or of fields.*\n.*--kind/,
    );
    expect(await rates(path, ['preset='])).toMatchObject({ kind: null });
    expect(await rates(path, [], { kind: 'fields' })).toMatchObject({ kind: 'fields', kindFrom: '--kind' });
  });

  it('are refused where no tensor is a matrix', async () => {
    const path = await fileOf({ 'norm.weight': [16], 'tok_embeddings.weight': [40, 16] });
    await expect(rates(path)).rejects.toThrow("none of its 2 tensors is a layer's weight");
  });

  it('go by names where the weights are not those of config.json, and say so', async () => {
    const path = await fileOf(transformer);
    await writeFile(join(path, '..', 'config.json'), await readFile(fixturePath('models', 'bert-tiny', 'config.json')));
    const { known, kind, notes } = await rates(path);
    expect({ known, kind }).toEqual({ known: false, kind: 'language' });
    expect(notes.join('\n')).toContain('norms follow layers by their names alone');
  });

  it('name the ends that were left out in the order of the file', async () => {
    const path = await fileOf({ 'a.weight': [20, 16], 'b.weight': [16, 16], 'c.weight': [16, 14] });
    const { notes } = await rates(path, [], { kind: 'fields', preset: 'tempBalance' });
    expect(notes.join()).toContain('a as the first and c as the last');
  });
});

it('multiplies the base rates, and gives what the schema says', async () => {
  const path = fixturePath('models', 'bert-tiny');
  const found = await rates(path, ['minEigenvalues=4', 'target=both', 'weightDecayAssignment={function: linearMap}'], {
    base: { learningRate: 2e-5, weightDecay: 0.1 },
  });
  expect(checkpointRatesSchema.parse(JSON.parse(JSON.stringify(found)))).toEqual(JSON.parse(JSON.stringify(found)));
  for (const { learningRate, learningRateFactor, weightDecay, weightDecayFactor, decays } of Object.values(
    found.parameters,
  )) {
    expect(learningRate).toBe(2e-5 * learningRateFactor);
    expect(weightDecay).toBe(decays ? 0.1 * weightDecayFactor : 0);
  }
});
