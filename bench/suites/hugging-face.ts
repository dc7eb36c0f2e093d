import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFor } from '../../shared/core/random.ts';
import { type Engine, runOnce } from '../../shared/engines/engine.ts';
import { openEngine } from '../../shared/engines/open-engine.ts';
import { noDropout } from '../../shared/models/dropout.ts';
import { adapterFiles } from '../../shared/models/hugging-face/adapter.ts';
import { labelsOf, modelOf } from '../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles, readHuggingFace } from '../../shared/models/hugging-face/folder.ts';
import { buildLanguageModel, openModelFolder } from '../../shared/models/hugging-face/model-folder.ts';
import type { LanguageModel, LanguageTask } from '../../shared/models/language/model.ts';
import { tasksOf } from '../../shared/models/language/registry.ts';
import type { LoraConfig } from '../../shared/models/language/settings.ts';
import type { HostTensor, HostTensors, MixedTensors } from '../../shared/tensors/tensor.ts';
import { type Peer, startReference } from '../peer.ts';
import type { Result, Suite } from '../suite.ts';
import { type TinyModel, tinyModels } from '../tiny-models.ts';

interface Question {
  readonly folder: string;
  readonly adapter?: string;
  readonly task: LanguageTask;
  readonly inputIds: readonly (readonly number[])[];
  readonly attentionMask: readonly (readonly number[])[];
  /** What the decoder of a model that writes is given. */
  readonly decoderIds?: readonly (readonly number[])[];
}

/** Texts as a model is given them. */
type Texts = Pick<Question, 'inputIds' | 'attentionMask' | 'decoderIds'>;

interface Answer {
  readonly differences: readonly string[];
  readonly className: string;
  readonly dtype: string;
  readonly logits: readonly number[];
}

/** Three texts, two of them padded, each with a token at its end by which encoder-decoders label; and how long what is written of them is. */
const [lengths, tokens, targets] = [[12, 9, 4], 12, 7];
const [padding, end] = [1, 2];

function textsFor(task: LanguageTask): Texts {
  const random = randomFor(1, 'texts');
  const word = () => 3 + random.integer(98);
  const rows = (value: (length: number, at: number) => number) =>
    lengths.map((length) => Array.from({ length: tokens }, (_, at) => value(length, at)));
  return {
    inputIds: rows((length, at) => (at === length - 1 ? end : at < length ? word() : padding)),
    attentionMask: rows((length, at) => (at < length ? 1 : 0)),
    ...(task === 'seq2seq'
      ? { decoderIds: lengths.map(() => Array.from({ length: targets }, (_, at) => (at === 0 ? 0 : word()))) }
      : {}),
  };
}

/** Logits of our model for the texts. */
async function logitsOf(engine: Engine, model: LanguageModel, parameters: HostTensors, asked: Texts) {
  const whole = (rows: readonly (readonly number[])[]) => ({
    shape: [lengths.length, rows[0]!.length],
    data: Int32Array.from(rows.flat()),
  });
  const inputs: MixedTensors = new Map<string, HostTensor<Float32Array | Int32Array>>([
    ...parameters,
    ['/inputIds', whole(asked.inputIds)],
    ['/attentionMask', whole(asked.attentionMask)],
    ...(asked.decoderIds ? [['/decoderIds', whole(asked.decoderIds)] as const] : []),
  ]);
  const results = await runOnce(
    engine,
    (
      tf,
      { inputs: { '/inputIds': inputIds, '/attentionMask': attentionMask, '/decoderIds': decoderIds, ...values } },
    ) => {
      const batch = { inputIds: inputIds!, attentionMask: attentionMask!, ...(decoderIds ? { decoderIds } : {}) };
      return { results: { logits: model.forward(tf, values, batch, noDropout) } };
    },
    inputs,
  );
  return results.get('logits')!.data;
}

/** The largest difference of logits, those of padding left out. */
function furthest(ours: Float32Array, { logits, differences, className, dtype }: Answer, task: LanguageTask): number {
  if (differences.length > 0) throw new Error(`${className} finds other weights: ${differences.join('; ')}`);
  if (dtype !== 'torch.float32' || logits.length !== ours.length) {
    throw new Error(`${className} gives ${logits.length} logits in ${dtype}, not ${ours.length} in float32`);
  }
  const hasPadding = task !== 'classification' && task !== 'seq2seq';
  const each = ours.length / (lengths.length * tokens);
  const isCompared = (at: number) => {
    const place = Math.floor(at / each);
    return !hasPadding || place % tokens < lengths[Math.floor(place / tokens)]!;
  };
  return ours.reduce((most, value, at) => (isCompared(at) ? Math.max(most, Math.abs(value - logits[at]!)) : most), 0);
}

async function write(folder: string, files: ReadonlyMap<string, string | Uint8Array>): Promise<void> {
  await mkdir(folder);
  for (const [name, content] of files) await writeFile(join(folder, name), content);
}

