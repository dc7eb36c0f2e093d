/** DPOT, the denoising operator transformer of Hao et al. (ICML 2024), with its authors' names of weights. */
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensor, type HostTensors } from '../tensors/tensor.ts';
import { activations } from './blocks/activations.ts';
import { dense } from './blocks/dense.ts';
import { bindGridFourier, planGridFourier } from './blocks/grid-fourier.ts';
import { groupNorm } from './blocks/group-norm.ts';
import { linear, linearNamed } from './blocks/linear.ts';
import { type FieldModel, type ModelFamily, modelSettings, type TrajectoryFormat } from './model.ts';
import { dpotPytorch } from './pytorch/dpot.ts';

const configSchema = z.strictObject({
  family: z
    .literal('dpot')
    .describe('DPOT: a Fourier transformer for fields on a square, pre-trained on many equations.'),
  ...modelSettings,
  patchSize: z.int().positive().default(8).describe('Points along each side of a patch.'),
  embedDim: z.int().positive().multipleOf(8).default(512).describe('Channels of the hidden layers.'),
  depth: z.int().positive().default(4).describe('Number of blocks.'),
  nBlocks: z
    .int()
    .positive()
    .default(4)
    .describe('Number of blocks along the diagonal of the matrices that mix channels at each frequency.'),
  modes: z
    .int()
    .positive()
    .default(32)
    .describe('Fourier modes that are kept along each axis of the grid of patches, at most.'),
  mlpRatio: z.number().positive().default(1).describe('Width of the hidden layer of a block, relative to embedDim.'),
  outLayerDim: z.int().positive().default(32).describe('Channels of the output layers.'),
  timeAgg: z
    .enum(['exp_mlp', 'mlp'])
    .default('exp_mlp')
    .describe('How the time steps of the window are combined. exp_mlp: with waves over time. mlp: without.'),
  act: z.enum(['gelu', 'relu', 'silu', 'tanh']).default('gelu').describe('The activation function.'),
  mixingType: z.literal('afno').default('afno').describe('How patches are mixed. The public code has no other way.'),
  normalize: z
    .boolean()
    .default(false)
    .describe(
      'Whether each sample is normalised by the mean and deviation of its window. The blocks get both numbers.',
    ),
  nCls: z
    .int()
    .positive()
    .default(12)
    .describe(
      'Number of data sets that the classifier of pre-training distinguishes. This classifier is kept with the weights; nothing is computed with it.',
    ),
});
export type DpotConfig = z.infer<typeof configSchema>;

/** The number of groups of a group norm. */
const groups = 8;

/** The largest matrix of the Fourier transform, in numbers: what a compiled step may hold. */
const largestTransform = 2 ** 22;

function refuse(what: string, where: string, remedy: string): never {
  throw new UserError(what, { where: `model dpot${where}`, remedy });
}

