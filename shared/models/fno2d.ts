import { z } from 'zod';
import { buildFno, fnoSettings } from './fno.ts';
import type { ModelFamily } from './model.ts';
import { fnoPytorch } from './pytorch/fno.ts';

const configSchema = z.strictObject({
  family: z.literal('fno2d').describe('Fourier neural operator for fields on a plane.'),
  ...fnoSettings,
});

/** Fourier neural operator in 2 space dimensions. */
export const fno2d = {
  name: 'fno2d',
  configSchema,
  takes: 'trajectories',
  pytorch: fnoPytorch,
  anyResolution: true,
  build: (config, format) => buildFno('fno2d', 2, config, format),
} satisfies ModelFamily<z.infer<typeof configSchema>>;
