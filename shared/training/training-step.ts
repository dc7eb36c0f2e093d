import type { NamedTensors, Scalar, Step, StepTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import { maskedDropout } from '../models/dropout.ts';
import type { LanguageModel } from '../models/language/model.ts';
import type { FieldModel } from '../models/model.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import { languageLoss } from './objectives/language.ts';
import { rolloutLoss } from './objectives/rollout.ts';
import type { Optimizer } from './optimizer.ts';
import { trainStep } from './train-step.ts';

/** Names of the scalars that are inputs of a training step; its other input is the batch, `values`. */
export const scalarNames = {
  step: 'step',
  learningRate: (parameter: string) => `learningRate/${parameter}`,
  weightDecay: (parameter: string) => `weightDecay/${parameter}`,
};

const parameterPrefix = 'parameters/';
const statePrefix = 'state/';

/** Parameters and optimizer state as the one list of tensors that a training step carries. */
export function joined(parameters: HostTensors, state: HostTensors): HostTensors {
  const named = (tensors: HostTensors, prefix: string) =>
    [...tensors].map(([name, tensor]) => [prefix + name, tensor] as const);
  return new Map([...named(parameters, parameterPrefix), ...named(state, statePrefix)]);
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

/**
 * One optimizer step on an objective: forward, gradient, update; its result is `loss`.
 * @param specs what is trained, and carried with the optimizer's state
 */
function optimizingStep(
  specs: readonly ParameterSpec[],
  optimizer: Optimizer,
  objective: (tf: TensorLibrary, parameters: NamedTensors, given: StepTensors) => Tensor,
): Step {
  return (tf, given) => {
    const { carried, inputs } = given;
    const scalarsOf = (nameOf: (parameter: string) => string) =>
      Object.fromEntries(specs.map(({ name }) => [name, inputs[nameOf(name)] as Scalar]));
    const { parameters, state, loss } = trainStep(
      tf,
      optimizer,
      (current) => objective(tf, current, given),
      under(carried, parameterPrefix),
      under(carried, statePrefix),
      {
        step: inputs[scalarNames.step] as Scalar,
        learningRates: scalarsOf(scalarNames.learningRate),
        weightDecays: scalarsOf(scalarNames.weightDecay),
      },
    );
    return { carried: { ...over(parameters, parameterPrefix), ...over(state, statePrefix) }, results: { loss } };
  };
}

const latest = new WeakMap<Optimizer, { model: FieldModel; window: number; step: Step }>();

/**
 * One optimizer step on the roll-outs of a batch. The same function object for the same arguments, so that an engine that
 * compiles steps compiles it once.
 */
export function trainingStep(model: FieldModel, optimizer: Optimizer, window: number): Step {
  const before = latest.get(optimizer);
  if (before?.model === model && before.window === window) return before.step;
  const step = optimizingStep(model.parameters, optimizer, (tf, parameters, { fixed, inputs }) =>
    rolloutLoss(tf, model, parameters, window, { values: inputs.values!, grid: fixed.grid! }),
  );
  latest.set(optimizer, { model, window, step });
  return step;
}

const maskPrefix = 'dropout/';

/** Dropout masks as inputs of a step. */
export const maskInputs = (masks: HostTensors): HostTensors =>
  new Map([...masks].map(([site, mask]) => [maskPrefix + site, mask]));

/**
 * One optimizer step of a language model. Besides the scalars its inputs are `inputIds`, `attentionMask`, `labels`, where the
 * model looks at them `tokenTypeIds`, and the masks of `maskInputs`; what is fixed are the model's frozen tensors, by name.
 */
export function languageStep(model: LanguageModel, optimizer: Optimizer): Step {
  return optimizingStep(model.parameters, optimizer, (tf, parameters, { fixed, inputs }) => {
    const { inputIds, attentionMask, tokenTypeIds, labels } = inputs;
    const batch = { inputIds: inputIds!, attentionMask: attentionMask!, labels: labels! };
    const dropout = maskedDropout(tf, under(inputs, maskPrefix));
    const typed = tokenTypeIds ? { ...batch, tokenTypeIds } : batch;
    return languageLoss(tf, model, { ...fixed, ...parameters }, typed, dropout);
  });
}
