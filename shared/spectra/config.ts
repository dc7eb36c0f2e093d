import { z } from 'zod';
import { fitSchema } from './fits/registry.ts';

/** The ways to take matrices out of a Conv1d weight. */
export const conv1dReadings = ['rows', 'taps'] as const;
export type Conv1dReading = (typeof conv1dReadings)[number];

/** How spectra are taken and fitted; a part of the run file's `balance` section. */
export const spectraConfigSchema = z.strictObject({
  fit: fitSchema
    .prefault({ method: 'median' })
    .describe('Where the power-law tail of a spectrum starts. The published methods use `median`.'),
  filterZeros: z
    .boolean()
    .default(true)
    .describe(
      'Whether eigenvalues that are nearly zero (at most 1e-5, or rounding noise) are left out before the fit.',
    ),
  spectralWeights: z
    .boolean()
    .default(false)
    .describe(
      'Whether the complex spectral weights of neural operators are analysed, too. The published code never does this.',
    ),
  conv1d: z
    .enum(conv1dReadings)
    .default('rows')
    .describe(
      "How the weight [out, in, k] of a Conv1d becomes matrices. rows: out matrices of in x k, as published. taps: k matrices of out x in times sqrt(0.5), as for a Conv2d. Alphas of the two can't be compared.",
    ),
  farms: z
    .strictObject({
      side: z
        .int()
        .min(2)
        .default(100)
        .describe('Side of a window, or the shorter side of the matrix if that is less.'),
      perSide: z
        .int()
        .min(2)
        .default(9)
        .describe('Number of windows along each side of a matrix, as far as there is room.'),
      placement: z
        .enum(['even', 'random'])
        .default('even')
        .describe(
          'Places of the windows. even: spread from end to end, as published. random: the same number, at places drawn from the seed.',
        ),
      seed: z.int().default(0).describe('Seed of the places of windows. They are the same at every analysis.'),
    })
    .optional()
    .describe(
      'Also measures alpha by FARMS: on square sub-matrices (windows), so that it hardly depends on the shape of a layer. It costs a spectrum for each window. Absent: not measured.',
    ),
});

export type SpectraConfig = z.output<typeof spectraConfigSchema>;
