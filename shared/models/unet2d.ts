import { z } from 'zod';
import type { ModelFamily } from './model.ts';
import { unetPytorch } from './pytorch/unet.ts';
import { buildUnet, unetSettings } from './unet.ts';

const configSchema = z.strictObject({
  family: z.literal('unet2d').describe('U-Net for fields on a plane, as in PDEBench.'),
  ...unetSettings,
});

/** U-Net in 2 space dimensions. */
export const unet2d = {
  name: 'unet2d',
  configSchema,
  takes: 'trajectories',
  pytorch: unetPytorch,
  build: (config, format) => buildUnet('unet2d', 2, config, format),
} satisfies ModelFamily<z.infer<typeof configSchema>>;
