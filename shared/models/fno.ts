/** Fourier neural operators of any dimension: blocks here, families with their sizes in `fno1d.ts`, `fno2d.ts` and `fno3d.ts`. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, LayerKind, ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import {
  bindFourier,
  cornerFrequencies,
  planFourier,
  spectralConvolution,
  spectralFlops,
  spectrumSize,
} from './blocks/fourier.ts';
import { gelu } from './blocks/gelu.ts';
import { inPieces } from './blocks/in-pieces.ts';
import { linear, linearNamed } from './blocks/linear.ts';
import { alongAxes, axisName, type ByAxis, byAxis, settingOfAxis } from './by-axis.ts';
import { type FieldModel, inputsOf, modelSettings, type TrajectoryFormat } from './model.ts';
import { neuralOperatorNames } from './neuraloperator.ts';

/** The settings that every FNO has. */
export const fnoSettings = {
  ...modelSettings,
  modes: byAxis(z.int().positive())
    .default(12)
    .describe(
      'Fourier modes that are kept along each space axis: one number for all axes, or a list with one for each.',
    ),
  width: z.int().positive().default(20).describe('Channels of the hidden layers.'),
  blocks: z.int().positive().default(4).describe('Number of Fourier layers.'),
  padding: byAxis(z.int().nonnegative())
    .default(2)
    .describe(
      'Zeros appended to each space axis, for fields that are not periodic: one number, or a list with one for each axis.',
    ),
  projection: z.int().positive().default(128).describe('Width of the dense layer before the output.'),
};

export interface FnoConfig {
  readonly modes: ByAxis;
  readonly width: number;
  readonly blocks: number;
  readonly padding: ByAxis;
  readonly projection: number;
}

/** The sizes of an FNO for data with a number of space axes. */
interface FnoSizes extends FnoConfig {
  readonly modes: readonly number[];
  readonly padding: readonly number[];
}

const blockNumbers = ({ blocks }: FnoConfig): number[] => [...Array(blocks).keys()];

/** Names of a spectral convolution's weights: one for each corner of kept frequencies. */
function spectralNames(block: number, dimensions: number): string[] {
  return Array.from({ length: 2 ** (dimensions - 1) }, (_, corner) => `conv${block}.weights${corner + 1}`);
}

/** PDEBench's FNO3d has batch norms that its forward pass leaves out. */
const unusedNorms = [0, 1, 2, 3].flatMap((block) =>
  ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((part) => `bn${block}.${part}`),
);

const pointwiseKinds: readonly LayerKind[] = ['conv1d', 'conv2d', 'conv3d'];

function layersOf(config: FnoSizes): Layer[] {
  const dimensions = config.modes.length;
  const dense = (name: string): Layer => ({ name, kind: 'linear', weights: [`${name}.weight`] });
  return [
    dense('fc0'),
    ...blockNumbers(config).flatMap((block): Layer[] => [
      { name: `conv${block}`, kind: 'spectralConv', weights: spectralNames(block, dimensions) },
      { name: `w${block}`, kind: pointwiseKinds[dimensions - 1]!, weights: [`w${block}.weight`] },
    ]),
    dense('fc1'),
    dense('fc2'),
  ];
}

