import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFor } from '../../../shared/core/random.ts';
import { type HuggingFaceConfig, labelsOf, modelOf } from '../../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../../../shared/models/hugging-face/folder.ts';
import { buildLanguageModel, openModelFolder } from '../../../shared/models/hugging-face/model-folder.ts';
import type { LanguageTask } from '../../../shared/models/language/model.ts';
import type { HostTensor, HostTensors } from '../../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from '../../support/fixtures.ts';
import { temporaryFolder } from '../../support/small-run.ts';

interface Case {
  readonly kind: string;
  readonly task: LanguageTask;
  readonly config: Readonly<Record<string, unknown>>;
  readonly blocks: number;
  readonly drawn: Readonly<Record<string, { constant: number } | { mean: number; std: number }>>;
}
const { cases } = await readJsonFixture<{ cases: readonly Case[] }>('fine-tuning', 'reinitialise.json');
const labels = ['LABEL_0', 'LABEL_1'];

/** A folder with a model of which every number is unlike a fresh one. */
async function writeModel({ kind, task, config }: Pick<Case, 'kind' | 'task' | 'config'>, without = /^$/) {
  const described: HuggingFaceConfig = { model_type: kind, ...config };
  const { model, architecture } = modelOf(described, task, labelsOf(described), 'config.json');
  const kept: HostTensors = new Map(
    [...model.initialise(randomFor(1, 'folder'))]
      .filter(([name]) => !without.test(name))
      .map(([name, { shape, data }]) => [name, { shape, data: data.map((value) => value + 0.5) as Float32Array }]),
  );
  const folder = join(await temporaryFolder(), 'model');
  await mkdir(folder);
  const files = huggingFaceFiles({ model, architecture, config: described, labels, others: new Map() }, kept);
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return { folder, kept };
}

const read = async (folder: string, task: LanguageTask, reinitialise?: number, seed = 1) => {
  const opened = await openModelFolder(folder);
  const { read: values } = buildLanguageModel(opened, { task, labels, reinitialise });
  return values(randomFor(seed, 'initialise'));
};

const bytesOf = ({ buffer, byteOffset, byteLength }: HostTensor['data']) => Buffer.from(buffer, byteOffset, byteLength);
const differing = (one: HostTensors, other: HostTensors) =>
  [...one].filter(([name, { data }]) => !bytesOf(data).equals(bytesOf(other.get(name)!.data)));

describe.each(cases)('of $kind for $task the top $blocks', (each) => {
  it('are drawn as transformers draws them, and all else is the bits of the folder', async () => {
    const { folder, kept } = await writeModel(each);
    const samples = new Map<string, number[]>();
    for (let seed = 1; seed <= 16; seed++) {
      const anew = differing(await read(folder, each.task, each.blocks, seed), kept);
      expect(anew.map(([name]) => name).toSorted()).toEqual(Object.keys(each.drawn).toSorted());
      for (const [name, { data }] of anew) samples.set(name, [...(samples.get(name) ?? []), ...data]);
    }
    for (const [name, expected] of Object.entries(each.drawn)) {
      const values = samples.get(name)!;
      if ('constant' in expected) {
        expect(new Set(values), name).toEqual(new Set([expected.constant]));
        continue;
      }
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      expect(Math.abs(mean), name).toBeLessThan((5 * expected.std) / Math.sqrt(values.length));
      expect(Math.abs(std / expected.std - 1), name).toBeLessThan(5 / Math.sqrt(2 * values.length) + 0.02);
    }
  });
});

describe('model.reinitialise', () => {
  const bert = cases.find(({ kind, task }) => kind === 'bert' && task === 'classification')!;

  it('draws the same bits from the same seed', async () => {
    const { folder } = await writeModel(bert);
    const [one, again, other] = await Promise.all([1, 1, 2].map((seed) => read(folder, bert.task, 2, seed)));
    expect(differing(one!, again!)).toEqual([]);
    expect(differing(one!, other!).length).toBeGreaterThan(0);
  });

  it('leaves a head that the folder lacks as it is drawn without', async () => {
    const { folder } = await writeModel(bert, /classifier|pooler/);
    const [plain, anew] = await Promise.all([read(folder, bert.task), read(folder, bert.task, 1)]);
    const names = differing(plain, anew).map(([name]) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(names.every((name) => name.startsWith('bert.encoder.layer.2.'))).toBe(true);
  });

  it('says of what it draws how much that is', async () => {
    const opened = await openModelFolder(fixturePath('models', 'gpt2-tiny'));
    const build = (reinitialise?: number) =>
      buildLanguageModel(opened, { task: 'causal-lm', labels: [], reinitialise }).reinitialised;
    expect(build(1)).toMatchObject({ blocks: 1, of: 2, pooler: false });
    expect(build(2)).toMatchObject({ blocks: 2, of: 2, pooler: false });
    expect(build()).toBeUndefined();
  });

  it('refuses the folder of an adapter', async () => {
    const folder = fixturePath('models', 'roberta-tiny-lora');
    const opened = await openModelFolder(folder, { base: fixturePath('models', 'roberta-tiny') });
    const options = { task: 'classification', labels: ['a', 'b', 'c'], reinitialise: 1 } as const;
    expect(() => buildLanguageModel(opened, options)).toThrow('model.reinitialise takes a whole model');
  });

  it('refuses more blocks than there are', async () => {
    const opened = await openModelFolder(fixturePath('models', 'bert-tiny'));
    const options = { task: 'classification', labels: ['a', 'b', 'c'], reinitialise: 3 } as const;
    expect(() => buildLanguageModel(opened, options)).toThrow('the model has 2 blocks, 3 are to be drawn anew');
  });
});
