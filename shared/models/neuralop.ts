/**
 * The Fourier neural operator of the library neuraloperator, in any number of space dimensions, with its names of weights: lifting and
 * projection of two layers, and in each block a spectral convolution, a linear skip and a small network of channels with a gated skip.
 * Source: Kossaifi et al., Multi-Grid Tensorized Fourier Neural Operator (TMLR 2024), and neuraloperator's `FNO` with its defaults.
 */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import { tuckerRanks } from '../tensors/tucker.ts';
import {
  bindFourier,
  centredFrequencies,
  planFourier,
  spectralConvolution,
  spectralFlops,
  spectrumSize,
} from './blocks/fourier.ts';
import { gelu } from './blocks/gelu.ts';
import { inPieces } from './blocks/in-pieces.ts';
import { linear, linearNamed } from './blocks/linear.ts';
import { scaleColumns } from './blocks/scale-columns.ts';
import { wholeOfTucker } from './blocks/tucker.ts';
import { alongAxes, axisName, type ByAxis, byAxis, settingOfAxis } from './by-axis.ts';
import { type FieldModel, inputsOf, type ModelFamily, modelSettings, type TrajectoryFormat } from './model.ts';
import { neuralopPytorch } from './pytorch/neuralop.ts';

const settings = {
  ...modelSettings,
  modes: byAxis(z.int().positive())
    .default(16)
    .describe(
      "neuraloperator's n_modes: frequencies that are kept along each space axis, positive and negative together. Along the last axis, floor(modes / 2) + 1 are kept. One number for all axes, or a list with one for each.",
    ),
  width: z.int().positive().default(32).describe("Channels of the hidden layers (neuraloperator's hidden_channels)."),
  blocks: z.int().positive().default(4).describe("Number of Fourier layers (neuraloperator's n_layers)."),
  liftingRatio: z
    .number()
    .positive()
    .default(2)
    .describe('Width of the hidden layer of the lifting, as a multiple of `width`.'),
  projectionRatio: z
    .number()
    .positive()
    .default(2)
    .describe('Width of the hidden layer of the projection, as a multiple of `width`.'),
  channelExpansion: z
    .number()
    .positive()
    .default(0.5)
    .describe("Width of the hidden layer of each block's channel MLP, as a multiple of `width`."),
  positions: z
    .enum(['unit', 'data'])
    .default('unit')
    .describe(
      'Coordinates that the model gets. unit: from 0 to just below 1 along each axis, as in neuraloperator. data: those of the data.',
    ),
};

interface NeuralopConfig {
  readonly modes: ByAxis;
  readonly width: number;
  readonly blocks: number;
  readonly liftingRatio: number;
  readonly projectionRatio: number;
  readonly channelExpansion: number;
  readonly positions: 'unit' | 'data';
  /** Part of the numbers of a whole spectral weight that its Tucker factors have; absent: the weight is whole. */
  readonly rank?: number;
}

/** A configuration's sizes for certain data. */
interface Sizes {
  readonly dimensions: number;
  readonly inputs: number;
  readonly channels: number;
  readonly width: number;
  readonly lifting: number;
  readonly projection: number;
  readonly hidden: number;
  readonly blocks: readonly number[];
  /** Kept frequencies of each axis. */
  readonly kept: readonly number[];
  /** Of a factorised weight: a rank for inputs, outputs and each axis. */
  readonly ranks?: readonly number[];
}

