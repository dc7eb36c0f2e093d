import { z } from 'zod';
import { fitSchema } from './fits/registry.ts';

/** The ways to take matrices out of a Conv1d weight. */
export const conv1dReadings = ['rows', 'taps'] as const;
export type Conv1dReading = (typeof conv1dReadings)[number];

/** How spectra are taken and fitted; a part of the run file's `balance` section. */
export const spectraConfigSchema = z.strictObject({
  fit: fitSchema
    .prefault({ method: 'median' })
    .describe('Where the power-law tail of a spectrum starts; the published metric is the median.'),
  filterZeros: z
    .boolean()
    .default(true)
    .describe('Leave out eigenvalues that are as good as zero (at most 1e-5, or rounding noise) before fitting.'),
  spectralWeights: z
    .boolean()
    .default(false)
    .describe('Analyse the complex spectral weights of neural operators too; the published code never does.'),
  conv1d: z
    .enum(conv1dReadings)
    .default('rows')
    .describe(
      'How the weight [out, in, k] of a Conv1d becomes matrices: `rows`, as published, out matrices of in x k; `taps`, as of a Conv2d, k matrices of out x in times sqrt(0.5). Alphas by the one and by the other are not comparable.',
    ),
  farms: z
    .strictObject({
      side: z
        .int()
        .min(2)
        .default(100)
        .describe('Side of a window, or the shorter side of the matrix where that is less.'),
      perSide: z.int().min(2).default(9).describe('Windows along each side of a matrix, as far as there is room.'),
      placement: z
        .enum(['even', 'random'])
        .default('even')
        .describe('`even`, as published: spread from end to end; `random`: as many in places that the seed draws.'),
      seed: z.int().default(0).describe('Draws the places of windows; the same at every analysis.'),
    })
    .optional()
    .describe(
      'Measures alpha by FARMS too, which costs a spectrum for each window: from square sub-matrices, so that it hardly depends on the shape of a layer. Absent: not measured.',
    ),
});

export type SpectraConfig = z.output<typeof spectraConfigSchema>;
