import { z } from 'zod';
import type { NamedTensors } from '../../engines/engine.ts';
import type { OptimizerFamily } from '../optimizer.ts';
import { adamDirection, biasCorrections, zeroMoments } from './adam-moments.ts';
import { adamSettings } from './adam-settings.ts';

const configSchema = z.strictObject({
  name: z.literal('adamw').describe('AdamW. Weight decay shrinks the weights directly (decoupled).'),
  ...adamSettings,
});

/** Adam with decoupled weight decay, p *= 1 - rate * decay before the step. Source: Loshchilov and Hutter (ICLR 2019). */
export const adamw = {
  name: 'adamw',
  configSchema,
  movesByRate: () => true,
  build: (config) => ({
    elementwise: true,
    init: (parameters) => zeroMoments(parameters, config),
    update(tf, specs, parameters, gradients, state, scalars) {
      const corrections = biasCorrections(tf, config, scalars.step);
      const updated: Record<string, NamedTensors[string]> = {};
      const moments: Record<string, NamedTensors[string]> = {};
      for (const spec of specs) {
        const parameter = parameters[spec.name]!;
        const rate = scalars.learningRates[spec.name]!;
        const shrunk = spec.decay
          ? tf.mul(parameter, tf.sub(1, tf.mul(rate, scalars.weightDecays[spec.name]!)))
          : parameter;
        const result = adamDirection(tf, spec, config, gradients[spec.name]!, state, corrections);
        Object.assign(moments, result.state);
        updated[spec.name] = tf.sub(shrunk, tf.mul(result.direction, tf.mul(result.factor, rate)));
      }
      return { parameters: updated, state: moments };
    },
  }),
} satisfies OptimizerFamily<z.infer<typeof configSchema>>;