/** @throws UserError when an axis has fewer frequencies than are to be kept. */
function sizesFor(model: string, config: NeuralopConfig, format: TrajectoryFormat): Sizes {
  const { space, channels } = format;
  const modes = alongAxes(config.modes, space.length, { model, setting: 'model.modes' });
  for (const [axis, points] of space.entries()) {
    const isLast = axis === space.length - 1;
    const most = isLast ? 2 * Math.floor(points / 2) + 1 : points;
    if (modes[axis]! > most) {
      throw new UserError(`${modes[axis]} modes, but an axis of ${points} points has only ${most}`, {
        where: `model ${model}, ${axisName(axis)}`,
        remedy: `Set ${settingOfAxis(config.modes, axis, 'model.modes')} to ${most} or fewer, or sub-sample the data less.`,
      });
    }
  }
  const kept = modes.map((count, axis) => (axis === modes.length - 1 ? Math.floor(count / 2) + 1 : count));
  const { width } = config;
  return {
    dimensions: space.length,
    inputs: inputsOf(format),
    channels,
    width,
    lifting: Math.max(1, Math.floor(config.liftingRatio * width)),
    projection: Math.max(1, Math.floor(config.projectionRatio * width)),
    hidden: Math.max(1, roundHalfEven(width * config.channelExpansion)),
    blocks: [...Array(config.blocks).keys()],
    kept,
    ...(config.rank === undefined ? {} : { ranks: tuckerRanks([width, width, ...kept], config.rank) }),
  };
}

/** Rounds as Python does: halves to the even number. */
const roundHalfEven = (value: number) => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));

const convName = (block: number) => `fno_blocks.convs.${block}`;
const skipName = (block: number) => `fno_blocks.fno_skips.${block}.conv`;
const mlpName = (block: number) => `fno_blocks.channel_mlp.${block}`;
const gateName = (block: number) => `fno_blocks.channel_mlp_skips.${block}.weight`;

/** Names of what a spectral weight is stored as: itself, or core and factors. */
const spectralNames = (block: number, { ranks }: Sizes): string[] =>
  ranks
    ? [`${convName(block)}.weight.core`, ...ranks.map((_, axis) => `${convName(block)}.weight.factors.factor_${axis}`)]
    : [`${convName(block)}.weight.tensor`];

function parametersOf(sizes: Sizes): ParameterSpec[] {
  const { dimensions, width, kept, ranks } = sizes;
  const ones = kept.map(() => 1);
  const pointwise = (layer: string, outputs: number, inputs: number, hasBias = true): ParameterSpec[] => [
    { name: `${layer}.weight`, shape: [outputs, inputs, 1], decay: true, layer },
    ...(hasBias ? [{ name: `${layer}.bias`, shape: [outputs], decay: true, layer, missing: 'zeros' as const }] : []),
  ];
  const network = (name: string, inputs: number, hidden: number, outputs: number) => [
    ...pointwise(`${name}.fcs.0`, hidden, inputs),
    ...pointwise(`${name}.fcs.1`, outputs, hidden),
  ];
  const whole = [width, width, ...kept];
  const shapes = ranks ? [ranks, ...ranks.map((rank, axis) => [whole[axis]!, rank])] : [whole];
  return [
    ...network('lifting', sizes.inputs + dimensions, sizes.lifting, width),
    ...sizes.blocks.flatMap((block): ParameterSpec[] => [
      ...spectralNames(block, sizes).map((name, index) => ({
        name,
        shape: [...shapes[index]!, 2],
        complex: true,
        decay: true,
        layer: convName(block),
      })),
      { name: `${convName(block)}.bias`, shape: [width, ...ones], decay: true, layer: convName(block) },
      ...pointwise(skipName(block), width, width, false),
      ...network(mlpName(block), width, sizes.hidden, width),
      { name: gateName(block), shape: [1, width, ...ones], decay: true },
    ]),
    ...network('projection', width, sizes.projection, sizes.channels),
  ];
}

function layersOf(sizes: Sizes): Layer[] {
  const pointwise = (name: string): Layer => ({ name, kind: 'conv1d', weights: [`${name}.weight`] });
  const network = (name: string) => [pointwise(`${name}.fcs.0`), pointwise(`${name}.fcs.1`)];
  return [
    ...network('lifting'),
    ...sizes.blocks.flatMap((block): Layer[] => [
      {
        name: convName(block),
        kind: 'spectralConv',
        weights: spectralNames(block, sizes),
        ...(sizes.ranks ? { factors: 'tucker' } : {}),
      },
      pointwise(skipName(block)),
      ...network(mlpName(block)),
    ]),
    ...network('projection'),
  ];
}

