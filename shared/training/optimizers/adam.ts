import { z } from 'zod';
import type { NamedTensors } from '../../engines/engine.ts';
import type { OptimizerFamily } from '../optimizer.ts';
import { adamDirection, biasCorrections, zeroMoments } from './adam-moments.ts';
import { adamSettings } from './adam-settings.ts';

const configSchema = z.strictObject({
  name: z.literal('adam').describe('Adam. Weight decay is added to the gradient (L2).'),
  ...adamSettings,
});

/** Adam with L2 weight decay: the decay term goes through the moments. Source: Kingma and Ba (ICLR 2015). */
export const adam = {
  name: 'adam',
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
        const decayed = spec.decay
          ? tf.add(gradients[spec.name]!, tf.mul(parameter, scalars.weightDecays[spec.name]!))
          : gradients[spec.name]!;
        const result = adamDirection(tf, spec, config, decayed, state, corrections);
        Object.assign(moments, result.state);
        updated[spec.name] = tf.sub(
          parameter,
          tf.mul(result.direction, tf.mul(result.factor, scalars.learningRates[spec.name]!)),
        );
      }
      return { parameters: updated, state: moments };
    },
  }),
} satisfies OptimizerFamily<z.infer<typeof configSchema>>;
