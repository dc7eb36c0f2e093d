import { z } from 'zod';
import type { NamedTensors, Scalar, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { lossAndGradients } from './gradients.ts';

/** The run file's `training.sam`. */
export const samSchema = z
  .strictObject({
    rho: z
      .number()
      .positive()
      .describe(
        'Distance from the weights at which the gradient is computed, over all trained weights together. Published: 0.05. `balance.target` may set it by layer.',
      ),
    adaptive: z
      .boolean()
      .default(false)
      .describe(
        "ASAM: each weight is moved in proportion to its squared size, so the scales of layers don't matter. Published rho: 0.5.",
      ),
  })
  .describe(
    'Sharpness-aware minimisation with any optimizer: the gradient is computed where the loss nearby is largest. A step takes twice as long. Absent: off.',
  );
export type SamConfig = z.infer<typeof samSchema>;

/** Gradients that a step takes. */
export const gradientsPerStep = (sam: SamConfig | undefined): number => (sam ? 2 : 1);

/** The radius and the scaling of one step of SAM. */
interface Ascent {
  /** Rho of each parameter: a number, or one for each element. */
  readonly radii: NamedTensors;
  readonly adaptive: boolean;
}

/**
 * Where the loss is largest near the parameters, to first order: w + rho T^2 g / ||T g||, the norm over all of them together, rho
 * each one's own; T is 1, or |w| if adaptive, a complex number's modulus. Sources: Foret et al., SAM (ICLR 2021); Kwon et al., ASAM (ICML 2021).
 */
function ascended(
  tf: TensorLibrary,
  specs: readonly ParameterSpec[],
  parameters: NamedTensors,
  gradients: NamedTensors,
  { radii, adaptive }: Ascent,
): NamedTensors {
  const directions = specs.map(({ name, complex }): { name: string; direction: Tensor; square: Tensor } => {
    const gradient = gradients[name]!;
    if (!adaptive) return { name, direction: gradient, square: tf.sum(tf.square(gradient)) };
    const squares = tf.square(parameters[name]!);
    const direction = tf.mul(complex ? tf.sum(squares, -1, true) : squares, gradient);
    return { name, direction, square: tf.sum(tf.mul(direction, gradient)) };
  });
  const norm = tf.sqrt(tf.addN(directions.map(({ square }) => square)));
  const length = tf.add(norm, 1e-12);
  const moved = ({ name, direction }: (typeof directions)[number]) =>
    tf.add(parameters[name]!, tf.mul(direction, tf.div(radii[name]!, length)));
  return Object.fromEntries(directions.map((each) => [each.name, moved(each)]));
}

/** The loss at the parameters, and the gradients where `ascended` goes from them. */
export function sharpnessAware(
  tf: TensorLibrary,
  lossOf: (parameters: NamedTensors) => Tensor,
  specs: readonly ParameterSpec[],
  parameters: NamedTensors,
  ascent: Ascent,
): { loss: Scalar; gradients: NamedTensors } {
  // Tidied, so that the first gradients' memory is free in the second pass.
  const { loss, worst } = tf.tidy(() => {
    const { loss, gradients } = lossAndGradients(tf, lossOf, parameters);
    return { loss, worst: ascended(tf, specs, parameters, gradients, ascent) };
  });
  return { loss, gradients: lossAndGradients(tf, lossOf, worst).gradients };
}
