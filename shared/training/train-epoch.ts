import { setImmediate } from 'node:timers/promises';
import type { Trajectories } from '../datasets/trajectories.ts';
import type { Engine, NamedTensors, Scalar, TensorLibrary } from '../engines/engine.ts';
import type { FieldModel } from '../models/model.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import { type AppliedRate, groupRates, type ParameterMultipliers, type RateGroup } from './applied-rates.ts';
import { batchTensor, checkTimeSteps, gridTensor, shuffledBatches } from './batches.ts';
import { rolloutLoss } from './objectives/rollout.ts';
import type { Optimizer, StepScalars } from './optimizer.ts';
import { trainStep } from './train-step.ts';
import { toEngine, toHost } from './transfer.ts';

export type { ParameterMultipliers } from './applied-rates.ts';

/** In the optimizer's state, besides its own tensors: how many steps were ever taken. */
const stepCountName = 'step';

export interface EpochRequest {
  readonly engine: Engine;
  readonly model: FieldModel;
  readonly optimizer: Optimizer;
  readonly parameters: HostTensors;
  /** What the last epoch left; undefined for a fresh optimizer. */
  readonly state: HostTensors | undefined;
  readonly data: Trajectories;
  /** Time steps that are given. */
  readonly window: number;
  /** Time steps that are predicted, each from the predictions before it. */
  readonly rolloutSteps: number;
  readonly batchSize: number;
  readonly seed: number;
  /** 1 for the first. */
  readonly epoch: number;
  /** Base learning rate at a step, 0 for the first of the run. */
  readonly baseRate: (step: number) => number;
  /** Base weight decay. */
  readonly weightDecay: number;
  readonly rates: ParameterMultipliers;
  /** Called after every step; `step` counts from 1 to `steps`. */
  readonly onStep?: (progress: { step: number; steps: number; loss: number }) => void;
}

export interface EpochResult {
  /** After the epoch; as they came where it diverged. */
  readonly parameters: HostTensors;
  readonly state: HostTensors;
  /** Mean of `losses`. */
  readonly loss: number;
  /** Of every step, before its update. */
  readonly losses: readonly number[];
  /** Of the epoch's first step. */
  readonly baseLearningRate: number;
  readonly applied: readonly AppliedRate[];
  /** Set when a loss or a weight stopped being finite: at which step (1-based) of the epoch, and the loss there. */
  readonly diverged?: { readonly step: number; readonly loss: number };
}

/** Optimizer steps in an epoch. */
export function stepsPerEpoch(samples: number, batchSize: number): number {
  return Math.ceil(samples / batchSize);
}

/** The scalars of one step, and the rate of each group that they were made from. */
function stepScalars(
  tf: TensorLibrary,
  groups: readonly RateGroup[],
  baseRate: number,
  step: number,
): { scalars: StepScalars; rates: number[] } {
  const learningRates: Record<string, Scalar> = {};
  const weightDecays: Record<string, Scalar> = {};
  const rates = groups.map(({ parameters, learningRateMultiplier, weightDecay }) => {
    const rate = baseRate * learningRateMultiplier;
    const [rateScalar, decayScalar] = [tf.scalar(rate), tf.scalar(weightDecay)];
    for (const name of parameters) {
      learningRates[name] = rateScalar;
      weightDecays[name] = decayScalar;
    }
    return rate;
  });
  return { scalars: { step: tf.scalar(step), learningRates, weightDecays }, rates };
}

const allFinite = (tensors: HostTensors) => [...tensors.values()].every(({ data }) => data.every(Number.isFinite));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Trains one pass over the data. Depends on nothing but its arguments, so that the same host tensors give the same bits
 * again. Gives the event loop a turn after every step, and stops at the first loss that is not finite.
 * @throws UserError when the trajectories are too short for window and roll-out.
 */
export async function trainEpoch(request: EpochRequest): Promise<EpochResult> {
  const { model, optimizer, data, window, rolloutSteps, batchSize, seed, epoch, baseRate, rates } = request;
  const { tf } = request.engine;
  checkTimeSteps(data, window, rolloutSteps);
  const batches = shuffledBatches(data.shape[0]!, batchSize, seed, epoch);
  const firstStep = (epoch - 1) * batches.length;
  const groups = groupRates(model.parameters, rates, request.weightDecay);
  const initialState = request.state ?? optimizer.init(model.parameters);
  const taken = initialState.get(stepCountName)?.data[0] ?? 0;

  const losses: number[] = [];
  const ratesByStep: number[][] = [];
  const grid = gridTensor(tf, data);
  let parameters = toEngine(tf, request.parameters);
  let state = toEngine(tf, new Map([...initialState].filter(([name]) => name !== stepCountName)));
  const stateNames = Object.keys(state);

  const takeStep = async (batch: readonly number[], index: number): Promise<number> => {
    const values = batchTensor(tf, data, batch, window + rolloutSteps);
    const step = stepScalars(tf, groups, baseRate(firstStep + index), taken + index + 1);
    const objective = (current: NamedTensors) => rolloutLoss(tf, model, current, window, { values, grid });
    const result = trainStep(tf, optimizer, objective, parameters, state, step.scalars);
    const [loss] = await result.loss.data();
    tf.dispose([parameters, state, result.loss, values, { ...step.scalars }] as never);
    ({ parameters, state } = result);
    losses.push(loss!);
    ratesByStep.push(step.rates);
    return loss!;
  };

  try {
    for (const [index, batch] of batches.entries()) {
      const loss = await takeStep(batch, index);
      if (!Number.isFinite(loss)) break;
      request.onStep?.({ step: index + 1, steps: batches.length, loss });
      await setImmediate();
    }
    const loss = mean(losses);
    const trained = await toHost(parameters, request.parameters.keys());
    const progress = {
      loss,
      losses,
      baseLearningRate: baseRate(firstStep),
      applied: groups.map((group, index) => ({ ...group, learningRate: ratesByStep.map((step) => step[index]!) })),
    };
    if (!Number.isFinite(loss) || !allFinite(trained)) {
      const diverged = { step: losses.length, loss: losses.at(-1)! };
      return { ...progress, parameters: request.parameters, state: initialState, diverged };
    }
    const count = { shape: [], data: Float32Array.of(taken + losses.length) };
    const left = new Map([...(await toHost(state, stateNames)), [stepCountName, count] as const]);
    return { ...progress, parameters: trained, state: left };
  } finally {
    tf.dispose([parameters, state, grid] as never);
  }
}
