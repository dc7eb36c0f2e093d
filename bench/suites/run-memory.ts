import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { type HuggingFaceConfig, modelOf } from '../../shared/models/hugging-face/config.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import type { ParameterSpec } from '../../shared/tensors/layer.ts';
import { elementCount } from '../../shared/tensors/tensor.ts';
import { bertBaseConfig } from '../bert-base.ts';
import { runCli, usageOf } from '../cli.ts';
import { benchFile } from '../peer.ts';
import type { Result, Suite } from '../suite.ts';
import { tokenizerFiles, writeWords } from '../word-texts.ts';
import { robertaSteps } from './transformer.ts';

interface MemoryCase {
  readonly name: string;
  readonly config: HuggingFaceConfig;
  readonly task: LanguageTask;
  /** Besides family and folder. */
  readonly model: Readonly<Record<string, unknown>>;
  readonly training?: Readonly<Record<string, unknown>>;
  readonly batchSize: number;
  readonly tokens: number;
  /** Whether the weights are stored as BF16, in files of at most a billion bytes, instead of float32. */
  readonly brief: boolean;
}

const bertBase: MemoryCase = {
  name: 'BERT-base, whole',
  config: bertBaseConfig,
  task: 'classification',
  model: {},
  batchSize: 8,
  tokens: 64,
  brief: false,
};

/** The shape of TinyLlama: 1.1 billion weights. */
const llama: MemoryCase = {
  name: 'LLaMA of 1.1 billion weights, LoRA',
  config: {
    model_type: 'llama',
    vocab_size: 32_000,
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    max_position_embeddings: 2048,
  },
  task: 'causal-lm',
  model: { lora: { spectra: 'update' } },
  batchSize: 2,
  tokens: 128,
  brief: true,
};

const recomputing: MemoryCase = {
  ...bertBase,
  name: 'BERT-base, whole, gradient checkpointing',
  training: { gradientCheckpointing: true },
};

const cases: readonly MemoryCase[] = [bertBase, recomputing, llama];

const mostBytesOfFile = 1e9;

/** Parameters in files of limited size. */
function sharded(parameters: readonly ParameterSpec[], bytesEach: number): ParameterSpec[][] {
  const shards: ParameterSpec[][] = [[]];
  let bytes = 0;
  for (const spec of parameters) {
    const size = bytesEach * elementCount(spec.shape);
    if (bytes + size > mostBytesOfFile) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(spec);
    bytes += size;
  }
  return shards;
}

/** Writes parameters as a safetensors file: the same normal numbers again and again from another place. */
async function writeShard(path: string, parameters: readonly ParameterSpec[], brief: boolean): Promise<void> {
  const bytesEach = brief ? 2 : 4;
  let offset = 0;
  const entries = parameters.map(({ name, shape }) => {
    const end = offset + bytesEach * elementCount(shape);
    const entry = { dtype: brief ? 'BF16' : 'F32', shape, data_offsets: [offset, end] };
    offset = end;
    return [name, entry] as const;
  });
  const header = JSON.stringify(Object.fromEntries(entries));
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const random = randomFor(1, 'run-memory');
  const numbers = Float32Array.from({ length: 2 ** 20 + 7 }, () => random.normal() / 50);
  const words = new Uint32Array(numbers.buffer);
  const block = new Uint8Array(brief ? Uint16Array.from(words, (word) => word >>> 16).buffer : numbers.buffer);
  const out = createWriteStream(path);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  out.write(prefix);
  out.write(padded);
  for (let left = offset; left > 0; left -= block.length) {
    if (!out.write(block.subarray(0, Math.min(left, block.length)))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

async function writeModel(folder: string, { config, task, brief }: MemoryCase): Promise<void> {
  const { model } = modelOf(config, task, ['even', 'odd'], folder);
  const shards = sharded(model.parameters, brief ? 2 : 4);
  const nameOf = (index: number) =>
    shards.length === 1
      ? 'model.safetensors'
      : `model-${String(index + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`;
  for (const [index, shard] of shards.entries()) await writeShard(join(folder, nameOf(index)), shard, brief);
  if (shards.length > 1) {
    const homes = shards.flatMap((shard, index) => shard.map(({ name }) => [name, nameOf(index)]));
    const map = JSON.stringify({ weight_map: Object.fromEntries(homes) });
    await writeFile(join(folder, 'model.safetensors.index.json'), map);
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  for (const [name, bytes] of tokenizerFiles()) await writeFile(join(folder, name), bytes);
}

/** Optimizer steps of an epoch. */
const steps = 3;

/** Writes a run of one epoch; gives the run file's path. */
async function writeMemoryRun(folder: string, each: MemoryCase): Promise<string> {
  await writeModel(folder, each);
  const { task, batchSize, tokens } = each;
  const run = {
    model: { family: 'huggingface', folder, task, maxTokens: tokens, lengths: 1, ...each.model },
    dataset: await writeWords(folder, {
      words: task === 'causal-lm' ? tokens : tokens - 2,
      samples: batchSize * (steps + 1),
    }),
    training: { epochs: 1, batchSize, validation: batchSize, optimizer: { name: 'adamw' }, ...each.training },
    output: { folder: join(folder, 'runs'), keep: 1 },
  };
  const path = join(folder, 'run.yaml');
  await writeFile(path, stringify(run));
  return path;
}

/** The same run with PyTorch, where there is one; of what is trained whole. */
async function measureReference(
  folder: string,
  { name, tokens, batchSize, training, model }: MemoryCase,
): Promise<Result[]> {
  if (Object.keys(model).length > 0) return [];
  const python = process.env.TEMPBALANCE_PYTHON ?? 'python3';
  const child = spawn(python, [benchFile('run-reference.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  const checkpointing = training?.gradientCheckpointing === true;
  child.stdin.end(JSON.stringify({ folder, texts: join(folder, 'texts.jsonl'), tokens, batchSize, checkpointing }));
  const said = await text(child.stdout);
  if (said.trim() === '') return [];
  const { name: by, peakMiB, wallSeconds } = JSON.parse(said.trim().split('\n').at(-1)!);
  return [{ case: `${name}: ${by}`, peakMiB, wallSeconds }];
}

async function measure(each: MemoryCase): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tempbalance-bench-'));
  try {
    const run = await writeMemoryRun(folder, each);
    const begun = performance.now();
    const { peakMiB } = usageOf(await runCli('train', run));
    const own = { case: each.name, peakMiB, wallSeconds: (performance.now() - begun) / 1e3 };
    return [own, ...(await measureReference(folder, each))];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Peak memory of `tempbalance train`, start to last commit, on language models with random weights in a temporary folder, and of some steps of
 * RoBERTa-base; beside PyTorch where there is one.
 */
export const runMemory: Suite = {
  name: 'run-memory',
  onRequest: true,
  async run() {
    const results: Result[] = [];
    const note = (measured: readonly Result[]) => {
      for (const result of measured) process.stderr.write(`${JSON.stringify(result)}\n`);
      results.push(...measured);
    };
    const steps = await robertaSteps();
    note(steps.map(({ case: name, engine, peakMiB }) => ({ case: `${name}, steps: ${engine}`, peakMiB: peakMiB! })));
    for (const each of cases) note(await measure(each));
    return results;
  },
};
