import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { refuseFixedChanges } from '../../../shared/config/changes.ts';
import { parseRunFile, resolvePaths } from '../../../shared/config/parse-run-file.ts';
import type { RunConfig } from '../../../shared/config/run-file.ts';
import { openEngine } from '../../../shared/engines/open-engine.ts';
import { planWorkload } from '../../../shared/pipeline/open-workload.ts';
import { writeGpt2Folder } from '../../support/language-folder.ts';

interface Recorded {
  readonly trainingSamples: number;
  readonly learntTokens: string;
  readonly packing: { readonly texts: number; readonly padding: number; readonly paddingApart: number };
}

let folder: string;
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
  await writeGpt2Folder(join(folder, 'gpt2'));
  const words = Array.from({ length: 40 }, (_, row) =>
    Array.from({ length: 1 + (row % 5) }, (_, at) => `w${row % 7}${at}`),
  );
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const prompts = words.map((each, row) => ({ prompt: `q${row}`, completion: ` ${each.join(' ')}` }));
  await writeFile(join(folder, 'prompts.jsonl'), lines(prompts));
  await writeFile(join(folder, 'texts.jsonl'), lines(words.map((each) => ({ text: each.join(' ') }))));
});

function configOf(
  dataset: object,
  { training = {}, model = {} }: { training?: object; model?: object } = {},
): RunConfig {
  const run = {
    model: { family: 'huggingface', folder: 'gpt2', task: 'causal-lm', maxTokens: 64, ...model },
    dataset: { format: 'jsonl', path: 'prompts.jsonl', ...dataset },
    training: {
      epochs: 1,
      batchSize: 40,
      learningRate: 0.003,
      optimizer: { name: 'adamw' },
      validation: 10,
      ...training,
    },
    balance: 'off',
  };
  return resolvePaths(parseRunFile(stringify(run), 'run.yaml'), folder);
}

/** Loss on the held rows before and after an epoch of one step, and that of the step. */
async function trained(config: RunConfig) {
  const plan = await planWorkload(config);
  const workload = plan.on(await openEngine('onnx'));
  const initial = await workload.initial();
  const before = await workload.evaluate(initial);
  const { parameters, loss } = await workload.train(1, initial, undefined, {}, () => {});
  const after = await workload.evaluate(parameters);
  expect(await workload.evaluate(parameters, 'validation', { donates: true })).toEqual(after);
  return { plan, before: before.metrics.loss!, loss, after: after.metrics.loss! };
}

describe('packed rows of prompts with completions', () => {
  it('are trained on and evaluated as the same texts in rows of their own, also in parts', async () => {
    const apart = await trained(configOf({}));
    const packed = await trained(configOf({ packing: true }));
    const inParts = await trained(configOf({ packing: true }, { training: { accumulate: 3 } }));
    expect(packed.plan.stepsPerEpoch).toBe(1);
    for (const key of ['before', 'loss', 'after'] as const) {
      expect(packed[key]).toBeCloseTo(apart[key], 5);
      expect(inParts[key]).toBeCloseTo(apart[key], 5);
    }
    expect(packed.after).toBeLessThan(packed.before);
  });

  it('are on record with their texts and padding, are told, and are counted in batches', async () => {
    const [apart, packed] = await Promise.all([planWorkload(configOf({})), planWorkload(configOf({ packing: true }))]);
    const { trainingSamples: rows, packing, learntTokens } = packed.data as unknown as Recorded;
    expect(apart.data.trainingSamples).toBe(30);
    expect(rows).toBeLessThan(12);
    expect(packing).toMatchObject({ texts: 30, rows });
    expect(packing.padding).toBeLessThan(packing.paddingApart);
    expect(learntTokens).toBe(apart.data.learntTokens);
    expect(apart.data).not.toHaveProperty('packing');
    expect(packed.warnings).toContainEqual(
      expect.stringMatching(`^dataset.packing: 30 texts share ${rows} rows, of which`),
    );
    const small = await planWorkload(configOf({ packing: true }, { training: { batchSize: 2 } }));
    expect(small.stepsPerEpoch).toBe(Math.ceil(rows / 2));
  });

  it('can neither come nor go when a run is resumed', () => {
    expect(() => refuseFixedChanges(configOf({}), configOf({ packing: true }))).toThrow(
      'dataset.packing: false -> true',
    );
  });
});

describe('packed rows of texts', () => {
  it('keep texts apart that are blocks without packing, and divide long ones', async () => {
    const dataset = { path: 'texts.jsonl', packing: true };
    const { data, warnings } = await planWorkload(configOf(dataset, { model: { maxTokens: 12 } }));
    const { trainingSamples, packing } = data as unknown as Recorded;
    expect(packing).toMatchObject({ rows: trainingSamples });
    expect(packing.texts).toBeGreaterThan(30);
    expect(warnings?.join('\n')).toMatch(
      /training data: \d+ of 30 texts are longer than 12 tokens: each piece of them/,
    );
  });
});

it('only a causal language model takes packed rows', () => {
  expect(() => configOf({ packing: true }, { model: { task: 'masked-lm' } })).toThrow(
    /run\.yaml:9.*dataset\.packing|goes with model.task causal-lm, whose texts can share rows, and this is masked-lm/,
  );
});

it('what is learnt of completions alone is not asked of texts', async () => {
  await expect(planWorkload(configOf({ path: 'texts.jsonl', lossOn: 'completion' }))).rejects.toThrow(
    /dataset\.lossOn: is for chats, and for prompts with completions/,
  );
});
