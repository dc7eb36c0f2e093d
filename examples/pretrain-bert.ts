/** A small BERT with a vocabulary of its own, pre-trained on texts by guessing hidden words. */
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runFileSchema } from '../shared/config/run-file.ts';
import { randomFor } from '../shared/core/random.ts';
import { buildTokenizer } from '../shared/datasets/text/tokenizer.ts';
import { trainWordPiece } from '../shared/datasets/text/train-word-piece.ts';
import { modelOf } from '../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../shared/models/hugging-face/folder.ts';
import type { ProgressEvent } from '../shared/pipeline/context.ts';
import { type Trained, train } from './train.ts';

export interface BertSize {
  readonly blocks: number;
  readonly hiddenSize: number;
  readonly heads: number;
  /** Pieces, special tokens included, at most. */
  readonly vocabularySize: number;
  readonly maxTokens: number;
}

/** Writes a folder of Hugging Face's with a BERT that knows the words of some texts and has learnt nothing. */
export async function writeFreshBert(
  folder: string,
  texts: readonly string[],
  { size, seed }: { size: BertSize; seed: number },
): Promise<void> {
  const pieces = trainWordPiece(texts, { vocabularySize: size.vocabularySize });
  const tokenizer = buildTokenizer(pieces, 'the vocabulary');
  const config = {
    model_type: 'bert',
    architectures: ['BertForMaskedLM'],
    vocab_size: tokenizer.vocabularySize,
    hidden_size: size.hiddenSize,
    num_hidden_layers: size.blocks,
    num_attention_heads: size.heads,
    intermediate_size: 4 * size.hiddenSize,
    max_position_embeddings: size.maxTokens,
    type_vocab_size: 2,
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    initializer_range: 0.02,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-12,
    pad_token_id: tokenizer.padId,
  };
  const configured = modelOf(config, 'masked-lm', [], folder);
  const parameters = configured.model.initialise(randomFor(seed, 'initialise'));
  const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  const others = new Map([
    ['tokenizer.json', json(pieces.tokenizer)],
    ['tokenizer_config.json', json(pieces.config)],
  ]);
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of huggingFaceFiles({ ...configured, config, labels: [], others }, parameters)) {
    await writeFile(join(folder, name), bytes);
  }
}

/**
 * Writes a pre-trained BERT into `out`, which must not exist yet: AdamW, a tenth of the steps of warm-up, then cosine
 * decay; the weights are those of the epoch that guesses the held-out texts best. What is on the way is kept in `work`,
 * from where training goes on when it was interrupted.
 */
export async function pretrainBert(options: {
  readonly texts: readonly string[];
  /** Not learnt from. */
  readonly heldOut: readonly string[];
  readonly size: BertSize;
  readonly training: {
    readonly epochs: number;
    readonly batchSize: number;
    readonly learningRate: number;
    readonly seed: number;
  };
  readonly out: string;
  readonly work: string;
  readonly emit: (event: ProgressEvent) => void;
}): Promise<Trained> {
  const { texts, heldOut, size, training, out, work, emit } = options;
  const at = (name: string) => join(work, name);
  await writeFreshBert(at('fresh'), texts, { size, seed: training.seed });
  await writeFile(at('texts.txt'), texts.join('\n'));
  await writeFile(at('held-out.txt'), heldOut.join('\n'));
  const config = runFileSchema.parse({
    model: { family: 'huggingface', folder: at('fresh'), task: 'masked-lm', maxTokens: size.maxTokens },
    dataset: { format: 'lines', path: at('texts.txt'), validationPath: at('held-out.txt') },
    training: {
      ...training,
      optimizer: { name: 'adamw' },
      schedule: { name: 'cosine', warmUpRatio: 0.1 },
      weightDecay: 0.01,
      clipNorm: 1,
    },
    balance: 'off',
    output: { folder: work, name: 'pre-training' },
  });
  const trained = await train(config, emit);
  const draft = `${out}.tmp`;
  await cp(at('pre-training/model'), draft, { recursive: true, filter: (path) => !path.endsWith('README.md') });
  await rename(draft, out);
  await rm(work, { recursive: true });
  return trained;
}
