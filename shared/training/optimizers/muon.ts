import { z } from 'zod';
import { matchesName } from '../../core/name-pattern.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import { elementCount, type HostTensor, zeros } from '../../tensors/tensor.ts';
import type { OptimizerFamily } from '../optimizer.ts';
import { adamDirection, biasCorrections, zeroMoments } from './adam-moments.ts';
import { adamSettings } from './adam-settings.ts';
import { lengthOf } from './trust-ratio.ts';

/** The layer that scores words from a hidden state: a head, though its spectrum is measured. */
const usuallyExcluded = ['lm_head'];

const configSchema = z.strictObject({
  name: z
    .literal('muon')
    .describe(
      "Muon: the step of a layer's matrix is its momentum, made orthogonal. AdamW trains embeddings, heads, biases, norms and complex weights, at `adamRate` times the rate.",
    ),
  momentum: z.number().min(0).lt(1).default(0.95).describe("Share of a matrix's last momentum that is kept."),
  nesterov: z.boolean().default(true).describe('Whether the step uses Nesterov momentum.'),
  iterations: z
    .int()
    .positive()
    .max(20)
    .default(5)
    .describe(
      'Newton-Schulz iterations, in float32, that make a step orthogonal. More iterations are hardly more exact. With large matrices and small batches, they take longer than the gradient.',
    ),
  adjust: z
    .enum(['original', 'match-rms-adamw'])
    .default('original')
    .describe(
      "Factor on the step of a matrix. original: the square root of rows over columns if that is above 1 (Jordan; usual rate 0.02). match-rms-adamw: 0.2 times the square root of the longer side. Steps are then as long as AdamW's, so AdamW's rates and decays fit (Liu et al.).",
    ),
  adamRate: z
    .number()
    .positive()
    .optional()
    .describe(
      "The rate of what AdamW trains, as a share of the rate. So schedule and balancing apply to it, too. Absent: 0.05 with adjust original (0.001 beside Muon's 0.02), 1 with match-rms-adamw.",
    ),
  exclude: z
    .array(z.string().min(1))
    .default(usuallyExcluded)
    .describe('Names of layers whose matrices AdamW trains. * stands for any characters, ? for one.'),
  ...adamSettings,
});
type Config = z.infer<typeof configSchema>;

const momentumOf = (name: string) => `momentum/${name}`;

/** Whether a parameter is a matrix that Muon trains, or a kernel `[out, in, ...]`, which is one of `[out, in * ...]`. */
const isMatrix = ({ exclude }: Config, { shape, complex, layer }: ParameterSpec): boolean =>
  layer !== undefined && !complex && shape.length > 1 && !exclude.some((pattern) => matchesName(pattern, layer));

const sidesOf = ({ shape }: ParameterSpec): [rows: number, columns: number] => [
  shape[0]!,
  elementCount(shape.slice(1)),
];

/** Coefficients that make small singular values grow fastest; those it leaves are between about 0.7 and 1.2. */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const;

/** The nearest orthogonal matrix, roughly: X <- a X + (b A + c A^2) X with A = X X^T, begun at Frobenius norm 1. In float32. */
function orthogonalised(tf: TensorLibrary, matrix: Tensor, iterations: number): Tensor {
  return tf.tidy(() => {
    const [rows, columns] = matrix.shape as [number, number];
    const isTall = rows > columns;
    const lying = isTall ? tf.transpose(matrix) : matrix;
    let x = tf.div(lying, tf.add(lengthOf(tf, lying), 1e-7));
    for (let taken = 0; taken < iterations; taken++) {
      const gram = tf.matMul(x, x, false, true);
      const change = tf.add(tf.mul(gram, b), tf.mul(tf.matMul(gram, gram), c));
      x = tf.add(tf.mul(x, a), tf.matMul(change, x));
    }
    return isTall ? tf.transpose(x) : x;
  });
}

function adjustment({ adjust }: Config, spec: ParameterSpec): number {
  const [rows, columns] = sidesOf(spec);
  return adjust === 'original' ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
}