/** A model with every weight drawn, norms and biases too, written, and read here and there. */
async function compare(
  engine: Engine,
  peer: Peer<Question, Answer>,
  base: string,
  { type, name, config: settings }: TinyModel,
  task: LanguageTask,
): Promise<Result> {
  const config = { model_type: type, ...settings };
  const called = [type, name, task].filter((part) => part !== undefined);
  const labels = labelsOf({ ...config, num_labels: 3 });
  const configured = modelOf(config, task, labels, type);
  const random = randomFor(1, 'weights', type, task);
  const parameters: HostTensors = new Map(
    [...configured.model.initialise(random)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value) => value + 0.1 * random.normal()) },
    ]),
  );
  const folder = join(base, called.join('-'));
  await write(folder, huggingFaceFiles({ ...configured, config, labels, others: new Map() }, parameters));
  const { model, parameters: read } = await readHuggingFace(folder, { task, random });
  const asked = textsFor(task);
  const ours = await logitsOf(engine, model, read, asked);
  const answer = await peer.ask({ folder, task, ...asked });
  const difference = furthest(ours, answer, task);
  if (!(difference < 1e-4)) throw new Error(`${called.join(' ')}: logits are ${difference} apart`);
  return { case: called.join(' '), loadedAs: answer.className, logits: ours.length, largestDifference: difference };
}

/** An adapter with every weight drawn on a model that was written before, and a classifier's head that is trained with it. */
async function compareAdapter(
  engine: Engine,
  peer: Peer<Question, Answer>,
  base: string,
  [type, task, settings]: (typeof adapterCases)[number],
): Promise<Result> {
  const folder = join(base, `${type}-${task}`);
  const random = randomFor(1, 'adapter', type);
  const opened = await openModelFolder(folder);
  const lora: LoraConfig = { rank: 4, alpha: 6, dropout: 0.1, alsoTrained: [], spectra: 'merged', ...settings };
  const { adapter: model, read } = buildLanguageModel(opened, { task, labels: labelsOf(opened.config), lora });
  const begun = await read(random);
  const trained: HostTensors = new Map(
    model!.parameters.map(({ name }) => {
      const { shape, data } = begun.get(name)!;
      return [name, { shape, data: data.map((value) => value + 0.1 * random.normal()) }];
    }),
  );
  const adapter = `${folder}-adapter`;
  await write(adapter, adapterFiles(model!, trained));
  const asked = textsFor(task);
  const ours = await logitsOf(engine, model!, new Map([...begun, ...trained]), asked);
  const answer = await peer.ask({ folder, adapter, task, ...asked });
  const difference = furthest(ours, answer, task);
  if (!(difference < 1e-4)) throw new Error(`${type} with an adapter: logits are ${difference} apart`);
  return {
    case: `${type} ${task}, LoRA`,
    loadedAs: answer.className,
    logits: ours.length,
    largestDifference: difference,
  };
}

const adapterCases: readonly (readonly [type: string, task: LanguageTask, settings: Partial<LoraConfig>])[] = [
  ['bert', 'classification', {}],
  ['bert', 'masked-lm', { targets: 'all-linear' }],
  ['roberta', 'classification', { targets: 'all-linear', alsoTrained: ['LayerNorm'] }],
  ['electra', 'classification', {}],
  ['distilbert', 'classification', {}],
  ['modernbert', 'classification', {}],
  ['mpnet', 'classification', {}],
  ['albert', 'classification', {}],
  ['gpt2', 'causal-lm', { targets: 'all-linear' }],
  ['llama', 'causal-lm', { targets: 'all-linear', rankStabilised: true }],
  ['qwen2', 'causal-lm', {}],
  ['qwen3', 'classification', {}],
  ['gemma3_text', 'classification', { targets: 'all-linear' }],
  ['phi3', 'causal-lm', {}],
  ['smollm3', 'causal-lm', {}],
  ['bert', 'token-classification', {}],
  ['llama', 'token-classification', { targets: 'all-linear' }],
  ['t5', 'classification', {}],
  ['t5', 'token-classification', {}],
  ['umt5', 'seq2seq', { targets: 'all-linear' }],
];

/** Whether folders that are written load in `transformers`, and adapters in `peft`, with the same logits. */
export const huggingFace: Suite = {
  name: 'hugging-face',
  onRequest: true,
  async run({ engine: choice }) {
    const [peer] = await startReference<Question, Answer>('hugging-face-reference.py');
    if (!peer) return [];
    const engine = await openEngine(choice);
    const base = await mkdtemp(join(tmpdir(), 'tempbalance-'));
    try {
      const results: Result[] = [];
      for (const each of tinyModels) {
        for (const task of tasksOf(each.type)) results.push(await compare(engine, peer, base, each, task));
      }
      for (const each of adapterCases) results.push(await compareAdapter(engine, peer, base, each));
      return results;
    } finally {
      peer.close();
      await rm(base, { recursive: true });
    }
  },
};