/**
 * As neuraloperator draws them. Spectral weights and their biases: normal, of deviation sqrt(1 / width); Tucker factors: normal, so that the
 * whole weight has that deviation; gates: 1; pointwise layers: uniform in +-1/sqrt(inputs).
 */
function initialValues(specs: readonly ParameterSpec[], sizes: Sizes, random: Random): Map<string, HostTensor> {
  const { width, ranks } = sizes;
  const deviation = Math.sqrt(1 / width);
  const ofFactors = (of: readonly number[]) =>
    (deviation / Math.sqrt(elementCount(of))) ** (1 / (of.length + 1)) * Math.SQRT1_2;
  const ofSpectral = ranks ? ofFactors(ranks) : deviation * Math.SQRT1_2;
  const inputsOfLayer = new Map(
    specs.filter(({ shape }) => shape.length === 3).map(({ layer, shape }) => [layer, shape[1]!]),
  );
  const drawOf = ({ name, layer, complex }: ParameterSpec): (() => number) => {
    if (complex) return () => random.normal() * ofSpectral;
    if (layer === undefined) return () => 1;
    if (name.startsWith('fno_blocks.convs.')) return () => random.normal() * deviation;
    const bound = 1 / Math.sqrt(inputsOfLayer.get(layer)!);
    return () => (2 * random.uniform() - 1) * bound;
  };
  return new Map(
    specs.map((spec) => {
      const { name, shape } = spec;
      return [name, { shape, data: Float32Array.from({ length: elementCount(shape) }, drawOf(spec)) }];
    }),
  );
}

/** Coordinates i / points along each axis, `[points, axes]`. */
function unitPositions(tf: TensorLibrary, space: readonly number[]): Tensor {
  const points = elementCount(space);
  const data = Float32Array.from({ length: points * space.length }, (_, index) => {
    const [point, axis] = [Math.floor(index / space.length), index % space.length];
    return (Math.floor(point / elementCount(space.slice(axis + 1))) % space[axis]!) / space[axis]!;
  });
  return tf.tensor2d(data, [points, space.length]);
}

