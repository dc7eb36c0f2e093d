/** Tokens to be guessed, for masked language models (Devlin et al., BERT, NAACL 2019). */
import { UserError } from '../../core/errors.ts';
import { randomFor } from '../../core/random.ts';
import type { TokenBatch } from './buckets.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Of each text: the share of tokens to be guessed, and of those the share hidden and the share replaced by another. */
const shares = { chosen: 0.15, hidden: 0.8, replaced: 0.1 } as const;

/** A batch with tokens hidden. */
export interface MaskedBatch extends TokenBatch {
  /** Ids before masking. */
  readonly targets: Int32Array;
  /** 1 for tokens to be guessed, else 0. */
  readonly chosen: Int32Array;
}

/**
 * Chooses 15 % of a batch's tokens, at least one of each row: 80 % of them become the mask token, 10 % another token, the rest
 * stay. Special tokens are never chosen. What is chosen depends on the arguments alone.
 * @param rows of the batch in the data: each has masks of its own.
 * @throws UserError when the tokenizer has no mask token.
 */
export function maskTokens(
  batch: TokenBatch,
  rows: readonly number[],
  tokenizer: Pick<TextTokenizer, 'special' | 'specialIds' | 'vocabularySize'>,
  moment: { readonly seed: number; readonly epoch: number; readonly step: number },
): MaskedBatch {
  const { special, specialIds, vocabularySize } = tokenizer;
  const maskId = special.mask;
  if (maskId === undefined) {
    throw new UserError('the tokenizer has no mask token', {
      where: 'tokenizer_config.json',
      remedy: 'Set `mask_token` in it, or use the tokenizer of a masked language model.',
    });
  }
  const ids = batch.ids.slice();
  const chosen = new Int32Array(ids.length);
  const length = batch.shape[1];
  for (const [place, row] of rows.entries()) {
    const random = randomFor(moment.seed, 'mask', moment.epoch, moment.step, row);
    const candidates = Array.from({ length }, (_, column) => place * length + column).filter(
      (at) => batch.mask[at] === 1 && !specialIds.has(ids[at]!),
    );
    if (candidates.length === 0) continue;
    const drawn = candidates.filter(() => random.uniform() < shares.chosen);
    for (const at of drawn.length > 0 ? drawn : [candidates[random.integer(candidates.length)]!]) {
      chosen[at] = 1;
      const fate = random.uniform();
      if (fate < shares.hidden) ids[at] = maskId;
      else if (fate < shares.hidden + shares.replaced) {
        do ids[at] = random.integer(vocabularySize);
        while (specialIds.has(ids[at]!));
      }
    }
  }
  return { ...batch, ids, targets: batch.ids, chosen };
}
