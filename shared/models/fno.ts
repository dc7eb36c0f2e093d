/** Fourier neural operators of any dimension: blocks here, families with their sizes in `fno1d.ts` and `fno2d.ts`. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, LayerKind, ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import { bindFourier, planFourier, spectralConvolution } from './blocks/fourier.ts';
import { gelu } from './blocks/gelu.ts';
import { linear, linearNamed } from './blocks/linear.ts';
import { type FieldModel, inputsOf, modelSettings, type TrajectoryFormat } from './model.ts';
import { neuralOperatorNames } from './neuraloperator.ts';

/** The settings that every FNO has. */
export const fnoSettings = {
  ...modelSettings,
  modes: z.int().positive().default(12).describe('Kept Fourier modes along each space axis.'),
  width: z.int().positive().default(20).describe('Channels of the hidden layers.'),
  padding: z
    .int()
    .nonnegative()
    .default(2)
    .describe('Zeros appended to each space axis, for fields that are not periodic.'),
  projection: z.int().positive().default(128).describe('Width of the dense layer before the output.'),
};

export interface FnoConfig {
  readonly modes: number;
  readonly width: number;
  readonly padding: number;
  readonly projection: number;
}

const blockNumbers = [0, 1, 2, 3] as const;

/** Names of a spectral convolution's weights: one for each corner of kept frequencies. */
function spectralNames(block: number, dimensions: number): string[] {
  return Array.from({ length: 2 ** (dimensions - 1) }, (_, corner) => `conv${block}.weights${corner + 1}`);
}

function layersOf(dimensions: number): Layer[] {
  const pointwise: LayerKind = dimensions === 1 ? 'conv1d' : 'conv2d';
  const dense = (name: string): Layer => ({ name, kind: 'linear', weights: [`${name}.weight`] });
  return [
    dense('fc0'),
    ...blockNumbers.flatMap((block): Layer[] => [
      { name: `conv${block}`, kind: 'spectralConv', weights: spectralNames(block, dimensions) },
      { name: `w${block}`, kind: pointwise, weights: [`w${block}.weight`] },
    ]),
    dense('fc1'),
    dense('fc2'),
  ];
}

function parametersOf(config: FnoConfig, format: TrajectoryFormat): ParameterSpec[] {
  const { modes, width, projection } = config;
  const dimensions = format.space.length;
  const axes = <T>(value: T) => Array.from({ length: dimensions }, () => value);
  const affine = (layer: string, outputs: number, inputs: readonly number[]): ParameterSpec[] => [
    { name: `${layer}.weight`, shape: [outputs, ...inputs], decay: true, layer },
    { name: `${layer}.bias`, shape: [outputs], decay: true, layer },
  ];
  return [
    ...affine('fc0', width, [inputsOf(format) + dimensions]),
    ...blockNumbers.flatMap((block): ParameterSpec[] => [
      ...spectralNames(block, dimensions).map((name) => ({
        name,
        shape: [width, width, ...axes(modes), 2],
        complex: true,
        decay: true,
        layer: `conv${block}`,
      })),
      ...affine(`w${block}`, width, [width, ...axes(1)]),
    ]),
    ...affine('fc1', projection, [width]),
    ...affine('fc2', format.channels, [projection]),
  ];
}

/**
 * Dense and pointwise layers: uniform in +-1/sqrt(inputs), as PyTorch does (Kaiming uniform with a = sqrt 5).
 * Spectral weights: uniform in [0, 1) / (in * out), as the FNO's authors do.
 */
function initialValues(specs: readonly ParameterSpec[], uniform: () => number): Map<string, HostTensor> {
  const inputsOf = (layer: string | undefined) =>
    elementCount(specs.find(({ name }) => name === `${layer}.weight`)!.shape.slice(1));
  return new Map(
    specs.map(({ name, shape, complex, layer }) => {
      const draw = complex
        ? () => uniform() / (shape[0]! * shape[1]!)
        : (
            (bound: number) => () =>
              (2 * uniform() - 1) * bound
          )(1 / Math.sqrt(inputsOf(layer)));
      return [name, { shape, data: Float32Array.from({ length: elementCount(shape) }, draw) }];
    }),
  );
}

/** Appends `count` zeros to an axis; the gradient drops them. */
function appendZeros(tf: TensorLibrary, x: Tensor, axis: number, count: number): Tensor {
  if (count === 0) return x;
  const zeros = tf.zeros(x.shape.map((size, index) => (index === axis ? count : size)));
  return tf.concat([x, zeros], axis);
}

