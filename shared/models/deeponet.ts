/**
 * DeepONet: a branch net of what is given at all points, a trunk net of the coordinates, and the sum of their products. Several outputs split
 * the branch net's last layer and share the trunk.
 * Source: Lu et al., Learning nonlinear operators via DeepONet (Nature Machine Intelligence 2021); names and details as in DeepXDE's
 * `DeepONetCartesianProd` with `split_branch`.
 */
import { z } from 'zod';
import type { Random } from '../core/random.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import { activations } from './blocks/activations.ts';
import { linearNamed } from './blocks/linear.ts';
import { type FieldModel, inputsOf, type ModelFamily, modelSettings, type TrajectoryFormat } from './model.ts';
import { deepOnetPytorch } from './pytorch/deeponet.ts';

const configSchema = z.strictObject({
  family: z
    .literal('deeponet')
    .describe('DeepONet, for fields on any number of axes. All samples must have the same grid points.'),
  ...modelSettings,
  width: z.int().positive().default(128).describe('Width of the hidden layers of both nets.'),
  depth: z.int().positive().default(3).describe('Number of hidden layers of each net.'),
  basis: z
    .int()
    .positive()
    .default(64)
    .describe('Number of basis functions of the coordinates. A field is their weighted sum.'),
  activation: z
    .enum(['relu', 'tanh', 'gelu'])
    .default('gelu')
    .describe('Activation after every hidden layer, and after the trunk net.'),
});

type DeepOnetConfig = z.infer<typeof configSchema>;

const nets = ['branch', 'trunk'] as const;

/** Sizes of what each net is given, of its layers, and of what it gives. */
function sidesOf(
  { width, depth, basis }: DeepOnetConfig,
  format: TrajectoryFormat,
): Record<(typeof nets)[number], number[]> {
  const hidden = Array.from({ length: depth }, () => width);
  return {
    branch: [elementCount(format.space) * inputsOf(format), ...hidden, basis * format.channels],
    trunk: [format.space.length, ...hidden, basis],
  };
}

const layerName = (net: string, number: number) => `${net}.linears.${number}`;

function parametersOf(sides: ReturnType<typeof sidesOf>, channels: number): ParameterSpec[] {
  const last = layerName('branch', sides.branch.length - 2);
  return [
    ...nets.flatMap((net) =>
      sides[net].slice(1).flatMap((outputs, number): ParameterSpec[] => {
        const layer = layerName(net, number);
        return [
          { name: `${layer}.weight`, shape: [outputs, sides[net][number]!], decay: true, layer },
          { name: `${layer}.bias`, shape: [outputs], decay: true, layer },
        ];
      }),
    ),
    ...Array.from({ length: channels }, (_, channel) => ({
      name: `b.${channel}`,
      shape: [],
      decay: true,
      layer: last,
    })),
  ];
}

/** Weights normal, of variance 2 / (inputs + outputs) (Glorot), biases zero, as DeepXDE draws them. */
function initialValues(specs: readonly ParameterSpec[], random: Random): Map<string, HostTensor> {
  return new Map(
    specs.map(({ name, shape }) => {
      const deviation = shape.length === 2 ? Math.sqrt(2 / (shape[0]! + shape[1]!)) : 0;
      const draw = () => (deviation === 0 ? 0 : deviation * random.normal());
      return [name, { shape, data: Float32Array.from({ length: elementCount(shape) }, draw) }];
    }),
  );
}

function buildDeepOnet(config: DeepOnetConfig, format: TrajectoryFormat): FieldModel {
  const { space, channels } = format;
  const { basis, depth } = config;
  const activate = activations[config.activation];
  const sides = sidesOf(config, format);
  const parameters = parametersOf(sides, channels);
  const layers = nets.flatMap((net) =>
    sides[net].slice(1).map((_, number): Layer => {
      const name = layerName(net, number);
      return { name, kind: 'linear', weights: [`${name}.weight`] };
    }),
  );
  const points = elementCount(space);

  const forward = (tf: TensorLibrary, values: NamedTensors, grid: Tensor) => {
    const bindNet = (net: string) => {
      const dense = Array.from({ length: depth + 1 }, (_, number) => linearNamed(tf, values, layerName(net, number)));
      return (x: Tensor) =>
        dense.reduce((hidden, layer, number) => (number < depth ? activate(tf, layer(hidden)) : layer(hidden)), x);
    };
    const functions = activate(tf, bindNet('trunk')(tf.reshape(grid, [points, space.length])));
    const toPoints = tf.transpose(functions);
    const branch = bindNet('branch');
    const biases = tf.reshape(
      tf.concat(Array.from({ length: channels }, (_, channel) => tf.reshape(values[`b.${channel}`]!, [1]))),
      [1, channels, 1],
    );

    return (given: Tensor): Tensor => {
      const batch = given.shape[0]!;
      const coefficients = tf.reshape(branch(tf.reshape(given, [batch, -1])), [batch * channels, basis]);
      const fields = tf.add(tf.reshape(tf.matMul(coefficients, toPoints), [batch, channels, points]), biases);
      return tf.reshape(tf.transpose(fields, [0, 2, 1]), [batch, ...space, channels]);
    };
  };

  const products = (net: (typeof nets)[number]) =>
    sides[net].slice(1).reduce((sum, outputs, number) => sum + outputs * sides[net][number]!, 0);
  // A GELU keeps three numbers for each it is given, the other activations one.
  const kept = config.activation === 'gelu' ? 3 : 1;
  return {
    parameters,
    layers,
    head: [layerName('branch', 0), layerName('branch', depth)],
    forwardFlops: 2 * (products('branch') + points * basis * channels),
    activations: sides.branch[0]! + kept * depth * config.width + channels * basis,
    once: { flops: 2 * points * products('trunk'), activations: points * kept * (depth * config.width + basis) },
    initialise: (random) => initialValues(parameters, random),
    forward,
  };
}

/** DeepONet in any number of space dimensions. */
export const deepOnet = {
  name: 'deeponet',
  configSchema,
  takes: 'trajectories',
  pytorch: deepOnetPytorch,
  build: buildDeepOnet,
} satisfies ModelFamily<DeepOnetConfig>;