function checkFit(
  { patchSize, embedDim, nBlocks, modes }: DpotConfig,
  { space, window, statics = 0 }: TrajectoryFormat,
) {
  const [rows = 0, columns = 0] = space;
  if (space.length !== 2) {
    refuse(`needs data with 2 space axes, not ${space.length}`, '', 'Choose another model.family, or another dataset.');
  }
  if (rows !== columns)
    refuse(`takes square fields, not ${rows} x ${columns} points`, '', 'Choose another model.family.');
  if (rows % patchSize !== 0) {
    const remedy = 'Set model.patchSize to a divisor of it, or sub-sample the data (dataset.subsample.space).';
    refuse(`${rows} points are no multiple of a patch of ${patchSize}`, '', remedy);
  }
  if (embedDim % nBlocks !== 0) {
    refuse(`embedDim ${embedDim} is no multiple of nBlocks ${nBlocks}`, '.nBlocks', 'Set it to a divisor of embedDim.');
  }
  if (window === 0 || statics > 0) {
    const what =
      window === 0 ? 'is given past time steps, and this data has none' : 'takes no fields that stay as they are';
    refuse(what, '', 'Choose another model.family, such as fno2d.');
  }
  const side = rows / patchSize;
  if (2 * Math.min(modes, side) * Math.min(modes, Math.floor(side / 2) + 1) * side * side > largestTransform) {
    refuse(`${side} x ${side} patches are too many for its Fourier transform`, '', 'Set a larger model.patchSize.');
  }
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** A tensor and how its values begin. */
interface Drawn extends ParameterSpec {
  readonly draw: (random: Random, index: number) => number;
}

/** Uniform in +-1/sqrt(inputs), as PyTorch draws dense layers, convolutions and their biases. */
const likeDense = (inputs: number) => {
  const bound = 1 / Math.sqrt(inputs);
  return (random: Random) => (2 * random.uniform() - 1) * bound;
};

function tensorsOf(config: DpotConfig, { space, channels, window }: TrajectoryFormat) {
  const { patchSize, embedDim, depth, nBlocks, mlpRatio, outLayerDim, timeAgg, normalize, nCls } = config;
  const side = space[0]! / patchSize;
  const patch = [patchSize, patchSize];
  const affine = (layer: string, outputs: number, shape: readonly number[]): Drawn[] => {
    // PyTorch takes the second axis for the inputs, of transposed convolutions too.
    const draw = likeDense(elementCount(shape.slice(1)));
    return [
      { name: `${layer}.weight`, shape, decay: true, layer, draw },
      { name: `${layer}.bias`, shape: [outputs], decay: true, layer, draw },
    ];
  };
  const pointwise = (layer: string, outputs: number, inputs: number) => affine(layer, outputs, [outputs, inputs, 1, 1]);
  const norm = (name: string, layer: string | undefined): Drawn[] =>
    [1, 0].map((value) => ({
      name: `${name}.${value === 1 ? 'weight' : 'bias'}`,
      shape: [embedDim],
      decay: true,
      ...(layer === undefined ? {} : { layer }),
      draw: () => value,
    }));
  const blockSize = embedDim / nBlocks;
  const filterScale = 1 / blockSize ** 2;
  const filter = (block: number, name: string, ...shape: number[]): Drawn => ({
    name: `blocks.${block}.filter.${name}`,
    shape: [2, nBlocks, ...shape],
    decay: true,
    layer: `blocks.${block}.filter`,
    draw: (random) => filterScale * random.uniform(),
  });
  const hidden = Math.trunc(embedDim * mlpRatio);
  const embedded = channels * patchSize + 3;
  // Before the first block stands what joins the times, which has no spectrum.
  const beforeBlock = (block: number) => (block === 0 ? undefined : `blocks.${block - 1}.mlp.2`);
  const trained: Drawn[] = [
    { name: 'pos_embed', shape: [1, embedDim, side, side], decay: true, draw: (random) => 0.02 * random.normal() },
    ...affine('patch_embed.proj.0', embedded, [embedded, channels + 3, ...patch]),
    ...pointwise('patch_embed.proj.2', embedDim, embedded),
    ...range(depth).flatMap((block) => [
      ...norm(`blocks.${block}.norm1`, beforeBlock(block)),
      filter(block, 'w1', blockSize, blockSize),
      filter(block, 'b1', blockSize),
      filter(block, 'w2', blockSize, blockSize),
      filter(block, 'b2', blockSize),
      ...norm(`blocks.${block}.norm2`, `blocks.${block}.filter`),
      ...pointwise(`blocks.${block}.mlp.0`, hidden, embedDim),
      ...pointwise(`blocks.${block}.mlp.2`, embedDim, hidden),
    ]),
    ...(normalize
      ? ['scale_feats_mu', 'scale_feats_sigma'].flatMap((layer) => affine(layer, embedDim, [embedDim, 2 * channels]))
      : []),
    {
      name: 'time_agg_layer.w',
      shape: [window, embedDim, embedDim],
      decay: true,
      draw: (random) => random.normal() / (window * Math.sqrt(embedDim)),
    },
    ...(timeAgg === 'exp_mlp'
      ? [
          {
            name: 'time_agg_layer.gamma',
            shape: [1, embedDim],
            decay: true,
            draw: (_: Random, index: number) => 2 ** (-10 + (20 * index) / (embedDim - 1)),
          },
        ]
      : []),
    ...affine('out_layer.0', outLayerDim, [embedDim, outLayerDim, ...patch]),
    ...pointwise('out_layer.2', outLayerDim, outLayerDim),
    ...pointwise('out_layer.4', channels, outLayerDim),
  ];
  // The classifier of pre-training: stored, so that the authors' code takes the weights back.
  const stored: Drawn[] = [embedDim, embedDim, nCls].flatMap((outputs, index) =>
    affine(`cls_head.${2 * index}`, outputs, [outputs, embedDim]),
  );
  return { trained, stored };
}

const specOf = ({ draw: _, ...spec }: Drawn): ParameterSpec => spec;

/** Convolutions and dense layers, which the published code of balancing finds too, and what mixes channels at each frequency. */
const layersOf = (trained: readonly ParameterSpec[]): Layer[] =>
  trained.flatMap(({ name, shape, layer }): Layer[] => {
    if (layer === undefined || shape.length === 1) return [];
    if (name === `${layer}.w1`) {
      return [{ name: layer, kind: 'spectralConv', weights: [name, `${layer}.w2`], factors: 'blocks' }];
    }
    return name === `${layer}.weight`
      ? [{ name: layer, kind: shape.length === 2 ? 'linear' : 'conv2d', weights: [name] }]
      : [];
  });

function initialise(specs: readonly Drawn[], random: Random): HostTensors {
  return new Map(
    specs.map(({ name, shape, draw }): [string, HostTensor] => [
      name,
      { shape, data: Float32Array.from({ length: elementCount(shape) }, (_, index) => draw(random, index)) },
    ]),
  );
}

/** Operations of one forward pass of one sample: those of its products. */
function forwardFlops(
  { patchSize, embedDim, depth, nBlocks, mlpRatio, outLayerDim }: DpotConfig,
  { space, channels, window }: TrajectoryFormat,
  frequencies: number,
): number {
  const [places, points] = [patchSize ** 2, elementCount(space)];
  const patches = points / places;
  const embedded = channels * patchSize + 3;
  const embedding = window * patches * embedded * (places * channels + embedDim);
  const joining = patches * window * embedDim ** 2;
  const transforms = 2 * 2 * frequencies * patches * embedDim;
  const mixing = 2 * 4 * frequencies * (embedDim ** 2 / nBlocks);
  const perceptron = 2 * patches * embedDim * Math.trunc(embedDim * mlpRatio);
  const output = points * outLayerDim * (embedDim + outLayerDim + channels);
  return 2 * (embedding + joining + depth * (transforms + mixing + perceptron) + output);
}

/** Numbers that a forward pass of one sample keeps for the gradient. */
function keptNumbers(
  { patchSize, embedDim, depth, mlpRatio, outLayerDim, act }: DpotConfig,
  { space, channels, window }: TrajectoryFormat,
  frequencies: number,
): number {
  const points = elementCount(space);
  const patches = points / patchSize ** 2;
  // Of an activation its result, what it is given, and what of it the gradient uses again; tanh and ReLU keep the result alone.
  const kept = act === 'gelu' || act === 'silu' ? 3 : 1;
  const embedding = window * (points * channels + patches * (kept * (channels * patchSize + 3) + 2 * embedDim));
  const mixing = 2 * frequencies * embedDim * (1 + kept);
  // Each group norm keeps what it has normalised, and its result is kept by what comes next.
  const ofBlock = mixing + patches * (4 * embedDim + kept * Math.trunc(embedDim * mlpRatio));
  return embedding + depth * ofBlock + points * outLayerDim * 2 * kept;
}

/** Coordinates from 0 to 1 of x, y and time at each place of each patch, `[window * patches, places * 3]`. */
function coordinates(side: number, patchSize: number, window: number): Float32Array {
  const along = (place: number, points: number) => (points === 1 ? 0 : place / (points - 1));
  const points = side * patchSize;
  const places = patchSize * patchSize;
  const values = new Float32Array(window * side * side * places * 3);
  let at = 0;
  for (const time of range(window)) {
    for (const patch of range(side * side)) {
      for (const place of range(places)) {
        const row = Math.floor(patch / side) * patchSize + Math.floor(place / patchSize);
        const column = (patch % side) * patchSize + (place % patchSize);
        values.set([along(row, points), along(column, points), along(time, window)], at);
        at += 3;
      }
    }
  }
  return values;
}

/** A complex matrix for each block of the diagonal, `[2, blocks, in, out]`, as real ones `[blocks, 2 * in, 2 * out]` for rows `[re, im]`. */
function realMatrices(tf: TensorLibrary, weight: Tensor): Tensor {
  const [real, imaginary] = tf.unstack(weight) as [Tensor, Tensor];
  return tf.concat([tf.concat([real, imaginary], 2), tf.concat([tf.neg(imaginary), real], 2)], 1);
}

/** `[2, blocks, size]` as `[blocks, 1, 2 * size]`. */
function realOffsets(tf: TensorLibrary, offset: Tensor): Tensor {
  const [, blocks, size] = offset.shape as [number, number, number];
  return tf.reshape(tf.transpose(offset, [1, 0, 2]), [blocks, 1, 2 * size]);
}

/**
 * DPOT as its authors' code has it, with one time step predicted at a time.
 * @throws UserError when the data are not square fields of whole patches with past time steps, or sizes don't fit each other.
 */
function build(config: DpotConfig, format: TrajectoryFormat): FieldModel {
  checkFit(config, format);
  const { patchSize, embedDim, depth, nBlocks, modes, outLayerDim, timeAgg, normalize, act } = config;
  const { space, channels, window } = format;
  const { trained, stored } = tensorsOf(config, format);
  const side = space[0]! / patchSize;
  const [patches, places, blockSize] = [side * side, patchSize * patchSize, embedDim / nBlocks];
  const plan = planGridFourier(side, side, modes);
  const activate = activations[act];

  const forward = (tf: TensorLibrary, values: NamedTensors) => {
    const fourier = bindGridFourier(tf, plan);
    /** Of a kernel `[out, in, height, width]` the inputs from .. to, as `[out, places * inputs]`. */
    const kernelOf = (from: number, to: number) => {
      const whole = values['patch_embed.proj.0.weight']!;
      const part = tf.slice(
        tf.reshape(whole, [whole.shape[0]!, channels + 3, places]),
        [0, from, 0],
        [-1, to - from, -1],
      );
      return tf.reshape(tf.transpose(part, [0, 2, 1]), [whole.shape[0]!, -1]);
    };
    const embed = linear(tf, kernelOf(0, channels), values['patch_embed.proj.0.bias']!);
    const grid = tf.tensor2d(coordinates(side, patchSize, window), [window * patches, places * 3]);
    const onGrid = tf.reshape(tf.matMul(grid, kernelOf(channels, channels + 3), false, true), [
      window * patches,
      1,
      -1,
    ]);
    const position = tf.reshape(tf.transpose(tf.reshape(values.pos_embed!, [embedDim, patches])), [
      1,
      patches,
      1,
      embedDim,
    ]);
    const named = (layer: string) => linearNamed(tf, values, layer);
    const [embedMore, outwards, last] = [named('patch_embed.proj.2'), named('out_layer.2'), named('out_layer.4')];
    const joinTimes = (() => {
      const weight = values['time_agg_layer.w']!;
      if (timeAgg === 'mlp') return tf.reshape(weight, [window * embedDim, embedDim]);
      const times = tf.tensor2d(
        range(window).map((time) => time / Math.max(1, window - 1)),
        [window, 1],
      );
      const waves = tf.cos(tf.matMul(times, values['time_agg_layer.gamma']!));
      return tf.mul(tf.reshape(weight, [window * embedDim, embedDim]), tf.reshape(waves, [window * embedDim, 1]));
    })();
    const outKernel = tf.reshape(
      tf.transpose(tf.reshape(values['out_layer.0.weight']!, [embedDim, outLayerDim, places]), [0, 2, 1]),
      [embedDim, places * outLayerDim],
    );
    const scaleFeatures = normalize ? [named('scale_feats_mu'), named('scale_feats_sigma')] : [];

    const blocks = range(depth).map((block) => {
      const of = (name: string) => values[`blocks.${block}.${name}`]!;
      const [first, second] = ['1', '2'].map((number) => ({
        matrices: realMatrices(tf, of(`filter.w${number}`)),
        offsets: realOffsets(tf, of(`filter.b${number}`)),
      })) as [{ matrices: Tensor; offsets: Tensor }, { matrices: Tensor; offsets: Tensor }];
      const [widen, narrow] = [named(`blocks.${block}.mlp.0`), named(`blocks.${block}.mlp.2`)];
      const norm = (x: Tensor, name: string) => groupNorm(tf, x, of(`${name}.weight`), of(`${name}.bias`), groups);
      /** A perceptron of complex numbers at each kept frequency. */
      const mix = (x: Tensor): Tensor => {
        const batch = x.shape[1]!;
        const spectrum = tf.matMul(fourier.forward, tf.reshape(x, [patches, -1]));
        const rows = plan.frequencies * batch;
        const parted = tf.transpose(tf.reshape(spectrum, [2, rows, nBlocks, blockSize]), [2, 1, 0, 3]);
        const given = tf.reshape(parted, [nBlocks, rows, 2 * blockSize]);
        const hidden = activate(tf, tf.add(tf.matMul(given, first.matrices), first.offsets));
        const mixed = tf.add(tf.matMul(hidden, second.matrices), second.offsets);
        const joined = tf.transpose(tf.reshape(mixed, [nBlocks, rows, 2, blockSize]), [2, 1, 0, 3]);
        const field = tf.matMul(fourier.inverse, tf.reshape(joined, [2 * plan.frequencies, batch * embedDim]));
        return tf.add(tf.reshape(field, x.shape), x);
      };
      return (x: Tensor): Tensor => {
        const mixed = norm(mix(norm(x, 'norm1')), 'norm2');
        const wide = activate(tf, widen(tf.reshape(mixed, [-1, embedDim])));
        return tf.add(tf.reshape(narrow(wide), x.shape), x);
      };
    });

    /** Of each sample and channel `[batch, 1, channels]`, over the window. */
    const statisticsOf = (given: Tensor) => {
      const batch = given.shape[0]!;
      const flat = tf.reshape(given, [batch, -1, channels]);
      const mean = tf.mean(flat, 1, true);
      const count = flat.shape[1]!;
      const variance = tf.div(tf.sum(tf.square(tf.sub(flat, mean)), 1, true), count - 1);
      return { flat, mean, deviation: tf.add(tf.sqrt(variance), 1e-6) };
    };

    return (given: Tensor): Tensor => {
      const batch = given.shape[0]!;
      const statistics = normalize ? statisticsOf(given) : undefined;
      const fields = statistics ? tf.div(tf.sub(statistics.flat, statistics.mean), statistics.deviation) : given;
      // Rows of patches, patches of a row, then places: [batch, patches, places, window * channels].
      const cut = tf.transpose(
        tf.reshape(fields, [batch * side, patchSize, side, patchSize * window * channels]),
        [0, 2, 1, 3],
      );
      const patchFirst = tf.transpose(tf.reshape(cut, [batch, patches, places * window * channels]), [1, 0, 2]);
      const timeFirst = tf.transpose(tf.reshape(patchFirst, [patches * batch, places, window, channels]), [2, 0, 1, 3]);
      const onGiven = embed(tf.reshape(timeFirst, [window * patches * batch, places * channels]));
      const embedded = tf.add(tf.reshape(onGiven, [window * patches, batch, -1]), onGrid);
      const rows = embedMore(activate(tf, tf.reshape(embedded, [window * patches * batch, -1])));
      const placed = tf.add(tf.reshape(rows, [window, patches, batch, embedDim]), position);
      const byTime = tf.transpose(tf.reshape(placed, [window, patches * batch, embedDim]), [1, 0, 2]);
      const summed = dense(tf, tf.reshape(byTime, [patches * batch, window * embedDim]), joinTimes, undefined, {
        inputsFirst: true,
      });
      let hidden: Tensor = tf.reshape(summed, [patches, batch, embedDim]);
      if (statistics) {
        const known = tf.reshape(tf.concat([statistics.mean, statistics.deviation], 2), [batch, 2 * channels]);
        const [shift, scale] = scaleFeatures.map((layer) => tf.reshape(layer(known), [1, batch, embedDim]));
        hidden = tf.add(tf.mul(scale!, hidden), shift!);
      }
      for (const block of blocks) hidden = block(hidden);
      const spread = dense(tf, tf.reshape(hidden, [patches * batch, embedDim]), outKernel, undefined, {
        inputsFirst: true,
      });
      const pixels = tf.add(tf.reshape(spread, [patches * batch * places, outLayerDim]), values['out_layer.0.bias']!);
      const out = last(activate(tf, outwards(activate(tf, pixels))));
      const batchFirst = tf.transpose(tf.reshape(out, [patches, batch, places * channels]), [1, 0, 2]);
      const rowsOfPatches = tf.reshape(batchFirst, [batch * side, side, patchSize, patchSize * channels]);
      const predicted: Tensor = tf.reshape(tf.transpose(rowsOfPatches, [0, 2, 1, 3]), [batch, -1, channels]);
      const scaled = statistics ? tf.add(tf.mul(predicted, statistics.deviation), statistics.mean) : predicted;
      return tf.reshape(scaled, [batch, ...space, channels]);
    };
  };

  const parameters = trained.map(specOf);
  return {
    parameters,
    state: stored.map(specOf),
    layers: layersOf(parameters),
    ignoresGrid: true,
    head: ['patch_embed.proj.0', 'patch_embed.proj.2', 'out_layer.0', 'out_layer.2', 'out_layer.4'],
    forwardFlops: forwardFlops(config, format, plan.frequencies),
    activations: keptNumbers(config, format, plan.frequencies),
    initialise: (random) => initialise([...trained, ...stored], random),
    forward,
  };
}

/** DPOT in 2 space dimensions. */
export const dpot = {
  name: 'dpot',
  configSchema,
  takes: 'trajectories',
  pytorch: dpotPytorch,
  build,
} satisfies ModelFamily<DpotConfig>;
