import { z } from 'zod';
import type { NamedTensors } from '../../engines/engine.ts';
import type { OptimizerFamily } from '../optimizer.ts';
import { adamDirection, biasCorrections, zeroMoments } from './adam-moments.ts';
import { adamSettings } from './adam-settings.ts';
import { isWeight, lengthOf, trustRatio } from './trust-ratio.ts';

const configSchema = z.strictObject({
  name: z
    .literal('lamb')
    .describe(
      "LAMB: Adam's step with decoupled weight decay. Its length is the rate times the norm of the tensor's weights.",
    ),
  ...adamSettings,
  epsilon: adamSettings.epsilon.unwrap().default(1e-6).describe('Added to the square root of the second moment.'),
  adaptVectors: z
    .boolean()
    .default(false)
    .describe(
      'Whether the steps of biases and norms are in proportion to their norm too. false: they are those of AdamW.',
    ),
});

/**
 * Adam whose step on a tensor is scaled to the length of its weights: u = m_hat / (sqrt(v_hat) + epsilon) + decay * w, w -= rate * |w| / |u| * u,
 * the ratio 1 where |w| or |u| is 0. With bias correction, without bounds on |w| (phi is the identity) and without clipping of the gradient.
 * Source: Algorithm 2 of You et al., Large Batch Optimization for Deep Learning (ICLR 2020), arXiv 1904.00962.
 */
export const lamb = {
  name: 'lamb',
  configSchema,
  movesByRate: () => false,
  build: (config) => ({
    elementwise: false,
    init: (parameters) => zeroMoments(parameters, config),
    update(tf, specs, parameters, gradients, state, scalars) {
      const corrections = biasCorrections(tf, config, scalars.step);
      const updated: Record<string, NamedTensors[string]> = {};
      const moments: Record<string, NamedTensors[string]> = {};
      for (const spec of specs) {
        const { name } = spec;
        const parameter = parameters[name]!;
        const result = adamDirection(tf, spec, config, gradients[name]!, state, corrections);
        Object.assign(moments, result.state);
        const adaptive = tf.mul(result.direction, result.factor);
        const step = spec.decay ? tf.add(adaptive, tf.mul(parameter, scalars.weightDecays[name]!)) : adaptive;
        let rate = scalars.learningRates[name]!;
        if (config.adaptVectors || isWeight(spec)) {
          const [weights, length] = [lengthOf(tf, parameter), lengthOf(tf, step)];
          rate = tf.mul(rate, trustRatio(tf, tf.div(weights, length), { weights, step: length, otherwise: 1 }));
        }
        updated[name] = tf.sub(parameter, tf.mul(step, rate));
      }
      return { parameters: updated, state: moments };
    },
  }),
} satisfies OptimizerFamily<z.infer<typeof configSchema>>;
