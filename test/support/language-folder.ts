import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { trainWordPiece } from '../../shared/datasets/text/train-word-piece.ts';
import { type HuggingFaceConfig, modelOf } from '../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../../shared/models/hugging-face/folder.ts';
import type { LanguageTask } from '../../shared/models/language/model.ts';
import type { HostTensors } from '../../shared/tensors/tensor.ts';
import { fixturePath } from './fixtures.ts';
import { temporaryFolder } from './small-run.ts';

/** Writes a folder as Hugging Face's, with a GPT-2 that has seen nothing and the tokenizer of the fixtures. */
export async function writeGpt2Folder(folder: string): Promise<string> {
  const tokenizer = (name: string) => readFile(fixturePath('tokenizers', 'byte-bpe-gpt2', name));
  const names = ['tokenizer.json', 'tokenizer_config.json'];
  const others = new Map<string, Uint8Array>();
  for (const name of names) others.set(name, await tokenizer(name));
  const config = {
    model_type: 'gpt2',
    architectures: ['GPT2LMHeadModel'],
    vocab_size: 700,
    n_positions: 64,
    n_embd: 32,
    n_layer: 2,
    n_head: 2,
    activation_function: 'gelu_new',
    resid_pdrop: 0,
    embd_pdrop: 0,
    attn_pdrop: 0,
    initializer_range: 0.1,
    layer_norm_epsilon: 1e-5,
  };
  return writeFolder(folder, config, 'causal-lm', others);
}

/**
 * Writes a folder as Hugging Face's, with a decoder for causal-lm that has seen nothing and the tokenizer of the fixtures.
 * @param more of its configuration
 * @param pad what the tokenizer has for padding; absent: nothing
 */
export async function writeDecoderFolder(
  folder: string,
  kind: string,
  more: Record<string, unknown> = {},
  pad?: string,
): Promise<string> {
  const read = (name: string) => readFile(fixturePath('tokenizers', 'byte-bpe-gpt2', name));
  const settings = { ...JSON.parse((await read('tokenizer_config.json')).toString()), ...(pad && { pad_token: pad }) };
  const others = new Map<string, Uint8Array>([
    ['tokenizer.json', await read('tokenizer.json')],
    ['tokenizer_config.json', new TextEncoder().encode(JSON.stringify(settings))],
  ]);
  const config = {
    model_type: kind,
    vocab_size: 700,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 16,
    max_position_embeddings: 64,
    pad_token_id: null,
    initializer_range: 0.1,
    ...more,
  };
  return writeFolder(folder, config, 'causal-lm', others);
}

/**
 * Writes a folder as Hugging Face's, with a T5 that has seen nothing and the SentencePiece model of the fixtures.
 * @param more of its configuration
 */
export async function writeT5Folder(folder: string, more: Record<string, unknown> = {}): Promise<string> {
  const others = new Map<string, Uint8Array>();
  for (const name of ['spiece.model', 'tokenizer_config.json']) {
    others.set(name, await readFile(fixturePath('tokenizers', 'resolved', 't5-model', name)));
  }
  const config = {
    ...{ model_type: 't5', vocab_size: 320, d_model: 16, d_kv: 8, d_ff: 32, num_heads: 2, num_layers: 1 },
    ...{ decoder_start_token_id: 0, is_encoder_decoder: true },
    ...more,
  };
  return writeFolder(folder, config, 'seq2seq', others);
}

interface FolderOptions {
  /** Of a classifier. */
  readonly labels?: readonly string[] | undefined;
  /** What becomes of the fresh weights. */
  readonly change?: ((fresh: HostTensors) => HostTensors) | undefined;
}

async function writeFolder(
  folder: string,
  config: HuggingFaceConfig,
  task: LanguageTask,
  others: ReadonlyMap<string, Uint8Array>,
  { labels = [], change = (fresh) => fresh }: FolderOptions = {},
): Promise<string> {
  const { model, architecture } = modelOf(config, task, labels, folder);
  const parameters = change(model.initialise(randomFor(1, 'folder')));
  const files = huggingFaceFiles({ model, architecture, config, labels, others }, parameters);
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return folder;
}

/**
 * Writes a folder as Hugging Face's, with a BERT, or another kind with its settings, that knows the words of some texts and has seen
 * nothing; with labels, a classifier.
 */
export async function writeBertFolder(
  folder: string,
  texts: Iterable<string>,
  options: { kind?: string; hiddenSize?: number; blocks?: number; dropout?: number } & FolderOptions = {},
): Promise<string> {
  const { kind = 'bert', hiddenSize = 32, blocks = 2, dropout = 0, labels } = options;
  const vocabulary = trainWordPiece(texts, { vocabularySize: 400 });
  const config = {
    model_type: kind,
    vocab_size: 400,
    hidden_size: hiddenSize,
    num_hidden_layers: blocks,
    num_attention_heads: 2,
    intermediate_size: 2 * hiddenSize,
    max_position_embeddings: 64,
    type_vocab_size: 2,
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
    initializer_range: 0.1,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-12,
    pad_token_id: 0,
  };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const others = new Map([
    ['tokenizer.json', json(vocabulary.tokenizer)],
    ['tokenizer_config.json', json(vocabulary.config)],
  ]);
  return writeFolder(folder, config, labels ? 'classification' : 'masked-lm', others, options);
}

/** A folder with a fresh BERT (`bert`), a few labelled texts (`texts.jsonl`), and a run file about them (`run.yaml`). */
export async function writeLanguageRun(
  model: Record<string, unknown> = {},
  training: Record<string, unknown> = {},
  dropout = 0.1,
): Promise<string> {
  const folder = await temporaryFolder();
  const data = fixturePath('data', 'topic_keywords.jsonl');
  const lines = (await readFile(data, 'utf8')).trim().split('\n');
  const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text);
  await writeBertFolder(join(folder, 'bert'), texts, { dropout });
  await copyFile(data, join(folder, 'texts.jsonl'));
  const run = {
    model: { family: 'huggingface', folder: 'bert', maxTokens: 16, ...model },
    dataset: { format: 'jsonl', path: 'texts.jsonl', samples: 90 },
    training: {
      epochs: 4,
      batchSize: 8,
      learningRate: 0.002,
      optimizer: { name: 'adamw' },
      validation: 30,
      ...training,
    },
    balance: { unit: 'block' },
    output: { name: 'texts' },
  };
  await writeFile(join(folder, 'run.yaml'), stringify(run));
  return folder;
}
