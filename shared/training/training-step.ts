import type { NamedTensors, Scalar, Step } from '../engines/engine.ts';
import type { FieldModel } from '../models/model.ts';
import type { HostTensors } from '../tensors/tensor.ts';
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

const latest = new WeakMap<Optimizer, { model: FieldModel; window: number; step: Step }>();

/**
 * One optimizer step on the roll-outs of a batch: forward, gradient, update; its result is `loss`. The same function object
 * for the same arguments, so that an engine that compiles steps compiles it once.
 */
export function trainingStep(model: FieldModel, optimizer: Optimizer, window: number): Step {
  const before = latest.get(optimizer);
  if (before?.model === model && before.window === window) return before.step;
  const step: Step = (tf, { fixed, carried, inputs }) => {
    const batch = { values: inputs.values!, grid: fixed.grid! };
    const scalarsOf = (nameOf: (parameter: string) => string) =>
      Object.fromEntries(model.parameters.map(({ name }) => [name, inputs[nameOf(name)] as Scalar]));
    const { parameters, state, loss } = trainStep(
      tf,
      optimizer,
      (current) => rolloutLoss(tf, model, current, window, batch),
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
  latest.set(optimizer, { model, window, step });
  return step;
}