/** The step of a matrix at rate 1, and its momentum after it: an average of gradients, in which a step's weighs 1 - momentum. */
function muonStep(
  tf: TensorLibrary,
  spec: ParameterSpec,
  config: Config,
  gradient: Tensor,
  before: Tensor,
): { step: Tensor; momentum: Tensor } {
  const mixed = (old: Tensor, now: Tensor) => tf.add(tf.mul(old, config.momentum), tf.mul(now, 1 - config.momentum));
  const momentum = mixed(before, gradient);
  const wanted = config.nesterov ? mixed(momentum, gradient) : momentum;
  const orthogonal = orthogonalised(tf, tf.reshape(wanted, sidesOf(spec)), config.iterations);
  return { step: tf.mul(tf.reshape(orthogonal, [...spec.shape]), adjustment(config, spec)), momentum };
}

/** Three products of matrices an iteration: X X^T and its product with X, and its square. */
function flopsOf(config: Config, specs: readonly ParameterSpec[]): number {
  const each = specs.map((spec) => {
    if (!isMatrix(config, spec)) return 0;
    const [short, long] = sidesOf(spec).toSorted((one, other) => one - other) as [number, number];
    return config.iterations * (4 * short * short * long + 2 * short ** 3);
  });
  return each.reduce((sum, flops) => sum + flops, 0);
}

/** Patterns that match no layer, and settings under which there is nothing for Muon to train. */
function warningsOf(config: Config, specs: readonly ParameterSpec[]): string[] {
  const layers = [...new Set(specs.flatMap(({ layer }) => layer ?? []))];
  const unmatched = config.exclude.filter(
    (pattern) => !usuallyExcluded.includes(pattern) && !layers.some((layer) => matchesName(pattern, layer)),
  );
  return [
    ...unmatched.map((pattern) =>
      `training.optimizer.exclude: "${pattern}" matches no layer; ${didYouMean(pattern, layers)}`.replace(/; $/, ''),
    ),
    ...(specs.some((spec) => isMatrix(config, spec))
      ? []
      : ['training.optimizer: there is no matrix for muon to train, so AdamW trains everything']),
  ];
}

/**
 * Momentum made orthogonal for the matrices of layers, AdamW for all else; weight decay is decoupled, at the rate before `adjust`. Rows and
 * columns are those of the tensor as it is stored. In float32, where published code iterates in bfloat16. Sources: Jordan et al., Muon: An
 * optimizer for hidden layers in neural networks (2024); Liu et al., Muon is Scalable for LLM Training (2025), arXiv 2502.16982.
 */
export const muon = {
  name: 'muon',
  configSchema,
  movesByRate: () => true,
  rateScale: ({ adjust }) => (adjust === 'original' ? 20 : 1),
  stepFlops: flopsOf,
  warnings: warningsOf,
  build: (config) => {
    const { adamRate = config.adjust === 'original' ? 0.05 : 1 } = config;
    return {
      elementwise: false,
      init: (parameters) =>
        new Map(
          parameters.flatMap((spec): [string, HostTensor][] => {
            const { name, shape } = spec;
            if (!isMatrix(config, spec)) return [...zeroMoments([spec], config)];
            return [[momentumOf(name), zeros(shape)]];
          }),
        ),
      update(tf, specs, parameters, gradients, state, scalars) {
        const corrections = biasCorrections(tf, config, scalars.step);
        const updated: Record<string, NamedTensors[string]> = {};
        const kept: Record<string, NamedTensors[string]> = {};
        for (const spec of specs) {
          const { name } = spec;
          const [parameter, gradient] = [parameters[name]!, gradients[name]!];
          const given = scalars.learningRates[name]!;
          const ofMuon = isMatrix(config, spec);
          const rate = ofMuon ? given : tf.mul(given, adamRate);
          const shrunk = spec.decay
            ? tf.mul(parameter, tf.sub(1, tf.mul(rate, scalars.weightDecays[name]!)))
            : parameter;
          if (ofMuon) {
            const { step, momentum } = muonStep(tf, spec, config, gradient, state[momentumOf(name)]!);
            kept[momentumOf(name)] = momentum;
            updated[name] = tf.sub(shrunk, tf.mul(step, rate));
          } else {
            const result = adamDirection(tf, spec, config, gradient, state, corrections);
            Object.assign(kept, result.state);
            updated[name] = tf.sub(shrunk, tf.mul(result.direction, tf.mul(result.factor, rate)));
          }
        }
        return { parameters: updated, state: kept };
      },
    };
  },
} satisfies OptimizerFamily<Config>;
