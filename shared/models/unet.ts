/** The U-Net of PDEBench in one or two dimensions: blocks here, families in `unet1d.ts` and `unet2d.ts`. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor } from '../tensors/tensor.ts';
import { batchNorm, batchNormInitial, batchNormParameters, batchNormState } from './blocks/batch-norm.ts';
import { type FieldModel, inputsOf, type ModelState, modelSettings, type TrajectoryFormat } from './model.ts';

/** The settings that every U-Net has. */
export const unetSettings = {
  ...modelSettings,
  initFeatures: z
    .int()
    .positive()
    .default(32)
    .describe('Channels of the first level. Each of the four levels below has twice as many as the one above.'),
};

export interface UnetConfig {
  readonly initFeatures: number;
}

/** The levels with a skip connection, from the finest grid to the coarsest. */
const levels = [1, 2, 3, 4] as const;

/** The factor by which the bottleneck's grid is coarser than the data's. */
const coarsening = 2 ** levels.length;

/** A convolution and its batch norm. */
interface Stage {
  readonly convolution: string;
  readonly norm: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** Two convolutions: `encoder1` with `encoder1.enc1conv1`, `encoder1.enc1norm1` and so on, as PDEBench names them. */
function blockOf(module: string, prefix: string, inputs: number, outputs: number): Stage[] {
  return [inputs, outputs].map((from, index) => ({
    convolution: `${module}.${prefix}conv${index + 1}`,
    norm: `${module}.${prefix}norm${index + 1}`,
    inputs: from,
    outputs,
  }));
}

/** The modules with weights, in PDEBench's order. */
function partsOf(features: number, inputs: number) {
  const featuresOf = (level: number) => features * 2 ** (level - 1);
  return {
    encoders: levels.map((level) =>
      blockOf(`encoder${level}`, `enc${level}`, level === 1 ? inputs : featuresOf(level - 1), featuresOf(level)),
    ),
    bottleneck: blockOf('bottleneck', 'bottleneck', featuresOf(levels.length), featuresOf(levels.length + 1)),
    /** The decoders, from the coarsest level to the finest. */
    decoders: levels.toReversed().map((level) => ({
      up: { name: `upconv${level}`, inputs: featuresOf(level + 1), outputs: featuresOf(level) },
      stages: blockOf(`decoder${level}`, `dec${level}`, featuresOf(level + 1), featuresOf(level)),
    })),
  };
}

function checkFit(name: string, space: readonly number[]): void {
  for (const [axis, points] of space.entries()) {
    if (points % coarsening === 0) continue;
    throw new UserError(`${points} points can't be halved ${levels.length} times, as a U-Net does`, {
      where: `model ${name}, space axis ${axis + 1}`,
      remedy: `Sub-sample the data (dataset.subsample.space) to a multiple of ${coarsening} points.`,
    });
  }
}

/** Operations of one forward pass of one sample: those of the convolutions. */
function forwardFlops(
  { encoders, bottleneck, decoders }: ReturnType<typeof partsOf>,
  { space, channels }: TrajectoryFormat,
  features: number,
): number {
  const pointsOf = (level: number) => elementCount(space) / 2 ** (level * space.length);
  const ofStages = (stages: readonly Stage[], level: number) =>
    stages.reduce((sum, { inputs, outputs }) => sum + 2 * 3 ** space.length * inputs * outputs * pointsOf(level), 0);
  const down = encoders.reduce((sum, stages, level) => sum + ofStages(stages, level), 0);
  const up = decoders.reduce((sum, { up: { inputs, outputs }, stages }, index) => {
    const level = levels.length - 1 - index;
    // At every point of a transposed convolution, one tap of the filter counts.
    return sum + 2 * inputs * outputs * pointsOf(level) + ofStages(stages, level);
  }, 0);
  return down + ofStages(bottleneck, levels.length) + up + 2 * features * channels * pointsOf(0);
}

/** Numbers that a forward pass of one sample keeps for the gradient. */
function keptNumbers(
  { encoders, bottleneck, decoders }: ReturnType<typeof partsOf>,
  { space }: TrajectoryFormat,
): number {
  const pointsOf = (level: number) => elementCount(space) / 2 ** (level * space.length);
  // Of each stage the centred result of its convolution; what goes into the next one, by channels last and channels first.
  const ofStages = (stages: readonly Stage[], level: number) =>
    stages.reduce((sum, { outputs }) => sum + 3 * outputs * pointsOf(level), 0);
  const down = encoders.reduce((sum, stages, level) => {
    const pooled = 2 * stages.at(-1)!.outputs * pointsOf(level + 1);
    return sum + ofStages(stages, level) + pooled;
  }, 0);
  const up = decoders.reduce((sum, { up: { outputs }, stages }, index) => {
    const level = levels.length - 1 - index;
    const joined = 2 * 2 * outputs * pointsOf(level);
    return sum + joined + ofStages(stages, level);
  }, 0);
  return 2 * encoders[0]![0]!.inputs * pointsOf(0) + down + ofStages(bottleneck, levels.length) + up;
}

/**
 * Convolutions: uniform in +-1/sqrt(inputs of a sum), as PyTorch does (Kaiming uniform with a = sqrt 5), where PyTorch takes the
 * second axis for the inputs of transposed ones too. Norms: 1 and 0.
 */
function initialValues(specs: readonly ParameterSpec[], uniform: () => number): Map<string, HostTensor> {
  const weights = new Map(specs.map(({ name, shape }) => [name, shape]));
  return new Map(
    specs.map((spec) => {
      const { name, shape, layer } = spec;
      const weight = weights.get(`${layer}.weight`);
      if (!weight || !name.startsWith(`${layer}.`)) return [name, batchNormInitial(spec)];
      const bound = 1 / Math.sqrt(elementCount(weight.slice(1)));
      return [
        name,
        { shape, data: Float32Array.from({ length: elementCount(shape) }, () => (2 * uniform() - 1) * bound) },
      ];
    }),
  );
}

/**
 * A U-Net as in PDEBench: four times two convolutions of width 3 with batch norm and tanh, then max pooling; a bottleneck; the same upwards by
 * transposed convolutions, beside what each level had on the way down; a pointwise convolution. Coordinates are not given to it.
 * @throws UserError when the data has another number of axes, or an axis can't be halved four times.
 */
export function buildUnet(name: string, dimensions: 1 | 2, config: UnetConfig, format: TrajectoryFormat): FieldModel {
  const { space, channels } = format;
  if (space.length !== dimensions) {
    throw new UserError(
      `needs data with ${dimensions} space ${dimensions === 1 ? 'axis' : 'axes'}, not ${space.length}`,
      { where: `model ${name}`, remedy: `Choose another model.family, or another dataset.` },
    );
  }
  checkFit(name, space);
  const inputs = inputsOf(format);
  const features = config.initFeatures;
  const parts = partsOf(features, inputs);
  const { encoders, bottleneck, decoders } = parts;
  const kind = dimensions === 1 ? 'conv1d' : 'conv2d';
  const taps = (count: number) => space.map(() => count);

  const weight = (layer: string, ...shape: number[]): ParameterSpec => ({
    name: `${layer}.weight`,
    shape,
    decay: true,
    layer,
  });
  const biased = (layer: string, outputs: number, ...shape: number[]): ParameterSpec[] => [
    weight(layer, ...shape),
    { name: `${layer}.bias`, shape: [outputs], decay: true, layer },
  ];
  const ofStages = (stages: readonly Stage[]) =>
    stages.flatMap(({ convolution, norm, inputs: from, outputs }) => [
      weight(convolution, outputs, from, ...taps(3)),
      ...batchNormParameters(norm, outputs, convolution),
    ]);
  const parameters = [
    ...encoders.flatMap(ofStages),
    ...ofStages(bottleneck),
    ...decoders.flatMap(({ up, stages }) => [
      ...biased(up.name, up.outputs, up.inputs, up.outputs, ...taps(2)),
      ...ofStages(stages),
    ]),
    ...biased('conv', channels, channels, features, ...taps(1)),
  ];
  const allStages = [...encoders.flat(), ...bottleneck, ...decoders.flatMap(({ stages }) => stages)];
  const state = allStages.flatMap(({ norm, outputs, convolution }) => batchNormState(norm, outputs, convolution));
  const layers = parameters
    .filter(({ shape }) => shape.length > 1)
    .map(({ name: weights, layer }): Layer => ({ name: layer!, kind, weights: [weights] }));

  // A line is a plane of one row.
  const plane: [number, number] = dimensions === 1 ? [1, space[0]!] : [space[0]!, space[1]!];
  const two: [number, number] = dimensions === 1 ? [1, 2] : [2, 2];

  const forward = (tf: TensorLibrary, values: NamedTensors, _grid: Tensor, running?: ModelState) => {
    /** `[out, in, ...taps]` as `[height, width, in, out]`; of a transposed one `[in, out, ...taps]` as `[height, width, out, in]`. */
    const filterOf = (layer: string) => {
      const stored = values[`${layer}.weight`]!;
      const [first, second, ...sizes] = stored.shape as [number, number, ...number[]];
      const flat = dimensions === 1 ? tf.reshape(stored, [first, second, 1, ...sizes]) : stored;
      return tf.transpose(flat, [2, 3, 1, 0]) as never;
    };
    const filters = new Map(layers.map(({ name: layer }) => [layer, filterOf(layer)]));
    const through = (stages: readonly Stage[], x: Tensor): Tensor =>
      stages.reduce((input, { convolution, norm }) => {
        const convolved = tf.conv2d(input as never, filters.get(convolution)!, 1, 'same');
        return tf.tanh(batchNorm(tf, convolved, values, norm, running));
      }, x);
    const upwards = (layer: string, x: Tensor): Tensor => {
      const [batch, rows, columns, from] = x.shape as [number, number, number, number];
      const shape: [number, number, number, number] = [batch, two[0] * rows, two[1] * columns, from / 2];
      const spread = tf.conv2dTranspose(x as never, filters.get(layer)!, shape, two, 'valid');
      return tf.add(spread, values[`${layer}.bias`]!);
    };

    return (given: Tensor): Tensor => {
      let x: Tensor = tf.reshape(given, [-1, ...plane, inputs]);
      const across: Tensor[] = [];
      for (const encoder of encoders) {
        const encoded = through(encoder, x);
        across.push(encoded);
        x = tf.maxPool(encoded as never, two, two, 'valid');
      }
      x = through(bottleneck, x);
      for (const { up, stages } of decoders) {
        x = through(stages, tf.concat([upwards(up.name, x), across.pop()!], 3));
      }
      const out = tf.add(tf.conv2d(x as never, filters.get('conv')!, 1, 'same'), values['conv.bias']!);
      return tf.reshape(out, [-1, ...space, channels]);
    };
  };

  return {
    parameters,
    state,
    layers,
    ignoresGrid: true,
    head: [encoders[0]![0]!.convolution, 'conv'],
    forwardFlops: forwardFlops(parts, format, features),
    activations: keptNumbers(parts, format),
    initialise: (random) => initialValues([...parameters, ...state], () => random.uniform()),
    forward,
  };
}
