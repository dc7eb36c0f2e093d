import { readFile } from 'node:fs/promises';
import { randomFor } from '../../shared/core/random.ts';
import { type HuggingFaceModel, readHuggingFace } from '../../shared/models/hugging-face/folder.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from './fixtures.ts';

interface Expected {
  readonly loss_f64: number;
  readonly grad_norms_f64: Readonly<Record<string, number>>;
  readonly adamw?: {
    readonly lr: number;
    readonly weight_decay: number;
    readonly lr_multipliers: Readonly<Record<string, number>>;
    readonly weight_decay_zero_for: readonly string[];
    readonly losses_f64: readonly number[];
    readonly noise_dominated_params: readonly string[];
  };
}

/** A tiny language model with reference numbers. */
export interface LanguageFixture extends HuggingFaceModel {
  readonly folder: string;
  readonly expected: Expected;
  /** `inputIds`, `attentionMask`, `labels`, and `tokenTypeIds` where it has them. */
  readonly inputs: ReadonlyMap<string, HostTensor<Int32Array>>;
  tensors(file: string): Promise<HostTensors>;
}

export const classifierFixtures = ['bert-tiny', 'roberta-tiny', 'distilbert-tiny'] as const;
export const causalFixtures = ['gpt2-tiny', 'llama-tiny'] as const;

const taskOf = (name: string): LanguageTask =>
  (causalFixtures as readonly string[]).includes(name) ? 'causal-lm' : 'classification';

const inputNames: Readonly<Record<string, string>> = {
  input_ids: 'inputIds',
  attention_mask: 'attentionMask',
  token_type_ids: 'tokenTypeIds',
  decoder_ids: 'decoderIds',
  labels: 'labels',
};

/** Whole numbers of 64 bits, which the project's own reader does not take. */
export async function readIntegers(path: string): Promise<Map<string, HostTensor<Int32Array>>> {
  const bytes = await readFile(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.subarray(8, start).toString(),
  );
  const { __metadata__: _, ...tensors } = header;
  return new Map(
    Object.entries(tensors).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const numbers = Array.from({ length: (to - from) / 8 }, (_, index) =>
          Number(bytes.readBigInt64LE(start + from + 8 * index)),
        );
        return [inputNames[name] ?? name, { shape, data: Int32Array.from(numbers) }];
      },
    ),
  );
}

export async function readLanguageFixture(name: string): Promise<LanguageFixture> {
  const folder = fixturePath('models', name);
  return {
    ...(await readHuggingFace(folder, { task: taskOf(name), random: randomFor(1, 'head') })),
    folder,
    expected: await readJsonFixture<Expected>('models', name, 'expected.json'),
    inputs: await readIntegers(`${folder}/inputs.safetensors`),
    tensors: async (file) => (await openSafetensors(await fileSource(`${folder}/${file}.safetensors`))).readAll(),
  };
}
