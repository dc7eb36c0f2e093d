/**
 * Next-sentence prediction (Devlin et al. 2019, arXiv:1810.04805, section 3.1), as a stage after the guessing of hidden words: it
 * needs no labels, and teaches `[CLS]` and the pooler, which classifiers read and hidden words teach nothing.
 */
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runFileSchema } from '../shared/config/run-file.ts';
import { randomFor } from '../shared/core/random.ts';
import type { ProgressEvent } from '../shared/pipeline/context.ts';
import { fileSource } from '../shared/tensors/byte-source.ts';
import { encodeSafetensors, openSafetensors } from '../shared/tensors/safetensors.ts';
import { type Trained, train } from './train.ts';

export interface SentencePair {
  readonly text: string;
  readonly pair: string;
  /** Whether `pair` goes on with the text that `text` begins. */
  readonly label: 'next' | 'other';
}

const sentencesOf = (text: string) => text.split(/(?<=\.) /);

/** A pair of each text: its first half, and its second half or, as often, that of another text. */
export function sentencePairs(texts: readonly string[], seed: number, purpose: string): SentencePair[] {
  const halves = texts.map((text) => {
    const sentences = sentencesOf(text);
    const middle = Math.ceil(sentences.length / 2);
    return [sentences.slice(0, middle).join(' '), sentences.slice(middle).join(' ')] as const;
  });
  return halves.map(([text, own], index) => {
    const random = randomFor(seed, 'nsp', purpose, index);
    const isNext = random.uniform() < 0.5;
    const drawn = random.integer(texts.length);
    const other = halves[drawn === index ? (drawn + 1) % texts.length : drawn]![1];
    return isNext ? { text, pair: own, label: 'next' } : { text, pair: other, label: 'other' };
  });
}

/** The texts have neither commas nor quotes. */
const csvOf = (pairs: readonly SentencePair[]) =>
  ['text,text_pair,label', ...pairs.map(({ text, pair, label }) => `${text},${pair},${label}`), ''].join('\n');

/**
 * Trains a BERT that guesses words to tell pairs apart, and writes it into `out`, which must not exist yet, with its pooler and
 * without a head: AdamW, a tenth of the steps of warm-up, then linear decay.
 */
export async function learnNextSentences(options: {
  /** The folder of the BERT. */
  readonly from: string;
  readonly pairs: readonly SentencePair[];
  /** Not learnt from. */
  readonly heldOut: readonly SentencePair[];
  readonly maxTokens: number;
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
  const { from, pairs, heldOut, maxTokens, training, out, work, emit } = options;
  const at = (name: string) => join(work, name);
  await mkdir(work, { recursive: true });
  await writeFile(at('pairs.csv'), csvOf(pairs));
  await writeFile(at('held-out.csv'), csvOf(heldOut));
  const config = runFileSchema.parse({
    model: { family: 'huggingface', folder: from, task: 'classification', maxTokens, lengths: 1 },
    dataset: { format: 'csv', path: at('pairs.csv'), validationPath: at('held-out.csv') },
    training: {
      ...training,
      optimizer: { name: 'adamw' },
      schedule: { name: 'linear', warmUpRatio: 0.1 },
      weightDecay: 0.01,
      clipNorm: 1,
    },
    balance: 'off',
    output: { folder: work, name: 'next-sentences' },
  });
  const trained = await train(config, emit);
  const draft = `${out}.tmp`;
  await cp(at('next-sentences/model'), draft, { recursive: true, filter: (path) => !path.endsWith('README.md') });
  await removeHead(draft);
  await rename(draft, out);
  await rm(work, { recursive: true });
  return trained;
}

/** Makes a classifier's folder one of the model below it: another classifier's head is not to begin from this one's. */
async function removeHead(folder: string): Promise<void> {
  const weights = join(folder, 'model.safetensors');
  const tensors = await (await openSafetensors(await fileSource(weights))).readAll();
  const kept = [...tensors].filter(([name]) => !name.startsWith('classifier.'));
  await writeFile(weights, encodeSafetensors(new Map(kept), { format: 'pt' }));
  const file = join(folder, 'config.json');
  const { id2label: _, label2id: __, ...config } = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, `${JSON.stringify({ ...config, architectures: ['BertModel'] }, null, 2)}\n`);
}
