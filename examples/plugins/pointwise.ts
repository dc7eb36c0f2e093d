/** A model family: a network of two dense layers at each point by itself, which knows nothing of its neighbours. */
import type { Layer, ModelFamily, ParameterSpec, Plugin, PluginKit } from 'tempbalance';

interface PointwiseConfig {
  readonly family: 'pointwise';
  readonly width: number;
}

const pytorch = `
class Model(FieldModel):
    """Two dense layers at each point."""

    def __init__(self, config):
        super().__init__(config)
        self.lift = nn.Linear(self.inputs, config["width"])
        self.project = nn.Linear(config["width"], self.channels)

    def compute(self, given):
        return self.project(torch.tanh(self.lift(given)))
`;

export default ({ z, modelSettings, inputsOf, elementCount, dense }: PluginKit): Plugin => {
  const pointwise: ModelFamily<PointwiseConfig> = {
    name: 'pointwise',
    takes: 'trajectories',
    pytorch,
    anyResolution: true,
    configSchema: z.strictObject({
      family: z.literal('pointwise').describe('Two dense layers at each point.'),
      ...modelSettings,
      width: z.int().positive().default(32).describe('Width between them.'),
    }),
    build({ width }, format) {
      const sizes = { lift: [width, inputsOf(format)], project: [format.channels, width] } as const;
      const names = ['lift', 'project'] as const;
      const parameters = names.flatMap((layer): ParameterSpec[] => [
        { name: `${layer}.weight`, shape: sizes[layer], decay: true, layer },
        { name: `${layer}.bias`, shape: [sizes[layer][0]], decay: false, layer },
      ]);
      const points = elementCount(format.space);
      return {
        parameters,
        layers: names.map((name): Layer => ({ name, kind: 'linear', weights: [`${name}.weight`] })),
        head: ['lift', 'project'],
        ignoresGrid: true,
        forwardFlops: 2 * points * width * (inputsOf(format) + format.channels),
        activations: points * (inputsOf(format) + width),
        initialise: (random) =>
          new Map(
            parameters.map(({ name, shape }) => {
              const scale = shape.length === 2 ? 1 / Math.sqrt(shape[1]!) : 0;
              const draw = () => scale * random.normal();
              return [name, { shape, data: Float32Array.from({ length: elementCount(shape) }, draw) }];
            }),
          ),
        forward(tf, values) {
          const [lift, project] = [dense(tf, values, 'lift'), dense(tf, values, 'project')];
          return (given) => {
            const rows = tf.reshape(given, [-1, inputsOf(format)]);
            return tf.reshape(project(tf.tanh(lift(rows))), [given.shape[0]!, ...format.space, format.channels]);
          };
        },
      };
    },
  };
  return { models: [pointwise] };
};
