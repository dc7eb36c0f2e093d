import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { type HuggingFaceConfig, modelOf } from '../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../../shared/models/hugging-face/folder.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import { elementCount } from '../../shared/tensors/tensor.ts';
import { bertBaseConfig } from '../bert-base.ts';
import { runCli, usageOf } from '../cli.ts';
import { median, type Result, type Suite } from '../suite.ts';
import { tokenizerFiles, vocabulary, writeWords } from '../word-texts.ts';

interface EstimateCase {
  readonly name: string;
  readonly model: { readonly family: string } & Readonly<Record<string, unknown>>;
  readonly batchSize: number;
  /** Besides epochs, batches and validation. */
  readonly training?: Readonly<Record<string, unknown>>;
  /** Of the data: fields, or texts of as many random words. */
  readonly data: Fields | Texts;
  /** Of an epoch; 3 where absent. */
  readonly steps?: number;
}

interface Fields {
  readonly space: readonly number[];
  readonly channels: number;
  readonly window: number;
  readonly rolloutSteps: number;
}

interface Texts {
  readonly words: number;
  /** Of the folder's model. */
  readonly config: HuggingFaceConfig;
  readonly task: LanguageTask;
}

const bert = {
  model_type: 'bert',
  vocab_size: vocabulary,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 1024,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  pad_token_id: 0,
};
const robertaBase = {
  ...bertBaseConfig,
  model_type: 'roberta',
  vocab_size: 50265,
  max_position_embeddings: 514,
  type_vocab_size: 1,
  layer_norm_eps: 1e-5,
};
const llama = {
  model_type: 'llama',
  vocab_size: vocabulary,
  hidden_size: 512,
  intermediate_size: 1536,
  num_hidden_layers: 8,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  max_position_embeddings: 512,
};
const paper = { modes: 12, width: 20 };

const ofBertBase: Texts = { words: 62, config: bertBaseConfig, task: 'classification' };

/** Blocks are computed again for the gradient. */
const recomputing: readonly EstimateCase[] = [
  {
    name: 'BERT-base, 8 texts of 64 tokens, gradient checkpointing',
    model: { family: 'huggingface', maxTokens: 64 },
    batchSize: 8,
    training: { gradientCheckpointing: true },
    data: ofBertBase,
  },
  {
    name: 'LLaMA 8 x 512, adapter, 4 texts of 128 tokens, gradient checkpointing',
    model: { family: 'huggingface', maxTokens: 128, lora: {} },
    batchSize: 4,
    training: { gradientCheckpointing: true },
    data: { words: 128, config: llama, task: 'causal-lm' },
  },
];

const cases: readonly EstimateCase[] = [
  {
    name: "fno1d, the paper's 1-D case",
    model: { family: 'fno1d', ...paper },
    batchSize: 100,
    data: { space: [128], channels: 3, window: 10, rolloutSteps: 11 },
  },
  {
    name: "fno2d, the paper's 2-D case",
    model: { family: 'fno2d', ...paper },
    batchSize: 20,
    data: { space: [64, 64], channels: 4, window: 10, rolloutSteps: 11 },
    steps: 2,
  },
  {
    name: 'fno3d',
    model: { family: 'fno3d', modes: 6, width: 12 },
    batchSize: 2,
    data: { space: [32, 32, 32], channels: 1, window: 4, rolloutSteps: 3 },
  },
  {
    name: 'neuralop-fno in 2-D',
    model: { family: 'neuralop-fno' },
    batchSize: 8,
    data: { space: [64, 64], channels: 1, window: 1, rolloutSteps: 1 },
  },
  {
    name: 'unet1d',
    model: { family: 'unet1d' },
    batchSize: 50,
    data: { space: [128], channels: 3, window: 10, rolloutSteps: 11 },
  },
  {
    name: 'unet2d',
    model: { family: 'unet2d' },
    batchSize: 8,
    data: { space: [64, 64], channels: 4, window: 10, rolloutSteps: 2 },
  },
  {
    name: 'dpot',
    model: { family: 'dpot' },
    batchSize: 8,
    data: { space: [64, 64], channels: 4, window: 10, rolloutSteps: 2 },
  },
  {
    name: 'deeponet',
    model: { family: 'deeponet' },
    batchSize: 16,
    data: { space: [64, 64], channels: 1, window: 10, rolloutSteps: 5 },
  },
  {
    name: 'BERT 4 x 256, 16 texts of 64 tokens',
    model: { family: 'huggingface', maxTokens: 64 },
    batchSize: 16,
    data: { words: 62, config: bert, task: 'classification' },
  },
  {
    name: 'LLaMA 8 x 512, adapter, 4 texts of 128 tokens',
    model: { family: 'huggingface', maxTokens: 128, lora: {} },
    batchSize: 4,
    data: { words: 128, config: llama, task: 'causal-lm' },
  },
  {
    name: 'RoBERTa-base, 8 texts of 64 tokens',
    model: { family: 'huggingface', maxTokens: 64 },
    batchSize: 8,
    data: { words: 62, config: robertaBase, task: 'classification' },
  },
  ...recomputing,
  {
    name: 'BERT-base, 8 texts of 64 tokens',
    model: { family: 'huggingface', maxTokens: 64 },
    batchSize: 8,
    data: ofBertBase,
  },
  {
    name: 'BERT-base, adapter, 8 texts of 64 tokens',
    model: { family: 'huggingface', maxTokens: 64, lora: {} },
    batchSize: 8,
    data: ofBertBase,
  },
];

