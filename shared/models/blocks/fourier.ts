/**
 * The truncated Fourier transform of an FNO as products with fixed cosine and sine matrices, for any number of space axes.
 * Source: Li et al., Fourier Neural Operator (ICLR 2021). Layout: space first, `[...space, batch, channels]`, so that an
 * axis is transformed by one large product without moving anything. Real and imaginary parts are an axis of size 2.
 *
 * Weights are used as they are: real fields times the real and times the imaginary part of the weights, four real products in all. The sums
 * and differences that make a complex product of them are part of the matrix that leads back to space.
 */
import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { withGradient } from './with-gradient.ts';

/** One transformed axis, or all of space at once: its points and the frequencies kept. */
interface Stage {
  readonly length: number;
  readonly frequencies: number;
  /**
   * `[2 * frequencies, parts * length]`; parts = 1 for the first axis, which is real, else 2. Rows are real parts, then imaginary ones; of
   * the last stage both parts of a frequency, then of the next one.
   */
  readonly forward: Float32Array;
  /**
   * `[parts * length, 2 * frequencies]`, columns as the rows of `forward`; of the last stage `[parts * length, 4 * frequencies]`: what was
   * multiplied by real parts of weights, then by imaginary ones.
   */
  readonly inverse: Float32Array;
  readonly parts: 1 | 2;
}

export interface FourierPlan {
  /** Points along each axis. */
  readonly space: readonly number[];
  /** Axis by axis, or one for all. */
  readonly stages: readonly Stage[];
}

/** Frequencies that are kept along each axis, in the order of the weights: whole numbers from 0 to below the axis's points. */
export type KeptFrequencies = readonly (readonly number[])[];

/**
 * Kept frequencies by corners: on the last axis the lowest `modes` of the half spectrum; on the others, where the
 * spectrum is whole, the lowest `modes` and the highest `modes` (the negative ones). As in PDEBench.
 */
export function cornerFrequencies(space: readonly number[], modes: readonly number[]): KeptFrequencies {
  return space.map((length, axis) => {
    const count = modes[axis]!;
    const lowest = Array.from({ length: count }, (_, k) => k);
    return axis === space.length - 1 ? lowest : [...lowest, ...lowest.map((k) => length - count + k)];
  });
}

/**
 * Kept frequencies around zero: on the last axis the lowest `kept` of the half spectrum; on the others from -floor(kept / 2) up,
 * `kept` of them. As in neuraloperator.
 */
export function centredFrequencies(space: readonly number[], kept: readonly number[]): KeptFrequencies {
  return space.map((length, axis) => {
    const first = axis === space.length - 1 ? 0 : -Math.floor(kept[axis]! / 2);
    return Array.from({ length: kept[axis]! }, (_, k) => (length + first + k) % length);
  });
}

/** What a frequency counts for in the inverse: on the half axis it stands for its mirror image too, if that is another one. */
function inverseWeight(length: number, frequency: number, half: boolean): number {
  const mirrored = half && frequency !== 0 && 2 * frequency !== length;
  return (mirrored ? 2 : 1) / length;
}

/** A frequency of a stage: its angle in radians at each place, and what it counts for in the inverse. */
interface StageWave {
  angleAt(place: number): number;
  readonly weight: number;
}

/** The row of a matrix that holds the real or imaginary part of a frequency. */
type RowOf = (frequency: number, part: 0 | 1) => number;

/** The matrices of a stage whose frequencies are these waves. */
function stageOf(length: number, waves: readonly StageWave[], parts: 1 | 2, isLast: boolean): Stage {
  const count = waves.length;
  const rowOf: RowOf = isLast ? (k, part) => 2 * k + part : (k, part) => part * count + k;
  const [columns, inverseColumns] = [parts * length, (isLast ? 4 : 2) * count];
  const forward = new Float32Array(2 * count * columns);
  const inverse = new Float32Array(columns * inverseColumns);
  for (const [k, { angleAt, weight }] of waves.entries()) {
    const [real, imaginary] = [rowOf(k, 0), rowOf(k, 1)];
    for (let place = 0; place < length; place++) {
      const angle = angleAt(place);
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      for (const [column, ofReal, ofImaginary] of [
        [place, cosine, -sine],
        [length + place, sine, cosine],
      ].slice(0, parts) as [number, number, number][]) {
        forward[real * columns + column] = ofReal;
        forward[imaginary * columns + column] = ofImaginary;
        const at = column * inverseColumns;
        inverse[at + real] = ofReal * weight;
        inverse[at + imaginary] = ofImaginary * weight;
        if (!isLast) continue;
        // i (real + i imaginary): what imaginary parts of weights have met.
        inverse[at + 2 * count + real] = ofImaginary * weight;
        inverse[at + 2 * count + imaginary] = -ofReal * weight;
      }
    }
  }
  return { length, frequencies: count, forward, inverse, parts };
}

