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
  /** The name of a parameter's radius, with SAM. */
  rho: (parameter: string) => `rho/${parameter}`,
};

const parameterPrefix = 'parameters/';
const statePrefix = 'state/';
const gradientPrefix = 'gradients/';

/** The name of a parameter among what a training step carries. */
export const carriedName = (parameter: string): string => parameterPrefix + parameter;

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

/** Splits what `joined` has put together into parameters and state. */
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

/** The tensors that are others than before. */
function changed(tensors: NamedTensors, before: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name, tensor]) => tensor !== before[name]));
}

/** Keeps tensors beyond the scope that they were computed in. */
function kept(tf: TensorLibrary, tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tf.keep(tensor)]));
}

/** The functions that a training step is made of. */
export interface TrainingSteps {
  /** Of all batches of a step but the last: adds its share to the sums of gradients. Its result is its share of the `loss`. */
  readonly accumulate: Step;
  /**
   * Of the last batch, mostly the only one: clips the whole gradient and updates. Its results are its share of the `loss`, and
   * `gradientNorm` before clipping.
   */
  readonly update: Step;
}

/** The settings of the gradient that an optimizer is given. */
export interface GradientSettings {
  /** The largest norm of the gradient; absent: no limit. */
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

  const stateNames = new Set(objective.state?.map(({ name }) => name));
  /** What is trained of the tensors of a model, and what it keeps from call to call. */
  const trainedAndState = (tensors: NamedTensors): [NamedTensors, NamedTensors] => {
    const some = (isState: boolean) =>
      Object.fromEntries(Object.entries(tensors).filter(([name]) => stateNames.has(name) === isState));
    return [some(false), some(true)];
  };

  /** Loss and gradient of this batch, and the state after it; where there are several, its share of the loss, and the sums up to it. */
  const upTo = (tf: TensorLibrary, given: StepTensors) => {
    const { carried, inputs } = given;
    const [parameters, before] = trainedAndState(under(carried, parameterPrefix));
    let after: NamedTensors | undefined;
    const lossOf = (current: NamedTensors) => {
      const state = { ...before };
      const loss = objective.loss(tf, current, given, state);
      // The first pass is that at the parameters. The state of SAM's second one, computed near them, is dropped.
      after ??= kept(tf, changed(state, before));
      return loss;
    };
    const own = sam
      ? sharpnessAware(tf, lossOf, objective.parameters, parameters, {
          radii: scalarsOf(inputs, scalarNames.rho),
          adaptive: sam.adaptive,
        })
      : lossAndGradients(tf, lossOf, parameters);
    const share = inputs[scalarNames.share];
    const state = over(after ?? {}, parameterPrefix);
    if (!share) return { ...own, state };
    const gradients = withShare(tf, under(carried, gradientPrefix), own.gradients, share);
    return { loss: tf.mul(own.loss, share), gradients, state };
  };
  return {
    accumulate(tf, given) {
      const { loss, gradients, state } = upTo(tf, given);
      return { carried: { ...over(gradients, gradientPrefix), ...state }, results: { loss } };
    },
    update(tf, given) {
      const { carried, inputs } = given;
      const { loss, gradients, state: stateAfter } = upTo(tf, given);
      const gradientNorm = globalNorm(tf, gradients);
      const { parameters, state } = optimizer.update(
        tf,
        objective.parameters,
        trainedAndState(under(carried, parameterPrefix))[0],
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
        carried: {
          ...over(parameters, parameterPrefix),
          ...stateAfter,
          ...over(state, statePrefix),
          ...over(sums, gradientPrefix),
        },
        results: { loss, gradientNorm },
      };
    },
  };
}