function parametersOf(config: FnoSizes, format: TrajectoryFormat): ParameterSpec[] {
  const { modes, width, projection } = config;
  const dimensions = modes.length;
  const affine = (layer: string, outputs: number, inputs: readonly number[]): ParameterSpec[] => [
    { name: `${layer}.weight`, shape: [outputs, ...inputs], decay: true, layer },
    { name: `${layer}.bias`, shape: [outputs], decay: true, layer },
  ];
  return [
    ...affine('fc0', width, [inputsOf(format) + dimensions]),
    ...blockNumbers(config).flatMap((block): ParameterSpec[] => [
      ...spectralNames(block, dimensions).map((name) => ({
        name,
        shape: [width, width, ...modes, 2],
        complex: true,
        decay: true,
        layer: `conv${block}`,
      })),
      ...affine(`w${block}`, width, [width, ...modes.map(() => 1)]),
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
  // A kernel, which takes no memory where a step is only recorded.
  const zeros = tf.fill(
    x.shape.map((size, index) => (index === axis ? count : size)),
    0,
  );
  return tf.concat([x, zeros], axis);
}

/**
 * The configuration's sizes for these data.
 * @throws UserError when the data have another number of axes, or too few points for the modes.
 */
function sizesFor(name: string, dimensions: number, config: FnoConfig, space: readonly number[]): FnoSizes {
  if (space.length !== dimensions) {
    throw new UserError(
      `needs data with ${dimensions} space ${dimensions === 1 ? 'axis' : 'axes'}, not ${space.length}`,
      {
        where: `model ${name}`,
        remedy:
          space.length <= pointwiseKinds.length
            ? `Set model.family to fno${space.length}d, or choose another dataset.`
            : 'Choose another dataset.',
      },
    );
  }
  const modes = alongAxes(config.modes, dimensions, { model: name, setting: 'model.modes' });
  const padding = alongAxes(config.padding, dimensions, { model: name, setting: 'model.padding' });
  for (const [axis, points] of space.entries()) {
    const half = Math.floor((points + padding[axis]!) / 2);
    const most = axis === space.length - 1 ? half + 1 : half;
    if (modes[axis]! > most) {
      throw new UserError(
        `${modes[axis]} modes, but an axis of ${points}${padding[axis] ? ` + ${padding[axis]}` : ''} points has only ${most}`,
        {
          where: `model ${name}, ${axisName(axis)}`,
          remedy: `Set ${settingOfAxis(config.modes, axis, 'model.modes')} to ${most} or fewer${
            dimensions > 1 && typeof config.modes === 'number' ? ' (a list sets them by axis)' : ''
          }, or sub-sample the data less.`,
        },
      );
    }
  }
  return { ...config, modes, padding };
}

/**
 * An FNO as in PDEBench: lift (fc0), blocks of spectral convolution plus pointwise convolution, GELU between
 * them, crop, and two dense layers (fc1, GELU, fc2).
 * @throws UserError when the data have another number of axes or too few points for the modes.
 */
export function buildFno(name: string, dimensions: number, config: FnoConfig, format: TrajectoryFormat): FieldModel {
  const { space, channels } = format;
  const inputs = inputsOf(format);
  const sizes = sizesFor(name, dimensions, config, space);
  const { padding, width } = sizes;
  const padded = space.map((points, axis) => points + padding[axis]!);
  const plan = planFourier(padded, cornerFrequencies(padded, sizes.modes));
  const parameters = parametersOf(sizes, format);
  const numbers = blockNumbers(sizes);
  const points = elementCount(space);

  const forward = (tf: TensorLibrary, values: NamedTensors, grid: Tensor) => {
    const fourier = bindFourier(tf, plan);
    const lift = values['fc0.weight']!;
    const onGiven = linear(tf, tf.slice(lift, [0, 0], [-1, inputs]), values['fc0.bias']!);
    const onGrid = tf.matMul(tf.reshape(grid, [-1, dimensions]), tf.transpose(tf.slice(lift, [0, inputs], [-1, -1])));
    const gridPart = tf.reshape(onGrid, [...space, 1, width]);
    const blocks = numbers.map((block) => ({
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
      const lifted = tf.reshape(onGiven(spaceFirst), [...space, batch, width]);
      let hidden: Tensor = tf.add(lifted, gridPart);
      for (const [axis, zeros] of padding.entries()) hidden = appendZeros(tf, hidden, axis, zeros);
      for (const [block, { spectral, pointwise }] of blocks.entries()) {
        const mixed = tf.reshape(pointwise(tf.reshape(hidden, [-1, width])), hidden.shape);
        const sum = tf.add(spectral(hidden), mixed);
        hidden = block < blocks.length - 1 ? gelu(tf, sum) : sum;
      }
      const cropped =
        elementCount(padded) === points
          ? hidden
          : tf.slice(
              hidden,
              hidden.shape.map(() => 0),
              [...space, batch, width],
            );
      const out = inPieces(tf, tf.reshape(cropped, [-1, width]), { points, width: sizes.projection }, (rows) =>
        fc2(gelu(tf, fc1(rows))),
      );
      return tf.reshape(tf.transpose(tf.reshape(out, [points, batch, channels]), [1, 0, 2]), [
        batch,
        ...space,
        channels,
      ]);
    };
  };

  return {
    parameters,
    layers: layersOf(sizes),
    head: ['fc0', 'fc2'],
    // Their mapping is held to numbers in one and two dimensions.
    otherNames: dimensions === 3 ? [] : [neuralOperatorNames],
    unused: dimensions === 3 ? unusedNorms : [],
    forwardFlops:
      2 * points * (inputs * width + width * config.projection + config.projection * channels) +
      config.blocks * (spectralFlops(plan, width, width) + 2 * elementCount(padded) * width ** 2),
    // Of each dense layer what it is given. A GELU keeps what it is given, the normal distribution there, and its result.
    activations:
      points * (inputs + width + 3 * config.projection) +
      config.blocks * (width * elementCount(padded) + spectrumSize(plan, width)) +
      (config.blocks - 1) * 2 * width * elementCount(padded),
    initialise: (random) => initialValues(parameters, () => random.uniform()),
    forward,
  };
}
