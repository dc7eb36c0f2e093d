import { expect, it } from 'vitest';
import { languageMetrics } from '../../../shared/training/metrics/language.ts';

it('takes the mean over tokens, not over batches', () => {
  const { loss, perplexity } = languageMetrics([
    { sum: 30, tokens: 10 },
    { sum: 2, tokens: 6 },
  ]);
  expect(loss).toBe(2);
  expect(perplexity).toBe(Math.exp(2));
});

it('has the perplexity of a uniform guess among as many tokens', () => {
  expect(languageMetrics([{ sum: 7 * Math.log(50), tokens: 7 }]).perplexity).toBeCloseTo(50, 12);
});

it('is NaN without tokens', () => {
  expect(languageMetrics([])).toEqual({ loss: Number.NaN, perplexity: Number.NaN });
});