function checkFit(name: string, config: FnoConfig, space: readonly number[]): void {
  for (const [axis, points] of space.entries()) {
    const padded = points + config.padding;
    const most = axis === space.length - 1 ? Math.floor(padded / 2) + 1 : Math.floor(padded / 2);
    if (config.modes > most) {
      throw new UserError(
        `${config.modes} modes, but an axis of ${points} + ${config.padding} points has only ${most}`,
        {
          where: `model ${name}, space axis ${axis + 1}`,
          remedy: `Set model.modes to ${most} or fewer, or sub-sample the data less.`,
        },
      );
    }
  }
}

/**
 * An FNO as in PDEBench: lift (fc0), four blocks of spectral convolution plus pointwise convolution, GELU between
 * them, crop, and two dense layers (fc1, GELU, fc2).
 * @throws UserError when the data has another number of axes or too few points for the modes.
 */
export function buildFno(name: string, dimensions: number, config: FnoConfig, format: TrajectoryFormat): FieldModel {
  const { space, channels } = format;
  const inputs = inputsOf(format);
  if (space.length !== dimensions) {
    throw new UserError(
      `needs data with ${dimensions} space ${dimensions === 1 ? 'axis' : 'axes'}, not ${space.length}`,
      {
        where: `model ${name}`,
        remedy: `Set model.family to fno${space.length}d, or choose another dataset.`,
      },
    );
  }
  checkFit(name, config, space);
  const padded = space.map((points) => points + config.padding);
  const plan = planFourier(
    padded,
    padded.map(() => config.modes),
  );
  const parameters = parametersOf(config, format);
  const spaceAxes = space.map((_, axis) => axis);
  const points = elementCount(space);

  const forward = (tf: TensorLibrary, values: NamedTensors, grid: Tensor) => {
    const fourier = bindFourier(tf, plan);
    const lift = values['fc0.weight']!;
    const onGiven = linear(tf, tf.slice(lift, [0, 0], [-1, inputs]), values['fc0.bias']!);
    const onGrid = tf.matMul(tf.reshape(grid, [-1, dimensions]), tf.transpose(tf.slice(lift, [0, inputs], [-1, -1])));
    const gridPart = tf.reshape(onGrid, [...space, 1, config.width]);
    const blocks = blockNumbers.map((block) => ({
      spectral: spectralConvolution(
        tf,
        fourier,
        spectralNames(block, dimensions).map((weights) => values[weights]!),
      ),
      pointwise: linearNamed(tf, values, `w${block}`),
    }));
    const fc1 = linearNamed(tf, values, 'fc1');
    const fc2 = linearNamed(tf, values, 'fc2');

    return (given: Tensor): Tensor => {
      const batch = given.shape[0]!;
      const flat = tf.reshape(given, [batch, points, inputs]);
      const spaceFirst = tf.reshape(tf.transpose(flat, [1, 0, 2]), [-1, inputs]);
      const lifted = tf.reshape(onGiven(spaceFirst), [...space, batch, config.width]);
      let hidden: Tensor = tf.add(lifted, gridPart);
      for (const axis of spaceAxes) hidden = appendZeros(tf, hidden, axis, config.padding);
      for (const [block, { spectral, pointwise }] of blocks.entries()) {
        const mixed = tf.reshape(pointwise(tf.reshape(hidden, [-1, config.width])), hidden.shape);
        const sum = tf.add(spectral(hidden), mixed);
        hidden = block < blocks.length - 1 ? gelu(tf, sum) : sum;
      }
      const cropped =
        config.padding === 0
          ? hidden
          : tf.slice(
              hidden,
              hidden.shape.map(() => 0),
              [...space, batch, config.width],
            );
      const out = fc2(gelu(tf, fc1(tf.reshape(cropped, [-1, config.width]))));
      return tf.reshape(tf.transpose(tf.reshape(out, [points, batch, channels]), [1, 0, 2]), [
        batch,
        ...space,
        channels,
      ]);
    };
  };

  return {
    parameters,
    layers: layersOf(dimensions),
    head: ['fc0', 'fc2'],
    otherNames: [neuralOperatorNames],
    initialise: (random) => initialValues(parameters, () => random.uniform()),
    forward,
  };
}
