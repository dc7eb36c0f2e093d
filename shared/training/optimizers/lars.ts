import { z } from 'zod';
import type { NamedTensors, Tensor } from '../../engines/engine.ts';
import type { OptimizerFamily } from '../optimizer.ts';
import { isWeight, lengthOf, trustRatio } from './trust-ratio.ts';
import { velocityOf, zeroVelocities } from './velocity.ts';

const configSchema = z.strictObject({
  name: z
    .literal('lars')
    .describe(
      'LARS: momentum, with a rate for each tensor in proportion to the norm of its weights over the norm of its gradient. Biases and norms are not adapted.',
    ),
  momentum: z.number().min(0).lt(1).default(0.9).describe('Share of the last step that is kept.'),
  trustCoefficient: z
    .number()
    .positive()
    .default(1e-3)
    .describe('Length of a step at rate 1, relative to the norm of the tensor.'),
  vectorRate: z
    .number()
    .positive()
    .default(1e-3)
    .describe(
      'The rate of parameters that are not adapted, as a share of the rate: biases, norms, and weights that are all zero, such as B of a fresh adapter. Published implementations use 1. At rates that suit the other weights, this is too much for many models.',
    ),
});

/**
 * Layer-wise adaptive rates: v = momentum * v + rate * ratio * (g + decay * w), w -= v, with ratio = coefficient * |w| / (|g| + decay * |w|),
 * and vectorRate for biases, norms, and where |w| or |g| is 0. The rate is in the velocity, as in Algorithm 1 of the paper, and not outside it as
 * in `sgd`. Source: You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks (2017), arXiv 1708.03888.
 */
export const lars = {
  name: 'lars',
  configSchema,
  movesByRate: () => false,
  // A step of a thousandth of the weights' length.
  rateScale: ({ trustCoefficient }) => 1 / trustCoefficient,
  build: ({ momentum, trustCoefficient, vectorRate }) => ({
    elementwise: false,
    init: zeroVelocities,
    update(tf, specs, parameters, gradients, state, scalars) {
      const updated: Record<string, NamedTensors[string]> = {};
      const velocities: Record<string, NamedTensors[string]> = {};
      for (const spec of specs) {
        const { name } = spec;
        const [parameter, gradient] = [parameters[name]!, gradients[name]!];
        const decay = scalars.weightDecays[name]!;
        let ratio: Tensor | number = vectorRate;
        if (isWeight(spec)) {
          const [weights, step] = [lengthOf(tf, parameter), lengthOf(tf, gradient)];
          const adapted = tf.div(tf.mul(weights, trustCoefficient), tf.add(step, tf.mul(weights, decay)));
          ratio = trustRatio(tf, adapted, { weights, step, otherwise: vectorRate });
        }
        const rate = tf.mul(scalars.learningRates[name]!, ratio);
        const decayed = spec.decay ? tf.add(gradient, tf.mul(parameter, decay)) : gradient;
        const velocity = tf.add(tf.mul(state[velocityOf(name)]!, momentum), tf.mul(decayed, rate));
        velocities[velocityOf(name)] = velocity;
        updated[name] = tf.sub(parameter, velocity);
      }
      return { parameters: updated, state: velocities };
    },
  }),
} satisfies OptimizerFamily<z.infer<typeof configSchema>>;