/** Waves of float32 as a NumPy file. */
function npyOf(shape: readonly number[]): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${padded}`, 'latin1');
  start.writeUInt16LE(padded.length, 8);
  const values = Float32Array.from({ length: elementCount(shape) }, (_, index) => Math.sin(0.37 * index + 0.5));
  return Buffer.concat([start, Buffer.from(values.buffer)]);
}

const axes = ['x', 'y', 'z'];

async function writeFields(folder: string, { space, channels, window, rolloutSteps }: Fields, samples: number) {
  const path = join(folder, 'fields.npy');
  await writeFile(path, npyOf([samples, ...space, window + rolloutSteps, channels]));
  return {
    format: 'fields',
    path,
    axes: ['samples', ...axes.slice(0, space.length), 'time', 'channels'],
    window,
  };
}

async function writeTexts(folder: string, { words, config, task }: Texts, samples: number) {
  const labels = task === 'classification' ? ['even', 'odd'] : [];
  const configured = modelOf(config, task, labels, folder);
  const weights = configured.model.initialise(randomFor(1, 'bench', 'weights'));
  for (const [name, bytes] of huggingFaceFiles({ ...configured, config, labels, others: tokenizerFiles() }, weights)) {
    await writeFile(join(folder, name), bytes);
  }
  return writeWords(folder, { words, samples });
}

async function writeRun(
  folder: string,
  { model, batchSize, data, training, steps = 3 }: EstimateCase,
): Promise<string> {
  const samples = batchSize * (steps + 1);
  const isText = 'words' in data;
  const run = {
    model: isText ? { ...model, folder, task: data.task } : model,
    dataset: isText ? await writeTexts(folder, data, samples) : await writeFields(folder, data, samples),
    training: { epochs: 2, batchSize, validation: batchSize, ...training },
    output: { folder: join(folder, 'runs'), keep: 1 },
  };
  const path = join(folder, 'run.yaml');
  await writeFile(path, stringify(run));
  return path;
}

interface Plan {
  readonly stepFlops: number;
  readonly memory: { readonly hereGb: number };
  readonly estimates: readonly { readonly stepSeconds: number }[];
}

const planOf = async (run: string, ...options: string[]): Promise<Plan> =>
  JSON.parse((await runCli('plan', run, '--json', ...options)).stdout);

const rounds = 5;

async function measure(each: EstimateCase, folder: string): Promise<Result> {
  await mkdir(folder);
  const run = await writeRun(folder, each);
  const said = await planOf(run);
  const { peakMiB } = usageOf(await runCli('train', run));
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    seconds.push((await planOf(run, '--measure')).estimates[0]!.stepSeconds);
  }
  const saidMs = 1e3 * said.estimates[0]!.stepSeconds;
  const [stepMs, quickestMs] = [1e3 * median(seconds), 1e3 * Math.min(...seconds)];
  const saidMiB = 1024 * said.memory.hereGb;
  return {
    case: each.name,
    gflop: said.stepFlops / 1e9,
    saidMs,
    stepMs,
    quickestMs,
    timeRatio: saidMs / stepMs,
    saidMiB,
    peakMiB,
    memoryRatio: saidMiB / peakMiB,
  };
}

/** What `plan` says of a step's time and of memory, over what a training process takes: eight models of fields and seven of texts. */
export const estimate: Suite = {
  name: 'estimate',
  onRequest: true,
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'tempbalance-bench-'));
    try {
      const results: Result[] = [];
      for (const [number, each] of cases.entries()) {
        const result = await measure(each, join(folder, String(number)));
        process.stderr.write(`${JSON.stringify(result)}\n`);
        results.push(result);
      }
      return results;
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};
