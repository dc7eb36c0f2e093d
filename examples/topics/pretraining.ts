/** What the example's BERT is made from. */
import type { BertSize } from '../pretrain-bert.ts';
import { generateTexts } from './corpus.ts';

const seed = 1;
const counts = { 'pre-training': 3000, 'held out': 300 } as const;

/** Its size, and the seed of its weights. */
export const bert: { readonly size: BertSize; readonly seed: number } = {
  size: { blocks: 4, hiddenSize: 96, heads: 4, vocabularySize: 600, maxTokens: 64 },
  seed,
};

/** Texts without labels. */
export const pretrainingTexts = (purpose: keyof typeof counts): string[] =>
  generateTexts({ count: counts[purpose], sentences: 4, seed, purpose }).map(({ text }) => text);
