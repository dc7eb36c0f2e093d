import { z } from 'zod';

/** Settings that Adam and AdamW share. */
export const adamSettings = {
  beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the average of the gradient.'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the average of the squared gradient.'),
  epsilon: z.number().positive().default(1e-8).describe('Added to the square root of the second moment.'),
  complexMoments: z
    .enum(['shared', 'separate'])
    .default('shared')
    .describe(
      'Second moment of a complex parameter: |g|^2 for real and imaginary part together, or one for each of them (as in torch.optim).',
    ),
};