/** Plans the transform of one axis; the last axis has half a spectrum. */
function planAxis(length: number, frequencies: readonly number[], parts: 1 | 2, isLast: boolean): Stage {
  const waves = frequencies.map((frequency) => ({
    angleAt: (place: number) => (2 * Math.PI * ((frequency * place) % length)) / length,
    weight: inverseWeight(length, frequency, isLast),
  }));
  return stageOf(length, waves, parts, isLast);
}

const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);

/** A frequency of all axes: the turn that a point adds, in turns, and what it counts for in the inverse. */
interface Wave {
  turnsAt(point: readonly number[]): number;
  readonly weight: number;
}

/** Every combination of kept frequencies, in the order of the stages: the first axis changes fastest. */
function wavesOf(space: readonly number[], kept: KeptFrequencies): Wave[] {
  return Array.from({ length: product(kept.map(({ length }) => length)) }, (_, number) => {
    let rest = number;
    const frequencies = kept.map((frequenciesOfAxis) => {
      const frequency = frequenciesOfAxis[rest % frequenciesOfAxis.length]!;
      rest = Math.floor(rest / frequenciesOfAxis.length);
      return frequency;
    });
    return {
      turnsAt: (point) =>
        point.reduce((sum, place, axis) => sum + ((frequencies[axis]! * place) % space[axis]!) / space[axis]!, 0),
      weight: product(
        frequencies.map((frequency, axis) => inverseWeight(space[axis]!, frequency, axis === space.length - 1)),
      ),
    };
  });
}

/** Plans the transform of all axes as one product. */
function planDirect(space: readonly number[], kept: KeptFrequencies): Stage {
  const places = Array.from({ length: product(space) }, (_, index) =>
    space.map((size, axis) => Math.floor(index / product(space.slice(axis + 1))) % size),
  );
  const waves = wavesOf(space, kept).map(({ turnsAt, weight }) => ({
    angleAt: (index: number) => 2 * Math.PI * turnsAt(places[index]!),
    weight,
  }));
  return stageOf(places.length, waves, 1, true);
}

/** The ways to compute a transform: axis by axis, or in one product. */
export type FourierWay = 'staged' | 'direct';

/** Operations that take as long as moving a number in memory. Measured: with it both ways take as long where they cost as much. */
const operationsPerMove = 20;

/** The largest matrix of a direct product, in numbers: four of them are kept. */
const largestDirect = 2 ** 18;

/** The products that take one channel of a sample to frequencies, axis by axis: their operations, and the numbers each gives. */
function stagedProducts(space: readonly number[], kept: readonly number[]): { operations: number; result: number }[] {
  return space.map((length, axis) => {
    const [done, toCome] = [product(kept.slice(0, axis)), product(space.slice(axis + 1))];
    const parts = axis === 0 ? 1 : 2;
    return {
      operations: 2 * (2 * kept[axis]!) * (parts * length) * done * toCome,
      result: 2 * kept[axis]! * done * toCome,
    };
  });
}

const operationsOf = (products: readonly { readonly operations: number }[]) =>
  products.reduce((sum, { operations }) => sum + operations, 0);

/** The cost of a transform for each channel of a sample, in operations: those of its products, and moving what lies between. */
function costsOf(space: readonly number[], kept: readonly number[]): Record<FourierWay, number> {
  const products = stagedProducts(space, kept);
  // Between two products, axes change places: written, read, written, and read.
  const moves = products.slice(0, -1).reduce((sum, { result }) => sum + 4 * result, 0);
  const entries = 2 * product(kept) * product(space);
  return {
    staged: operationsOf(products) + operationsPerMove * moves,
    direct: entries > largestDirect ? Number.POSITIVE_INFINITY : 2 * entries,
  };
}

/** The cheaper way for fields on `space` points. */
export function cheaperWay(space: readonly number[], kept: KeptFrequencies): FourierWay {
  const { staged, direct } = costsOf(
    space,
    kept.map(({ length }) => length),
  );
  return space.length > 1 && direct < staged ? 'direct' : 'staged';
}