/** @throws UserError when the data have too few points for the modes. */
function buildNeuralop(name: string, config: NeuralopConfig, format: TrajectoryFormat): FieldModel {
  const { space, channels } = format;
  const sizes = sizesFor(name, config, format);
  const { inputs, dimensions, width } = sizes;
  const points = elementCount(space);
  const plan = planFourier(space, centredFrequencies(space, sizes.kept));
  const parameters = parametersOf(sizes);

  const forward = (tf: TensorLibrary, values: NamedTensors, grid: Tensor) => {
    const fourier = bindFourier(tf, plan);
    const lift = tf.reshape(values['lifting.fcs.0.weight']!, [sizes.lifting, inputs + dimensions]);
    const onGiven = linear(tf, tf.slice(lift, [0, 0], [-1, inputs]), values['lifting.fcs.0.bias']!);
    const positions = config.positions === 'unit' ? unitPositions(tf, space) : tf.reshape(grid, [points, dimensions]);
    const onGrid = tf.matMul(positions, tf.transpose(tf.slice(lift, [0, inputs], [-1, -1])));
    const gridPart = tf.reshape(onGrid, [points, 1, sizes.lifting]);
    const secondLift = linearNamed(tf, values, 'lifting.fcs.1');
    const network = (at: string, widest: number) => {
      const [first, second] = [linearNamed(tf, values, `${at}.fcs.0`), linearNamed(tf, values, `${at}.fcs.1`)];
      return (x: Tensor) => inPieces(tf, x, { points, width: widest }, (rows) => second(gelu(tf, first(rows))));
    };
    const blocks = sizes.blocks.map((block) => {
      const [first, ...factors] = spectralNames(block, sizes).map((weight) => values[weight]!);
      const weight = factors.length > 0 ? wholeOfTucker(tf, first!, factors) : first!;
      const bias = tf.reshape(values[`${convName(block)}.bias`]!, [width]);
      return {
        spectral: spectralConvolution(tf, fourier, [weight]),
        // The bias of the spectral convolution is added by the skip, which has none.
        skip: linear(tf, values[`${skipName(block)}.weight`]!, bias),
        channelNetwork: network(mlpName(block), sizes.hidden),
        gates: tf.reshape(values[gateName(block)]!, [width]),
      };
    });
    const project = network('projection', sizes.projection);

    return (given: Tensor): Tensor => {
      const batch = given.shape[0]!;
      const flat = tf.reshape(given, [batch, points, inputs]);
      const spaceFirst = tf.reshape(tf.transpose(flat, [1, 0, 2]), [-1, inputs]);
      const lifted = tf.add(tf.reshape(onGiven(spaceFirst), [points, batch, sizes.lifting]), gridPart);
      let hidden = inPieces(tf, tf.reshape(lifted, [-1, sizes.lifting]), { points, width: sizes.lifting }, (rows) =>
        secondLift(gelu(tf, rows)),
      );
      for (const [block, { spectral, skip, channelNetwork, gates }] of blocks.entries()) {
        const activate = (x: Tensor) => (block < blocks.length - 1 ? gelu(tf, x) : x);
        const convolved = tf.reshape(spectral(tf.reshape(hidden, [...space, batch, width])), [-1, width]);
        const mixed = activate(tf.add(convolved, skip(hidden)));
        hidden = activate(tf.add(channelNetwork(mixed), scaleColumns(tf, hidden, gates)));
      }
      return tf.reshape(tf.transpose(tf.reshape(project(hidden), [points, batch, channels]), [1, 0, 2]), [
        batch,
        ...space,
        channels,
      ]);
    };
  };

  const denseWeights =
    inputs * sizes.lifting +
    sizes.lifting * width +
    config.blocks * (width ** 2 + 2 * width * sizes.hidden) +
    width * sizes.projection +
    sizes.projection * channels;
  return {
    parameters,
    layers: layersOf(sizes),
    ignoresGrid: config.positions === 'unit',
    head: ['lifting.fcs.0', 'projection.fcs.1'],
    forwardFlops: 2 * points * denseWeights + config.blocks * spectralFlops(plan, width, width),
    // As in an FNO; a block has a GELU behind each of its sums, and one in its network of channels.
    activations:
      points *
        (inputs +
          3 * sizes.lifting +
          config.blocks * (2 * width + 3 * sizes.hidden) +
          (config.blocks - 1) * 4 * width +
          width +
          3 * sizes.projection) +
      config.blocks * spectrumSize(plan, width),
    initialise: (random) => initialValues(parameters, sizes, random),
    forward,
  };
}

const wholeSchema = z.strictObject({
  family: z
    .literal('neuralop-fno')
    .describe("neuraloperator's Fourier neural operator, for fields on any number of axes."),
  ...settings,
});

const factorisedSchema = z.strictObject({
  family: z
    .literal('tfno')
    .describe("neuraloperator's Tucker-factorised Fourier neural operator, for fields on any number of axes."),
  ...settings,
  rank: z
    .number()
    .positive()
    .max(1)
    .default(0.1)
    .describe(
      'Size of a factorised spectral weight (core and factors), as a share of the whole weight. The real share is only close to it.',
    ),
});

/** neuraloperator's `FNO` in any number of space dimensions. */
export const neuralopFno = {
  name: 'neuralop-fno',
  configSchema: wholeSchema,
  takes: 'trajectories',
  pytorch: neuralopPytorch,
  anyResolution: true,
  build: (config, format) => buildNeuralop('neuralop-fno', config, format),
} satisfies ModelFamily<z.infer<typeof wholeSchema>>;

/** neuraloperator's `TFNO`: the same, its spectral weights as Tucker factors. */
export const tfno = {
  name: 'tfno',
  configSchema: factorisedSchema,
  takes: 'trajectories',
  pytorch: neuralopPytorch,
  anyResolution: true,
  build: (config, format) => buildNeuralop('tfno', config, format),
} satisfies ModelFamily<z.infer<typeof factorisedSchema>>;
