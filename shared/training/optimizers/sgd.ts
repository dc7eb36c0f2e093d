import { z } from 'zod';
import type { NamedTensors } from '../../engines/engine.ts';
import type { OptimizerFamily } from '../optimizer.ts';
import { velocityOf, zeroVelocities } from './velocity.ts';

const configSchema = z.strictObject({
  name: z.literal('sgd').describe('Gradient descent with momentum. Weight decay is added to the gradient (L2).'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('Share of the last velocity that is kept.'),
});

/** Gradient descent with momentum: v = momentum * v + g, p -= rate * v. */
export const sgd = {
  name: 'sgd',
  configSchema,
  movesByRate: () => false,
  build: ({ momentum }) => ({
    elementwise: true,
    init: zeroVelocities,
    update(tf, specs, parameters, gradients, state, scalars) {
      const updated: Record<string, NamedTensors[string]> = {};
      const velocities: Record<string, NamedTensors[string]> = {};
      for (const { name, decay } of specs) {
        const parameter = parameters[name]!;
        const gradient = decay
          ? tf.add(gradients[name]!, tf.mul(parameter, scalars.weightDecays[name]!))
          : gradients[name]!;
        const velocity = tf.add(tf.mul(state[velocityOf(name)]!, momentum), gradient);
        velocities[velocityOf(name)] = velocity;
        updated[name] = tf.sub(parameter, tf.mul(velocity, scalars.learningRates[name]!));
      }
      return { parameters: updated, state: velocities };
    },
  }),
} satisfies OptimizerFamily<z.infer<typeof configSchema>>;
