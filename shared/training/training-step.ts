import type { NamedTensors, Scalar, Step, StepTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import { maskedDropout } from '../models/dropout.ts';
import type { LanguageModel } from '../models/language/model.ts';
import type { FieldModel } from '../models/model.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { elementCount, type HostTensors } from '../tensors/tensor.ts';
import { clipped, globalNorm, lossAndGradients, withShare, zerosLike } from './gradients.ts';
import { languageLoss } from './objectives/language.ts';
import { rolloutLoss } from './objectives/rollout.ts';
import type { Optimizer } from './optimizer.ts';

/** Names of the scalars that are inputs of a training step; its other input is the batch, `values`. */
export const scalarNames = {
  /** Where a step's samples come in several batches: which part of them are in this one. */
  share: 'share',
  step: 'step',
  learningRate: (parameter: string) => `learningRate/${parameter}`,
  weightDecay: (parameter: string) => `weightDecay/${parameter}`,
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
  return new Map(
    specs.map(({ name, shape }) => [gradientPrefix + name, { shape, data: new Float32Array(elementCount(shape)) }]),
  );
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

interface StepSettings {
  /** Time steps that are given. */
  readonly window: number;
  /** The gradient's largest norm; absent: any. */
  readonly clipNorm?: number | undefined;
}

const latest = new WeakMap<Optimizer, { key: unknown[]; steps: TrainingSteps }>();

/** The same function objects for the same arguments, so that an engine that compiles steps compiles them once. */
function keptSteps(optimizer: Optimizer, key: unknown[], make: () => TrainingSteps): TrainingSteps {
  const before = latest.get(optimizer);
  if (before && key.every((each, index) => each === before.key[index])) return before.steps;
  const steps = make();
  latest.set(optimizer, { key, steps });
  return steps;
}

/** Optimizer steps on the roll-outs of batches: forward, gradient, update. */
export function trainingSteps(
  model: FieldModel,
  optimizer: Optimizer,
  { window, clipNorm }: StepSettings,
): TrainingSteps {
  const objective: Objective = (tf, parameters, { fixed, inputs }) =>
    rolloutLoss(tf, model, parameters, window, { values: inputs.values!, grid: fixed.grid! });
  return keptSteps(optimizer, [model, window, clipNorm], () =>
    makeSteps(model.parameters, optimizer, objective, clipNorm),
  );
}

const maskPrefix = 'dropout/';

/** Dropout masks as inputs of a step. */
export const maskInputs = (masks: HostTensors): HostTensors =>
  new Map([...masks].map(([site, mask]) => [maskPrefix + site, mask]));

/**
 * Optimizer steps of a language model. Besides the scalars their inputs are `inputIds`, `attentionMask`, `labels`, where the
 * model looks at them `tokenTypeIds`, and the masks of `maskInputs`; what is fixed are the model's frozen tensors, by name.
 */
export function languageSteps(
  model: LanguageModel,
  optimizer: Optimizer,
  { clipNorm }: Pick<StepSettings, 'clipNorm'>,
): TrainingSteps {
  const objective: Objective = (tf, parameters, { fixed, inputs }) => {
    const { inputIds, attentionMask, tokenTypeIds, labels } = inputs;
    const batch = { inputIds: inputIds!, attentionMask: attentionMask!, labels: labels! };
    const dropout = maskedDropout(tf, under(inputs, maskPrefix));
    const typed = tokenTypeIds ? { ...batch, tokenTypeIds } : batch;
    return languageLoss(tf, model, { ...fixed, ...parameters }, typed, dropout);
  };
  return keptSteps(optimizer, [model, clipNorm], () => makeSteps(model.parameters, optimizer, objective, clipNorm));
}

/** The loss of a batch, a mean over its samples. */
type Objective = (tf: TensorLibrary, parameters: NamedTensors, given: StepTensors) => Tensor;

function makeSteps(
  specs: readonly ParameterSpec[],
  optimizer: Optimizer,
  objective: Objective,
  clipNorm: number | undefined,
): TrainingSteps {
  /** Loss and gradient of this batch; where there are several, its share of the loss, and the sums up to it. */
  const upTo = (tf: TensorLibrary, given: StepTensors) => {
    const { carried, inputs } = given;
    const own = lossAndGradients(tf, (current) => objective(tf, current, given), under(carried, parameterPrefix));
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
      const scalarsOf = (nameOf: (parameter: string) => string) =>
        Object.fromEntries(specs.map(({ name }) => [name, inputs[nameOf(name)] as Scalar]));
      const { parameters, state } = optimizer.update(
        tf,
        under(carried, parameterPrefix),
        clipNorm === undefined ? gradients : clipped(tf, gradients, gradientNorm, clipNorm),
        under(carried, statePrefix),
        {
          step: inputs[scalarNames.step] as Scalar,
          learningRates: scalarsOf(scalarNames.learningRate),
          weightDecays: scalarsOf(scalarNames.weightDecay),
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