/** Plans the transform of fields on `space` points that keeps these frequencies. */
export function planFourier(
  space: readonly number[],
  kept: KeptFrequencies,
  way: FourierWay = cheaperWay(space, kept),
): FourierPlan {
  const isLast = (axis: number) => axis === space.length - 1;
  if (way === 'direct') return { space, stages: [planDirect(space, kept)] };
  const stages = space.map((length, axis) => planAxis(length, kept[axis]!, axis === 0 ? 1 : 2, isLast(axis)));
  return { space, stages };
}

/**
 * Floating-point operations of a spectral convolution of one sample: both transforms, and one complex product of `inputs` with
 * `inputs x outputs` for each kept frequency.
 */
export function spectralFlops({ space, stages }: FourierPlan, inputs: number, outputs: number): number {
  const kept = stages.map(({ frequencies }) => frequencies);
  const points = stages.map(({ length }) => length);
  const transform =
    stages.length === space.length ? operationsOf(stagedProducts(space, kept)) : 4 * kept[0]! * points[0]!;
  return transform * (inputs + outputs) + 8 * inputs * outputs * product(kept);
}

/** Real numbers of the kept frequencies of one sample with so many channels. */
export const spectrumSize = ({ stages }: FourierPlan, channels: number): number =>
  2 * channels * product(stages.map(({ frequencies }) => frequencies));

/** The matrices on the engine, one for each space axis. */
type Matrices = readonly Tensor[];

/**
 * A plan's matrices on the engine. The adjoint of a transform, which its gradient is, has the transposed matrices; that of the way to
 * frequencies takes what came back through real parts of weights, and through imaginary ones, and adds them up.
 */
export interface BoundFourier {
  readonly plan: FourierPlan;
  readonly forward: Matrices;
  readonly forwardAdjoint: Matrices;
  readonly inverse: Matrices;
  readonly inverseAdjoint: Matrices;
}

/** Puts a plan's matrices on the engine. */
export function bindFourier(tf: TensorLibrary, plan: FourierPlan): BoundFourier {
  const last = plan.stages.length - 1;
  const forward = plan.stages.map((stage) =>
    tf.tensor2d(stage.forward, [2 * stage.frequencies, stage.parts * stage.length]),
  );
  const inverse = plan.stages.map((stage, axis) =>
    tf.tensor2d(stage.inverse, [stage.parts * stage.length, (axis === last ? 4 : 2) * stage.frequencies]),
  );
  const transposed = (matrices: Matrices) => matrices.map((matrix) => tf.transpose(matrix));
  return {
    plan,
    forward,
    inverse,
    forwardAdjoint: transposed(forward).map((matrix, axis) =>
      axis === last ? tf.concat([matrix, matrix], 1) : matrix,
    ),
    inverseAdjoint: transposed(inverse),
  };
}

/** Sizes that surround an axis while it is transformed: the axes that are done, and those to come with batch and channels. */
const around = ({ stages }: FourierPlan, axis: number, fields: number) => ({
  done: product(stages.slice(0, axis).map(({ frequencies }) => frequencies)),
  rest: product(stages.slice(axis + 1).map(({ length }) => length)) * fields,
});

/**
 * Space to frequencies: `[...space, batch, channels]` to `[copies, frequencies, 2 * batch, channels]`, last space axis first. The matrix of the
 * last stage says how many copies.
 */
function toFrequencies(tf: TensorLibrary, plan: FourierPlan, matrices: Matrices, x: Tensor): Tensor {
  const [batch, channels] = x.shape.slice(-2) as [number, number];
  const fields = batch * channels;
  let state = x;
  for (const [axis, { length, parts }] of plan.stages.entries()) {
    const { done, rest } = around(plan, axis, fields);
    if (axis > 0) state = tf.transpose(tf.reshape(state, [2, done, length, rest]), [0, 2, 1, 3]);
    state = tf.matMul(matrices[axis]!, tf.reshape(state, [parts * length, done * rest]));
  }
  const { frequencies } = plan.stages.at(-1)!;
  const { done } = around(plan, plan.stages.length - 1, fields);
  const spectrum = done === 1 ? state : tf.transpose(tf.reshape(state, [-1, 2, done, fields]), [0, 2, 1, 3]);
  return tf.reshape(spectrum, [-1, frequencies * done, 2 * batch, channels]);
}

