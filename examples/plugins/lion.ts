/** An optimizer: Lion (Chen et al., 2023), whose steps are the signs of an interpolated momentum. */
import type { NamedTensors, OptimizerFamily, Plugin, PluginKit } from 'tempbalance';

interface LionConfig {
  readonly name: 'lion';
  readonly beta1: number;
  readonly beta2: number;
}

export default ({ z, zeros }: PluginKit): Plugin => {
  const share = z.number().min(0).lt(1);
  const slot = (name: string) => `momentum/${name}`;
  const lion: OptimizerFamily<LionConfig> = {
    name: 'lion',
    configSchema: z.strictObject({
      name: z.literal('lion').describe('Lion: the sign of an interpolated momentum, with decoupled weight decay.'),
      beta1: share.default(0.9).describe('How much of the momentum is in a step.'),
      beta2: share.default(0.99).describe('How much of the momentum is kept.'),
    }),
    movesByRate: () => true,
    rateScale: () => 0.1,
    build: ({ beta1, beta2 }) => ({
      elementwise: true,
      init: (parameters) => new Map(parameters.map(({ name, shape }) => [slot(name), zeros(shape)])),
      update(tf, specs, parameters, gradients, state, { learningRates, weightDecays }) {
        const updated: Record<string, NamedTensors[string]> = {};
        const momenta: Record<string, NamedTensors[string]> = {};
        for (const { name, decay } of specs) {
          const [parameter, gradient, momentum] = [parameters[name]!, gradients[name]!, state[slot(name)]!];
          const rate = learningRates[name]!;
          const direction = tf.sign(tf.add(tf.mul(momentum, beta1), tf.mul(gradient, 1 - beta1)));
          const kept = decay ? tf.mul(parameter, tf.sub(1, tf.mul(rate, weightDecays[name]!))) : parameter;
          updated[name] = tf.sub(kept, tf.mul(direction, rate));
          momenta[slot(name)] = tf.add(tf.mul(momentum, beta2), tf.mul(gradient, 1 - beta2));
        }
        return { parameters: updated, state: momenta };
      },
    }),
  };
  return { optimizers: [lion] };
};
