import { expect, it } from 'vitest';
import { textsTogether } from '../../../shared/training/workloads/evaluate-texts.ts';

it('evaluates short texts in large batches of about the same size, where labels are predicted', () => {
  const classifier = { task: 'classification' } as const;
  expect(textsTogether(classifier, 8, { texts: 240, longest: 32 })).toBe(60);
  expect(textsTogether(classifier, 8, { texts: 41, longest: 64 })).toBe(21);
  expect(textsTogether({ task: 'token-classification' }, 8, { texts: 5, longest: 8 })).toBe(5);
});

it('evaluates as many texts together as are trained on, where they are long, or a loss is the mean of a batch', () => {
  expect(textsTogether({ task: 'classification' }, 8, { texts: 240, longest: 512 })).toBe(8);
  expect(textsTogether({ task: 'classification' }, 128, { texts: 240, longest: 32 })).toBe(128);
  expect(textsTogether({ task: 'causal-lm' }, 8, { texts: 240, longest: 32 })).toBe(8);
});
