import type { NamedTensors, Scalar, Step, StepTensors, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { type HostTensors, zeros } from '../tensors/tensor.ts';
import { clipped, globalNorm, lossAndGradients, withShare, zerosLike } from './gradients.ts';
import type { Optimizer } from './optimizer.ts';
import type { Objective } from './problem.ts';
import { type SamConfig, sharpnessAware } from './sam.ts';

/** Names of the scalars that are inputs of a training step, besides those of its objective. */
export const scalarNames = {
  /** Where a step's samples come in several batches: which part of them are in this one. */
  share: 'share',
  step: 'step',
  learningRate: (parameter: string) => `learningRate/${parameter}`,
  weightDecay: (parameter: string) => `weightDecay/${parameter}`,
  /** With SAM. */
  rho: (parameter: string) => `rho/${parameter}`,
};

const parameterPrefix = 'parameters/';
const statePrefix = 'state/';
const gradientPrefix = 'gradients/';

/** Parameters and optimizer state as the one list of tensors that a training step carries. */
export function joined(parameters: HostTensors, state: HostTensors): HostTensors {
  const named = (tensors: HostTensors, prefix: string) =>
    [...tensors].map(([name, tensor]) => [prefix + name, tensor] as const);
  return new Map([...named(parameters, parameterPrefix), ...named(state, statePrefix)]);
}

/** Where gradients of several batches are summed up, beside what `joined` puts together. */
export function gradientSums(specs: readonly ParameterSpec[]): HostTensors {
  return new Map(specs.map(({ name, shape }) => [gradientPrefix + name, zeros(shape)]));
}

/** What `joined` has put together. */
export function parted(carried: HostTensors): { parameters: HostTensors; state: HostTensors } {
  const under = (prefix: string): HostTensors =>
    new Map(
      [...carried]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
    );
  return { parameters: under(parameterPrefix), state: under(statePrefix) };
}

function under(tensors: NamedTensors, prefix: string): NamedTensors {
  const entries = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(entries.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}

function over(tensors: NamedTensors, prefix: string): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
}

/** What is done with a batch of a training step. */
export interface TrainingSteps {
  /** Of all batches of a step but the last: adds its share to the sums of gradients. Its result is its share of the `loss`. */
  readonly accumulate: Step;
  /**
   * Of the last batch, mostly the only one: clips the whole gradient and updates. Its results are its share of the `loss`, and
   * `gradientNorm` before clipping.
   */
  readonly update: Step;
}

/** Which gradient an optimizer is given. */
export interface GradientSettings {
  /** Its largest norm; absent: any. */
  readonly clipNorm?: number | undefined;
  /** Absent: that at the parameters. Its radius is an input of the step, for each parameter. */
  readonly sam?: SamConfig | undefined;
}

const latest = new WeakMap<Optimizer, { objective: Objective; settings: string; steps: TrainingSteps }>();

/**
 * Optimizer steps on an objective: forward, gradient, update. The same function objects for the same arguments, so that an
 * engine that compiles steps compiles them once.
 */
export function trainingSteps(
  objective: Objective,
  optimizer: Optimizer,
  { clipNorm, sam }: GradientSettings = {},
): TrainingSteps {
  const before = latest.get(optimizer);
  const settings = JSON.stringify({ clipNorm, adaptive: sam?.adaptive });
  if (before?.objective === objective && before.settings === settings) return before.steps;
  const steps = makeSteps(objective, optimizer, { clipNorm, sam });
  latest.set(optimizer, { objective, settings, steps });
  return steps;
}

function makeSteps(objective: Objective, optimizer: Optimizer, { clipNorm, sam }: GradientSettings): TrainingSteps {
  const scalarsOf = (inputs: StepTensors['inputs'], nameOf: (parameter: string) => string) =>
    Object.fromEntries(objective.parameters.map(({ name }) => [name, inputs[nameOf(name)]!]));

  /** Loss and gradient of this batch; where there are several, its share of the loss, and the sums up to it. */
  const upTo = (tf: TensorLibrary, given: StepTensors) => {
    const { carried, inputs } = given;
    const lossOf = (current: NamedTensors) => objective.loss(tf, current, given);
    const parameters = under(carried, parameterPrefix);
    const own = sam
      ? sharpnessAware(tf, lossOf, objective.parameters, parameters, {
          radii: scalarsOf(inputs, scalarNames.rho),
          adaptive: sam.adaptive,
        })
      : lossAndGradients(tf, lossOf, parameters);
    const share = inputs[scalarNames.share];
    if (!share) return own;
    const gradients = withShare(tf, under(carried, gradientPrefix), own.gradients, share);
    return { loss: tf.mul(own.loss, share), gradients };
  };
  return {
    accumulate(tf, given) {
      const { loss, gradients } = upTo(tf, given);
      return { carried: over(gradients, gradientPrefix), results: { loss } };
    },
    update(tf, given) {
      const { carried, inputs } = given;
      const { loss, gradients } = upTo(tf, given);
      const gradientNorm = globalNorm(tf, gradients);
      const { parameters, state } = optimizer.update(
        tf,
        objective.parameters,
        under(carried, parameterPrefix),
        clipNorm === undefined ? gradients : clipped(tf, gradients, gradientNorm, clipNorm),
        under(carried, statePrefix),
        {
          step: inputs[scalarNames.step] as Scalar,
          learningRates: scalarsOf(inputs, scalarNames.learningRate),
          weightDecays: scalarsOf(inputs, scalarNames.weightDecay),
        },
      );
      const sums = inputs[scalarNames.share] ? zerosLike(tf, gradients) : {};
      return {
        carried: { ...over(parameters, parameterPrefix), ...over(state, statePrefix), ...over(sums, gradientPrefix) },
        results: { loss, gradientNorm },
      };
    },
  };
}
