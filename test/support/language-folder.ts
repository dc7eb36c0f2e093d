import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { randomFor } from '../../shared/core/random.ts';
import { trainWordPiece } from '../../shared/datasets/text/train-word-piece.ts';
import { modelOf } from '../../shared/models/hugging-face/config.ts';
import { huggingFaceFiles } from '../../shared/models/hugging-face/folder.ts';
import { fixturePath } from './fixtures.ts';
import { temporaryFolder } from './small-run.ts';

/** Writes a folder as Hugging Face's, with a BERT that knows the words of some texts and has seen nothing. */
async function writeBertFolder(
  folder: string,
  texts: Iterable<string>,
  options: { hiddenSize?: number; blocks?: number; dropout?: number } = {},
): Promise<string> {
  const { hiddenSize = 32, blocks = 2, dropout = 0 } = options;
  const vocabulary = trainWordPiece(texts, { vocabularySize: 400 });
  const config = {
    model_type: 'bert',
    architectures: ['BertForMaskedLM'],
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
  const { model, architecture } = modelOf(config, 'masked-lm', [], folder);
  const parameters = model.initialise(randomFor(1, 'folder'));
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const others = new Map([
    ['tokenizer.json', json(vocabulary.tokenizer)],
    ['tokenizer_config.json', json(vocabulary.config)],
  ]);
  const files = huggingFaceFiles({ model, architecture, config, labels: [], others }, parameters);
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return folder;
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
