import { z } from 'zod';
import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import { type HostTensor, zeros } from '../../tensors/tensor.ts';
import type { OptimizerFamily } from '../optimizer.ts';

const configSchema = z.strictObject({
  name: z
    .literal('adafactor')
    .describe('Adafactor. The second moment of a matrix is kept as one number for each row and each column.'),
  decayRate: z
    .number()
    .lt(0)
    .default(-0.8)
    .describe('The decay of the average of the squared gradient at step t is 1 - t^decayRate.'),
  clipThreshold: z
    .number()
    .positive()
    .default(1)
    .describe('Largest root mean square of a step, before the learning rate.'),
  scaleParameter: z
    .boolean()
    .default(true)
    .describe(
      'Whether the rate is multiplied by the root mean square of the parameter, or by minimumScale if that is larger.',
    ),
  minimumScale: z.number().positive().default(1e-3).describe('Smallest factor of scaleParameter.'),
  epsilon: z.number().positive().default(1e-30).describe('Added to the squared gradient.'),
});
type Config = z.infer<typeof configSchema>;

const rowsOf = (name: string) => `secondMomentRows/${name}`;
const columnsOf = (name: string) => `secondMomentColumns/${name}`;
const wholeOf = (name: string) => `secondMoment/${name}`;

/** Shape of the squared gradient: a complex parameter has |g|^2 for real and imaginary part together. */
const squaredShape = ({ shape, complex }: ParameterSpec) => (complex ? shape.slice(0, -1) : shape);

function zeroMoments(spec: ParameterSpec): [string, HostTensor][] {
  const shape = squaredShape(spec);
  if (shape.length < 2) return [[wholeOf(spec.name), zeros(shape)]];
  return [
    [rowsOf(spec.name), zeros(shape.slice(0, -1))],
    [columnsOf(spec.name), zeros([...shape.slice(0, -2), shape.at(-1)!])],
  ];
}

const rootMeanSquare = (tf: TensorLibrary, x: Tensor) => tf.sqrt(tf.mean(tf.square(x)));

/** Gradient over the root of its second moment, and the moments after it; `forget` is 1 - beta2. */
function adafactorDirection(
  tf: TensorLibrary,
  spec: ParameterSpec,
  { epsilon }: Config,
  gradient: Tensor,
  state: NamedTensors,
  forget: Tensor,
): { direction: Tensor; state: NamedTensors } {
  const squares = tf.add(spec.complex ? tf.sum(tf.square(gradient), -1) : tf.square(gradient), epsilon);
  const after = (name: string, now: Tensor) => tf.add(tf.mul(state[name]!, tf.sub(1, forget)), tf.mul(now, forget));
  const scaled = (deviation: Tensor) => tf.div(gradient, spec.complex ? tf.expandDims(deviation, -1) : deviation);
  if (squares.rank < 2) {
    const moment = after(wholeOf(spec.name), squares);
    return { direction: scaled(tf.sqrt(moment)), state: { [wholeOf(spec.name)]: moment } };
  }
  const rows = after(rowsOf(spec.name), tf.mean(squares, -1));
  const columns = after(columnsOf(spec.name), tf.mean(squares, -2));
  const rowDeviation = tf.sqrt(tf.div(rows, tf.mean(rows, -1, true)));
  const deviation = tf.mul(tf.expandDims(rowDeviation, -1), tf.expandDims(tf.sqrt(columns), -2));
  return { direction: scaled(deviation), state: { [rowsOf(spec.name)]: rows, [columnsOf(spec.name)]: columns } };
}

/**
 * Adafactor without a first moment, at the rates it is given, as `transformers.Adafactor` with `relative_step=False`; weight
 * decay is decoupled. Source: Shazeer and Stern, Adafactor (ICML 2018).
 */
export const adafactor = {
  name: 'adafactor',
  configSchema,
  movesByRate: ({ scaleParameter }) => !scaleParameter,
  build: (config) => ({
    elementwise: false,
    init: (parameters) => new Map(parameters.flatMap(zeroMoments)),
    update(tf, specs, parameters, gradients, state, scalars) {
      const forget = tf.pow(scalars.step, config.decayRate);
      const updated: Record<string, Tensor> = {};
      const moments: Record<string, Tensor> = {};
      for (const spec of specs) {
        const parameter = parameters[spec.name]!;
        const given = scalars.learningRates[spec.name]!;
        const rate = config.scaleParameter
          ? tf.mul(given, tf.maximum(rootMeanSquare(tf, parameter), config.minimumScale))
          : given;
        const result = adafactorDirection(tf, spec, config, gradients[spec.name]!, state, forget);
        Object.assign(moments, result.state);
        const excess = tf.maximum(1, tf.div(rootMeanSquare(tf, result.direction), config.clipThreshold));
        const shrunk = spec.decay
          ? tf.mul(parameter, tf.sub(1, tf.mul(rate, scalars.weightDecays[spec.name]!)))
          : parameter;
        updated[spec.name] = tf.sub(shrunk, tf.mul(result.direction, tf.div(rate, excess)));
      }
      return { parameters: updated, state: moments };
    },
  }),
} satisfies OptimizerFamily<Config>;
