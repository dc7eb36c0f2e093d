import { z } from 'zod';
import type { ModelFamily } from './model.ts';
import { unetPytorch } from './pytorch/unet.ts';
import { buildUnet, unetSettings } from './unet.ts';

const configSchema = z.strictObject({
  family: z.literal('unet1d').describe('U-Net for fields on a line, as in PDEBench.'),
  ...unetSettings,
});

/** U-Net in 1 space dimension. */
export const unet1d = {
  name: 'unet1d',
  configSchema,
  takes: 'trajectories',
  pytorch: unetPytorch,
  build: (config, format) => buildUnet('unet1d', 1, config, format),
} satisfies ModelFamily<z.infer<typeof configSchema>>;
