/** An exponential moving average of the weights, beside any optimizer. */
import { z } from 'zod';
import type { NamedTensors, Scalar, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { type HostTensor, type HostTensors, zeros } from '../tensors/tensor.ts';
import type { Optimizer } from './optimizer.ts';

/** The run file's `training.ema`. */
export const emaSchema = z
  .strictObject({
    decay: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.999)
      .describe('Share of the average that each step keeps. It averages about the last 1 / (1 - decay) steps.'),
    warmUp: z
      .boolean()
      .default(true)
      .describe(
        'Whether the decay is smaller at the beginning: min(decay, (1 + n) / (10 + n)) after n steps. A short run then averages about its last tenth, and not its beginning.',
      ),
  })
  .describe(
    'Exponential moving average of the weights, updated after every step. The average is evaluated, judged and exported. Training, and the spectra that set its rates, use the weights themselves. Absent: off.',
  );
export type EmaConfig = z.infer<typeof emaSchema>;

/** Before the names of the averages in an optimizer's state. */
const prefix = 'average/';

/** 1 - decay: 1 at the first step, so that the average begins as the weights after it, as torch's AveragedModel does. */
function forgotten(tf: TensorLibrary, { decay, warmUp }: EmaConfig, step: Scalar): Tensor {
  const first = tf.relu(tf.sub(2, step));
  const usual = tf.maximum(first, 1 - decay);
  // With n = step - 1, 1 - (1 + n) / (10 + n) = 9 / (9 + step).
  return warmUp ? tf.maximum(usual, tf.div(9, tf.add(step, 9))) : usual;
}

/** The optimizer with the average of the weights in its state, as `average/<parameter>`; the optimizer itself where there is no `ema`. */
export function withAverage(optimizer: Optimizer, ema: EmaConfig | undefined): Optimizer {
  if (!ema) return optimizer;
  return {
    elementwise: optimizer.elementwise,
    init: (specs) =>
      new Map([
        ...optimizer.init(specs),
        ...specs.map(({ name, shape }): [string, HostTensor] => [prefix + name, zeros(shape)]),
      ]),
    update(tf, specs, parameters, gradients, state, scalars) {
      const after = optimizer.update(tf, specs, parameters, gradients, state, scalars);
      const share = forgotten(tf, ema, scalars.step);
      const averages: Record<string, NamedTensors[string]> = {};
      for (const { name } of specs) {
        const before = state[prefix + name]!;
        averages[prefix + name] = tf.add(before, tf.mul(tf.sub(after.parameters[name]!, before), share));
      }
      return { parameters: after.parameters, state: { ...after.state, ...averages } };
    },
  };
}

/**
 * An optimizer's state without the average of the weights, and the average, by the parameters' names, where it has one: of what is
 * stored with the parameters and not trained, such as batch norm's statistics, a copy, as torch's AveragedModel has it.
 */
export function splitAverage(
  state: HostTensors,
  parameters: HostTensors,
): { state: HostTensors; average: HostTensors | undefined } {
  const isAverage = ([name]: [string, HostTensor]) => name.startsWith(prefix);
  const average = [...state].filter(isAverage);
  if (average.length === 0) return { state, average: undefined };
  return {
    state: new Map([...state].filter((entry) => !isAverage(entry))),
    average: new Map(
      [...parameters].map(([name, { shape, data }]) => [
        name,
        state.get(prefix + name) ?? { shape, data: data.slice() },
      ]),
    ),
  };
}

/** Puts together again what `splitAverage` took apart, of the parameters that are trained. */
export function joinAverage(
  state: HostTensors | undefined,
  average: HostTensors | undefined,
  trained: readonly ParameterSpec[],
): HostTensors | undefined {
  if (!state || !average) return state;
  return new Map([...state, ...trained.map(({ name }) => [prefix + name, average.get(name)!] as const)]);
}
