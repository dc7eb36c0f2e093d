import { z } from 'zod';
import { buildFno, fnoSettings } from './fno.ts';
import type { ModelFamily } from './model.ts';
import { fnoPytorch } from './pytorch/fno.ts';

const configSchema = z.strictObject({
  family: z.literal('fno1d').describe('Fourier neural operator for fields on a line.'),
  ...fnoSettings,
});

/** Fourier neural operator in 1 space dimension. */
export const fno1d = {
  name: 'fno1d',
  configSchema,
  takes: 'trajectories',
  pytorch: fnoPytorch,
  anyResolution: true,
  build: (config, format) => buildFno('fno1d', 1, config, format),
} satisfies ModelFamily<z.infer<typeof configSchema>>;
