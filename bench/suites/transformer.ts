import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomFor } from '../../shared/core/random.ts';
import { adapterFiles } from '../../shared/models/hugging-face/adapter.ts';
import { labelsOf, modelOf } from '../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../../shared/models/hugging-face/folder.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import type { LoraConfig } from '../../shared/models/language/settings.ts';
import { interleaved, type Peer, startEngines, startReference } from '../peer.ts';
import type { Result, Suite } from '../suite.ts';
import { openModel, type TransformerCase } from '../transformer-model.ts';
import type { TrainingCost } from '../transformer-peer.ts';

interface Shape {
  readonly name: string;
  readonly config: { readonly model_type: string } & Readonly<Record<string, unknown>>;
  /** Absent: classification. */
  readonly task?: LanguageTask;
  /** Absent: all weights are trained. */
  readonly lora?: LoraConfig;
  readonly texts: number;
  readonly tokens: number;
  readonly steps: number;
  readonly rounds: number;
  /** Too large for the 4 GiB that WebAssembly can address. */
  readonly tooLargeForWasm?: boolean;
}

const withoutDropout = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
const small = {
  model_type: 'bert',
  vocab_size: 30522,
  hidden_size: 256,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 1024,
  max_position_embeddings: 512,
  pad_token_id: 0,
};

const shapes: readonly Shape[] = [
  { name: 'bert-4x256', config: { ...small, ...withoutDropout }, texts: 16, tokens: 64, steps: 2, rounds: 7 },
  { name: 'bert-4x256, dropout', config: small, texts: 16, tokens: 64, steps: 2, rounds: 7 },
  {
    name: 'roberta-base',
    config: {
      ...small,
      ...withoutDropout,
      model_type: 'roberta',
      vocab_size: 50265,
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
      max_position_embeddings: 514,
      layer_norm_eps: 1e-5,
      pad_token_id: 1,
    },
    texts: 8,
    tokens: 64,
    steps: 1,
    rounds: 6,
    tooLargeForWasm: true,
  },
  {
    name: 'llama 4 x 512, LoRA',
    config: {
      model_type: 'llama',
      vocab_size: 32_000,
      hidden_size: 512,
      intermediate_size: 1376,
      num_hidden_layers: 4,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      max_position_embeddings: 2048,
      tie_word_embeddings: false,
    },
    task: 'causal-lm',
    lora: { rank: 8, alpha: 16, targets: 'all-linear', dropout: 0, alsoTrained: [], spectra: 'merged' },
    texts: 4,
    tokens: 128,
    steps: 2,
    rounds: 7,
  },
];

const write = async (folder: string, files: ReadonlyMap<string, Uint8Array>) => {
  for (const [file, bytes] of files) await writeFile(join(folder, file), bytes);
};

/** A fresh model in a folder, where it has one an adapter, and texts of random words. */
async function prepare(
  { name, config, task = 'classification', lora, texts, tokens, steps }: Shape,
  folder: string,
): Promise<TransformerCase> {
  const random = randomFor(1, 'bench', config.model_type);
  const labels = task === 'classification' ? labelsOf(config) : [];
  const configured = modelOf(config, task, labels, name);
  const values = configured.model.initialise(random);
  await write(folder, huggingFaceFiles({ ...configured, config, labels, others: new Map() }, values));
  const adapter = join(folder, 'adapter');
  if (lora) {
    const { adapter: adapted, values: begun } = await openModel({ folder, task, lora });
    await mkdir(adapter);
    await write(adapter, adapterFiles(adapted!, begun));
  }
  const row = () => Array.from({ length: tokens }, () => 5 + random.integer(configured.model.vocabulary - 5));
  return {
    name,
    folder,
    task,
    ...(lora ? { lora, adapter } : {}),
    inputIds: Array.from({ length: texts }, row),
    ...(task === 'classification' ? { labels: Array.from({ length: texts }, () => random.integer(2)) } : {}),
    steps,
    learningRate: 1e-4,
    weightDecay: 0.1,
  };
}

/** Without dropout all take the same steps: another loss would mean that something else is measured. */
function refuseOtherLosses(peers: readonly { name: string }[], measured: readonly TrainingCost[]): void {
  const expected = measured[0]!.losses.at(-1)!;
  for (const [index, { losses }] of measured.entries()) {
    if (Math.abs(losses.at(-1)! / expected - 1) < 1e-3) continue;
    throw new Error(`${peers[index]!.name} has a loss of ${losses.at(-1)} where ${peers[0]!.name} has ${expected}`);
  }
}

async function measure(all: readonly Peer<TransformerCase, TrainingCost>[], shape: Shape): Promise<Result[]> {
  const peers = shape.tooLargeForWasm ? all.filter(({ name }) => name !== 'wasm') : all;
  if (peers.length < all.length) {
    process.stderr.write(`${shape.name} is left out on wasm: weights, moments and gradients don't fit in its 4 GiB\n`);
  }
  if (peers.length === 0) return [];
  const folder = await mkdtemp(join(tmpdir(), 'tempbalance-'));
  try {
    const measured = await interleaved(peers, await prepare(shape, folder), shape.rounds);
    const reference = measured[peers.findIndex(({ name }) => name === 'pytorch')];
    if (shape.config.hidden_dropout_prob === 0 || shape.lora) refuseOtherLosses(peers, measured);
    const perStep = (seconds: number) => (seconds * 1e3) / shape.steps;
    return peers.map(({ version }, index) => {
      const { losses, firstSeconds, wallSeconds, cpuSeconds, compileSeconds, peakMiB } = measured[index]!;
      return {
        case: shape.name,
        engine: version,
        stepMs: perStep(wallSeconds),
        processorMs: perStep(cpuSeconds),
        ...(compileSeconds === undefined ? {} : { compileSeconds }),
        startSeconds: Math.max(0, firstSeconds - wallSeconds),
        peakMiB,
        loss: losses.at(-1)!,
        ...(reference ? { wallOfPyTorch: wallSeconds / reference.wallSeconds } : {}),
      };
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A few steps of RoBERTa-base with AdamW on onnx and in PyTorch, for their memory. */
export async function robertaSteps(): Promise<Result[]> {
  const shape = shapes.find(({ name }) => name === 'roberta-base')!;
  const peers = [
    ...(await startReference<TransformerCase, TrainingCost>('transformer-reference.py')),
    ...(await startEngines<TransformerCase, TrainingCost>('transformer-peer.ts', 'onnx')),
  ];
  try {
    return await measure(peers, { ...shape, rounds: 2 });
  } finally {
    for (const peer of peers) peer.close();
  }
}

/** A training step of a transformer with AdamW, of all weights or of an adapter, on each engine and in PyTorch, and the loss that both have come to. */
export const transformer: Suite = {
  name: 'transformer',
  onRequest: true,
  async run({ engine }) {
    const peers = [
      ...(await startReference<TransformerCase, TrainingCost>('transformer-reference.py')),
      ...(await startEngines<TransformerCase, TrainingCost>('transformer-peer.ts', engine)),
    ];
    try {
      const results: Result[] = [];
      for (const shape of shapes) results.push(...(await measure(peers, shape)));
      return results;
    } finally {
      for (const peer of peers) peer.close();
    }
  },
};
