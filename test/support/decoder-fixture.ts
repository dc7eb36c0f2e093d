import { readdirSync } from 'node:fs';
import { randomFor } from '../../shared/core/random.ts';
import { type HuggingFaceModel, readHuggingFace } from '../../shared/models/hugging-face/folder.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor, MixedTensors } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from './fixtures.ts';
import { readIntegers } from './language-fixture.ts';

export const decoderTasks = ['causal-lm', 'classification'] as const;
export type DecoderTask = (typeof decoderTasks)[number];

/** A tiny decoder with what `transformers` computes of it for a task. */
export interface DecoderFixture extends HuggingFaceModel {
  /** `inputIds`, `attentionMask`, `labels`. */
  readonly inputs: MixedTensors;
  readonly loss: number;
  readonly gradientNorms: Readonly<Record<string, number>>;
  readonly logits: HostTensor;
}

/** The folders of the fixtures. */
export const decoderFixtures = readdirSync(fixturePath('models', 'decoders'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

export const decoderFolder = (name: string): string => fixturePath('models', 'decoders', name);

interface Expected {
  readonly loss: number;
  readonly gradientNorms: Readonly<Record<string, number>>;
}

export async function readDecoderFixture(name: string, task: DecoderTask): Promise<DecoderFixture> {
  const folder = decoderFolder(name);
  const key = task === 'causal-lm' ? 'causal' : 'classification';
  const expected = await readJsonFixture<Record<string, Expected>>('models', 'decoders', name, 'expected.json');
  const tensors = await (await openSafetensors(await fileSource(`${folder}/expected.safetensors`))).readAll();
  const inputs = await readIntegers(`${folder}/inputs.safetensors`);
  const [ids, mask] = [inputs.get('inputIds')!, inputs.get('attentionMask')!];
  const words = { shape: ids.shape, data: ids.data.map((id, at) => (mask.data[at] === 1 ? id : -100)) };
  return {
    ...(await readHuggingFace(folder, { task, random: randomFor(1, 'head') })),
    inputs: task === 'causal-lm' ? new Map([...inputs, ['labels', words]]) : inputs,
    ...expected[key]!,
    logits: tensors.get(key)!,
  };
}
