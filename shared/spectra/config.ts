import { z } from 'zod';
import { fitSchema } from './fits/registry.ts';

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
});

export type SpectraConfig = z.output<typeof spectraConfigSchema>;
