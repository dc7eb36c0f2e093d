import { z } from 'zod';
import { byAxis } from './by-axis.ts';
import { buildFno, fnoSettings } from './fno.ts';
import type { ModelFamily } from './model.ts';
import { fnoPytorch } from './pytorch/fno.ts';

const configSchema = z.strictObject({
  family: z.literal('fno3d').describe('Fourier neural operator for fields in space.'),
  ...fnoSettings,
  padding: byAxis(z.int().nonnegative())
    .default([0, 0, 6])
    .describe(
      'Zeros appended to each space axis: one number, or a list with one for each axis. PDEBench pads only the last axis.',
    ),
});

/** Fourier neural operator in 3 space dimensions. */
export const fno3d = {
  name: 'fno3d',
  configSchema,
  takes: 'trajectories',
  pytorch: fnoPytorch,
  anyResolution: true,
  build: (config, format) => buildFno('fno3d', 3, config, format),
} satisfies ModelFamily<z.infer<typeof configSchema>>;