/** What `toFrequencies` gave to space: `[copies, frequencies, 2 * batch, channels]` to `[...space, batch, channels]`. */
function toSpace(tf: TensorLibrary, plan: FourierPlan, matrices: Matrices, spectrum: Tensor): Tensor {
  const [copies, , pairs, channels] = spectrum.shape as [number, number, number, number];
  const [batch, fields] = [pairs / 2, (pairs / 2) * channels];
  const last = plan.stages.length - 1;
  const { done: others } = around(plan, last, fields);
  let state: Tensor =
    others === 1 ? spectrum : tf.transpose(tf.reshape(spectrum, [-1, others, 2, fields]), [0, 2, 1, 3]);
  for (const [axis, stage] of [...plan.stages.entries()].reverse()) {
    const { done, rest } = around(plan, axis, fields);
    const rows = 2 * stage.frequencies * (axis === last ? copies : 1);
    state = tf.matMul(matrices[axis]!, tf.reshape(state, [rows, done * rest]));
    if (axis > 0) state = tf.transpose(tf.reshape(state, [2, stage.length, done, rest]), [0, 2, 1, 3]);
  }
  return tf.reshape(state, [...plan.space, batch, channels]);
}

/**
 * Weights `[...modes, 2 * pairs]` of the corners of kept frequencies as those of the whole axes; the first axis changes fastest from corner to
 * corner.
 */
function joinCorners(
  tf: TensorLibrary,
  corners: readonly Tensor[],
  modes: readonly number[],
): { weight: Tensor; modes: readonly number[] } {
  let [parts, sizes] = [corners, modes];
  for (let axis = 0; parts.length > 1; axis++) {
    // In steps of few axes each: the engines are slow beyond four.
    const before = product(sizes.slice(0, axis));
    const flat = parts.map((part) => tf.reshape(part, [before, sizes[axis]!, -1]));
    parts = Array.from({ length: parts.length / 2 }, (_, pair) => tf.concat([flat[2 * pair]!, flat[2 * pair + 1]!], 1));
    sizes = sizes.map((size, at) => (at === axis ? 2 * size : size));
  }
  return { weight: parts[0]!, modes: sizes };
}

/** `[...modes, 2, pairs]` as `[2, modes, pairs]` with the modes in the opposite order. In steps of four axes, as above. */
function reverseAxes(tf: TensorLibrary, x: Tensor, modes: readonly number[], pairs: number): Tensor {
  const [first, second = 1, ...others] = modes as [number, ...number[]];
  const rest = product(others);
  const firstLast = tf.transpose(tf.reshape(x, [first, second * rest, 2, pairs]), [2, 1, 0, 3]);
  if (others.length === 0) return firstLast;
  return tf.transpose(tf.reshape(firstLast, [2, second, rest, first * pairs]), [0, 2, 1, 3]);
}

/**
 * Real and imaginary parts `[2, frequencies, in, out]` of weights `[in, out, ...modes, 2]`, one tensor for each corner of kept frequencies of
 * the whole axes. First each as a matrix that is turned, for then pairs of channels stand together and are moved in one go.
 */
function partsByFrequency(tf: TensorLibrary, weights: readonly Tensor[]): Tensor {
  const [inputs, outputs, ...others] = weights[0]!.shape.slice(0, -1) as [number, number, ...number[]];
  const pairs = inputs * outputs;
  const corners = weights.map((weight) => tf.transpose(tf.reshape(weight, [pairs, -1])));
  const { weight, modes } = joinCorners(tf, corners, others);
  return tf.reshape(reverseAxes(tf, weight, modes, pairs), [2, -1, inputs, outputs]);
}

/**
 * Spectral convolution of `[...space, batch, channels]`: per kept frequency a complex matrix `in x out`, from `weights`
 * `[in, out, ...modes, 2]`, one tensor for each corner of kept frequencies (1-D: one; 2-D: the low and the high rows; 3-D: low and high along the
 * first axis for the low, then for the high of the second), or one for all where the frequencies are not by corners.
 */
export function spectralConvolution(
  tf: TensorLibrary,
  fourier: BoundFourier,
  weights: readonly Tensor[],
): (x: Tensor) => Tensor {
  const { plan, forward, forwardAdjoint, inverse, inverseAdjoint } = fourier;
  const axes = plan.stages.length;
  const parts = partsByFrequency(tf, weights);
  const apply = withGradient(
    tf,
    (x, factors) => {
      const spectrum = toFrequencies(tf, plan, forward, x!);
      return {
        value: toSpace(tf, plan, inverse, tf.matMul(spectrum, factors!)),
        keep: [spectrum, factors!, ...forwardAdjoint, ...inverseAdjoint],
      };
    },
    (dy, [spectrum, factors, ...matrices]) => {
      const gradient = toFrequencies(tf, plan, matrices.slice(axes), dy);
      return [
        toSpace(tf, plan, matrices.slice(0, axes), tf.matMul(gradient, factors!, false, true)),
        tf.matMul(spectrum!, gradient, true),
      ];
    },
  );
  return (x) => apply(x, parts);
}
