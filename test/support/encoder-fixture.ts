import { randomFor } from '../../shared/core/random.ts';
import { type HuggingFaceModel, readHuggingFace } from '../../shared/models/hugging-face/folder.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import { fileSource } from '../../shared/tensors/byte-source.ts';
import { openSafetensors } from '../../shared/tensors/safetensors.ts';
import type { HostTensor } from '../../shared/tensors/tensor.ts';
import { fixturePath, readJsonFixture } from './fixtures.ts';
import { readIntegers } from './language-fixture.ts';

/** Tiny encoders with reference numbers, by `test/fixtures/models/make_encoders.py`. */
export const encoderFixtures = [
  'modernbert-tiny',
  'modernbert-biased-tiny',
  'deberta-v2-tiny',
  'deberta-v3-tiny',
  'mpnet-tiny',
  'albert-tiny',
  'electra-tiny',
] as const;

/** Tiny encoder-decoders, by `test/fixtures/models/t5/make_t5.py`. */
export const writerFixtures = ['t5/t5-tiny', 't5/t5-gated-tiny', 't5/umt5-tiny'] as const;

export type EncoderTask = Exclude<LanguageTask, 'causal-lm'>;

interface Expected {
  readonly loss: number;
  readonly lossWithDropout: number;
  /** Shape and rate wherever elements are dropped, in order. */
  readonly drops: readonly (readonly [shape: readonly number[], rate: number])[];
  /** Norm, and sum of the elements times cos(1), cos(2), ... */
  readonly gradients: Readonly<Record<string, readonly [norm: number, probe: number]>>;
}

export interface EncoderFixture extends HuggingFaceModel {
  readonly expected: Expected;
  readonly logits: HostTensor;
  /** `inputIds`, `attentionMask`, `labels`, and `tokenTypeIds` where it has them, `decoderIds` where it writes. */
  readonly inputs: ReadonlyMap<string, HostTensor<Int32Array>>;
}

export async function readEncoderFixture(name: string, task: EncoderTask): Promise<EncoderFixture> {
  const folder = fixturePath('models', name);
  const numbers = await openSafetensors(await fileSource(`${folder}/expected.safetensors`));
  const expected = await readJsonFixture<Readonly<Record<EncoderTask, Expected>>>('models', name, 'expected.json');
  const given = await readIntegers(`${folder}/inputs.safetensors`);
  const inputs = [...given].flatMap(([key, tensor]): [string, HostTensor<Int32Array>][] => {
    if (key === 'decoderIds' && task !== 'seq2seq') return [];
    if (!key.startsWith('labels/')) return [[key, tensor]];
    return key === `labels/${task}` ? [['labels', tensor]] : [];
  });
  return {
    ...(await readHuggingFace(folder, { task, random: randomFor(1, 'head') })),
    expected: expected[task],
    logits: (await numbers.readAll()).get(`${task}/logits`)!,
    inputs: new Map(inputs),
  };
}
