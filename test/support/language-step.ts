import type { Engine, Step } from '../../shared/engines/engine.ts';
import { noDropout } from '../../shared/models/dropout.ts';
import type { LanguageModel } from '../../shared/models/language/model.ts';
import type { HostTensor, HostTensors, MixedTensors } from '../../shared/tensors/tensor.ts';
import { lossAndGradients } from '../../shared/training/gradients.ts';
import {
  type LossOptions,
  languageLoss,
  languageObjective,
  textsOf,
} from '../../shared/training/objectives/language.ts';
import { buildOptimizer, optimizerSchema } from '../../shared/training/optimizers/registry.ts';
import { joined, parted, trainingSteps } from '../../shared/training/training-step.ts';

/** A model with the values of its parameters, on texts. */
interface Setup {
  readonly model: LanguageModel;
  /** Frozen ones included. */
  readonly parameters: HostTensors;
  readonly inputs: MixedTensors;
}

const chosen = (values: HostTensors, specs: LanguageModel['parameters']): HostTensors =>
  new Map(specs.map(({ name }) => [name, values.get(name)!]));

/** Logits, loss and the gradient of every trained parameter. */
const gradientStep =
  (model: LanguageModel, options: LossOptions): Step =>
  (tf, { fixed, carried, inputs }) => {
    const tokens = textsOf(inputs);
    const { loss, gradients } = lossAndGradients(
      tf,
      (trained) =>
        languageLoss(tf, model, { ...fixed, ...trained }, { ...tokens, labels: inputs.labels! }, noDropout, options),
      carried,
    );
    const logits = model.forward(tf, { ...fixed, ...carried }, tokens, noDropout);
    return { results: { ...gradients, loss, logits } };
  };

export async function gradientsOn(
  engine: Engine,
  { model, parameters, inputs }: Setup,
  options: LossOptions = {},
): Promise<HostTensors> {
  const loop = await engine.loop(gradientStep(model, options), {
    fixed: chosen(parameters, model.frozen),
    carried: chosen(parameters, model.parameters),
  });
  try {
    return await loop.run(inputs);
  } finally {
    await loop.close();
  }
}

/** The scalars of a step with rates of each parameter's own. */
export function scalarInputs(
  step: number,
  learningRates: Readonly<Record<string, number>>,
  weightDecay: number,
  /** With SAM. */
  rho?: number,
): MixedTensors {
  const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });
  return new Map([
    ['step', scalar(step)],
    ...Object.entries(learningRates).flatMap(([name, rate]): [string, HostTensor][] => [
      [`learningRate/${name}`, scalar(rate)],
      [`weightDecay/${name}`, scalar(weightDecay)],
      ...(rho === undefined ? [] : [[`rho/${name}`, scalar(rho)] as [string, HostTensor]]),
    ]),
  ]);
}

/** Losses before each step of AdamW on the same texts, and what is trained after the last. */
export async function trainOn(
  engine: Engine,
  { model, parameters, inputs }: Setup,
  options: { steps: number; rateOf: (parameter: string) => number; weightDecay: number },
): Promise<{ losses: number[]; parameters: HostTensors }> {
  const optimizer = buildOptimizer(optimizerSchema.parse({ name: 'adamw' }));
  const loop = await engine.loop(trainingSteps(languageObjective(model), optimizer).update, {
    fixed: chosen(parameters, model.frozen),
    carried: joined(chosen(parameters, model.parameters), optimizer.init(model.parameters)),
  });
  const rates = Object.fromEntries(model.parameters.map(({ name }) => [name, options.rateOf(name)]));
  const losses: number[] = [];
  try {
    for (let step = 1; step <= options.steps; step++) {
      const results = await loop.run(new Map([...inputs, ...scalarInputs(step, rates, options.weightDecay)]));
      losses.push(results.get('loss')!.data[0]!);
    }
    return { losses, parameters: parted(await loop.read()).parameters };
  } finally {
    await loop.close();
  }
}

export const largestDifference = (found: ArrayLike<number>, expected: ArrayLike<number>): number =>
  Array.from(found).reduce((most, value, index) => Math.max(most, Math.abs(value - expected[index]!)), 0);

export const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
