import { setImmediate } from 'node:timers/promises';
import { collectGarbage } from '../core/collect-garbage.ts';
import type { Engine, Loop, RunOptions } from '../engines/engine.ts';
import { allFinite, type HostTensor, type HostTensors, type MixedTensors, totalCount } from '../tensors/tensor.ts';
import {
  groupRates,
  multipliersAlong,
  type ParameterMultipliers,
  type Ramp,
  type RateGroup,
  rampShare,
} from './applied-rates.ts';
import { type FlatParameters, flatParameters } from './flat-parameters.ts';
import type { Optimizer } from './optimizer.ts';
import type { BatchPart, Problem } from './problem.ts';
import {
  carriedName,
  type GradientSettings,
  gradientSums,
  joined,
  parted,
  scalarNames,
  trainingSteps,
} from './training-step.ts';

export type { ParameterMultipliers, Ramp } from './applied-rates.ts';

/** Rates that are set in the middle of an epoch. */
export interface RateChanges {
  /** Steps of the epoch after which they are. */
  readonly after: readonly number[];
  /** The rates from such a step on. @param read a parameter's values at that step, by name, to be used before this is done */
  set(
    step: number,
    read: (name: string) => Promise<HostTensor>,
  ): Promise<{ readonly rates: ParameterMultipliers; readonly ramp?: Ramp | undefined }>;
}

/** How rates move within an epoch; nothing of it given, they hold from its first step to its last. */
export interface MovingRates {
  /** Absent: the rates hold from the first step. */
  readonly ramp?: Ramp | undefined;
  readonly changes?: RateChanges | undefined;
}

/** In the optimizer's state, besides its own tensors: how many steps were ever taken. */
const stepCountName = 'step';

export interface EpochRequest extends GradientSettings, MovingRates {
  readonly engine: Engine;
  readonly problem: Problem;
  readonly optimizer: Optimizer;
  readonly parameters: HostTensors;
  /** The optimizer's state after the last epoch; undefined: a fresh optimizer. */
  readonly state: HostTensors | undefined;
  /** Whether both are donated to the engine, so that they are not in memory twice; then they are not handed back either. */
  readonly donates?: boolean;
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
  /** After the epoch; where it diverged as they came, or none where they were donated. */
  readonly parameters: HostTensors;
  readonly state: HostTensors;
  /** Mean of `losses`. */
  readonly loss: number;
  /** The loss of every step, before its update. */
  readonly losses: readonly number[];
  /** Base learning rate of every step. */
  readonly baseLearningRates: readonly number[];
  /** Length of the whole gradient that steps are made by, before clipping, over the epoch's steps. */
  readonly gradientNorm: { readonly mean: number; readonly largest: number };
  /** The multipliers that were applied, by group. */
  readonly applied: readonly RateGroup[];
  /** Set when a loss, a gradient or a weight stopped being finite: at which step (1-based) of the epoch, and loss and gradient's norm there. */
  readonly diverged?: { readonly step: number; readonly loss: number; readonly gradientNorm: number };
}

/** The rates of all parameters at one share of a ramp. */
interface StepRates {
  readonly groups: readonly RateGroup[];
  /** Weight decays, and the radii of SAM, as inputs of a step. */
  readonly weightDecays: readonly [string, HostTensor][];
  readonly radii: readonly [string, HostTensor][];
}

const none: HostTensors = new Map();
const scalar = (value: number): HostTensor => ({ shape: [], data: Float32Array.of(value) });

/** What groups have a number of, as inputs of a step under each parameter's name. */
function inputsByParameter(
  { spread }: FlatParameters,
  groups: readonly RateGroup[],
  numbers: readonly number[],
  nameOf: (parameter: string) => string,
): [string, HostTensor][] {
  const each = groups.flatMap(({ parameters }, index) => parameters.map((name) => [name, numbers[index]!] as const));
  return [...spread(new Map(each))].map(([name, tensor]) => [nameOf(name), tensor]);
}

/** The rates of a step of the run (0 for the first); made anew only where a ramp has moved them. */
function ratesBySteps(
  flat: FlatParameters,
  { problem, rates, ramp, weightDecay, sam }: Omit<EpochRequest, 'changes'>,
): (step: number) => StepRates {
  const at = (share: number): StepRates => {
    const multipliers = ramp ? multipliersAlong(ramp.from, rates, share) : rates;
    const groups = groupRates(problem.objective.parameters, multipliers, { weightDecay, rho: sam?.rho });
    const inputs = (numbers: readonly number[], nameOf: (parameter: string) => string) =>
      inputsByParameter(flat, groups, numbers, nameOf);
    const decays = groups.map((group) => group.weightDecay);
    const radii = groups.flatMap(({ rho = [] }) => rho);
    return {
      groups,
      weightDecays: inputs(decays, scalarNames.weightDecay),
      radii: sam ? inputs(radii, scalarNames.rho) : [],
    };
  };
  let latest: { share: number; rates: StepRates } | undefined;
  return (step) => {
    const share = rampShare(ramp, step);
    if (latest?.share !== share) latest = { share, rates: at(share) };
    return latest.rates;
  };
}

const finite = (tensors: HostTensors) => [...tensors.values()].every(({ data }) => allFinite(data));
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Copies that nobody needs any more are freed after so many bytes. */
const bytesPerCollection = 2 ** 26;

/** Parameters of a model with no more bytes are read together: asking for each takes longer than a copy of those that are not wanted. */
const bytesReadTogether = 2 ** 24;

const areReadTogether = ({ objective }: FlatParameters) =>
  totalCount(objective.parameters) * Float32Array.BYTES_PER_ELEMENT <= bytesReadTogether;

/** Reads what a loop carries of a model's parameters, one after the other, small ones together, and notes whether all that was wanted is finite. */
function watchedReader(flat: FlatParameters, loop: Loop) {
  const seen = { finite: true };
  const { parameters } = flat.objective;
  const isSmall = areReadTogether(flat);
  const untilNextStep = true;
  const all = isSmall
    ? loop.read(
        parameters.map(({ name }) => carriedName(name)),
        { untilNextStep },
      )
    : undefined;
  let bytes = 0;
  const read = flat.reader(async (name) => {
    if (bytes >= bytesPerCollection) {
      collectGarbage(bytes);
      bytes = 0;
    }
    const carried = carriedName(name);
    const tensor = (await (all ?? loop.read([carried], { untilNextStep }))).get(carried)!;
    bytes += tensor.data.byteLength;
    seen.finite &&= allFinite(tensor.data);
    return tensor;
  });
  return { seen, read };
}

/**
 * Trains one pass over the data. Depends on nothing but its arguments, so that the same host tensors give the same bits
 * again. Gives the event loop a turn after every step, and stops at the first loss or gradient that is not finite.
 */
export async function trainEpoch(request: EpochRequest): Promise<EpochResult> {
  const { problem, optimizer, clipNorm, sam, epoch, changes, baseRate, donates = false } = request;
  const { objective, inParts } = problem;
  const batches = problem.batches(epoch);
  const firstStep = (epoch - 1) * problem.stepsPerEpoch;
  const initialState = request.state ?? optimizer.init(objective.parameters);
  const taken = initialState.get(stepCountName)?.data[0] ?? 0;

  const losses: number[] = [];
  const norms: number[] = [];
  const baseRates: number[] = [];
  const state = new Map([...initialState].filter(([name]) => name !== stepCountName));
  const flat = flatParameters(objective, optimizer, request.engine.mostTogether);
  const steps = trainingSteps(flat.objective, optimizer, { clipNorm, sam });
  let ratesAt = ratesBySteps(flat, request);
  const sums = inParts ? gradientSums(flat.objective.parameters) : [];
  const [values, moments] = [flat.flatten(request.parameters), flat.flattenState(state)];
  const isOwn = donates || request.state === undefined;
  const loop = await request.engine.loop(steps.update, {
    fixed: problem.fixed,
    carried: new Map([...joined(values, moments), ...sums]),
    donated: new Set(joined(donates ? values : none, isOwn ? moments : none).keys()),
  });

  /** A step on a part of a batch, which it takes for good; on its share of the batch where batches are computed in parts. */
  const compute = async (
    part: BatchPart,
    batchCount: number,
    others: readonly [string, HostTensor][],
    { step, late }: Pick<RunOptions, 'step' | 'late'> = {},
  ) => {
    const share = inParts ? [[scalarNames.share, scalar(part.count / batchCount)] as const] : [];
    const inputs: MixedTensors = new Map([...part.inputs, ...share, ...others]);
    const results = await loop.run(inputs, { step, late, donated: new Set(part.inputs.keys()) });
    part.done?.();
    return results;
  };
  const numberIn = (results: HostTensors, name: string) => results.get(name)!.data[0]!;

  /** What the rates in force make of a step's inputs. */
  const rateInputs = (index: number): [string, HostTensor][] => {
    const base = baseRate(firstStep + index);
    const { groups, weightDecays } = ratesAt(firstStep + index);
    const rates = groups.map(({ learningRateMultiplier }) => base * learningRateMultiplier);
    return [...inputsByParameter(flat, groups, rates, scalarNames.learningRate), ...weightDecays];
  };

  /** @param changing whether it may be taken with the rates that are being set; then it is begun meanwhile. Undefined: it was not taken */
  const takeStep = async (
    parts: readonly BatchPart[],
    index: number,
    changing?: Promise<boolean>,
  ): Promise<number | undefined> => {
    const base = baseRate(firstStep + index);
    const { radii } = ratesAt(firstStep + index);
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    let loss = 0;
    for (const part of parts.slice(0, -1)) {
      loss += numberIn(await compute(part, count, radii, { step: steps.accumulate }), 'loss');
    }
    const rates = rateInputs(index);
    const late = changing && {
      names: rates.map(([name]) => name),
      values: async () => ((await changing) ? new Map(rateInputs(index)) : undefined),
    };
    const others = [[scalarNames.step, scalar(taken + index + 1)] as [string, HostTensor], ...rates, ...radii];
    const results = await compute(parts.at(-1)!, count, others, { late });
    if (changing && !(await changing)) return undefined;
    loss += numberIn(results, 'loss');
    losses.push(loss);
    norms.push(numberIn(results, 'gradientNorm'));
    baseRates.push(base);
    return loss;
  };

  /** Sets the rates anew; whether the parameters that they follow from are finite. */
  const changeRates = async ({ set }: RateChanges, step: number): Promise<boolean> => {
    // Reading is asked for before anything else is.
    const { seen, read } = watchedReader(flat, loop);
    ratesAt = ratesBySteps(flat, { ...request, ramp: undefined, ...(await set(step, read)) });
    return seen.finite;
  };

  /** Radii are taken by what is computed before the updates, and parts of a batch are steps of their own. */
  const maySetMeanwhile = areReadTogether(flat) && !sam && !inParts;

  try {
    let parts = await batches[0]?.();
    let changing: Promise<boolean> | undefined;
    for (const index of batches.keys()) {
      const step = takeStep(parts!, index, changing);
      // The next batch is made while an engine with a thread of its own computes.
      const ahead = setImmediate().then(() => batches[index + 1]?.());
      const [loss, next] = await Promise.all([step, ahead]);
      parts = next;
      if (loss === undefined) break;
      if (!Number.isFinite(loss) || !Number.isFinite(norms.at(-1))) break;
      request.onStep?.({ step: index + 1, steps: batches.length, loss });
      changing = changes?.after.includes(index + 1) ? changeRates(changes, index + 1) : undefined;
      // Who waits for it is told.
      changing?.catch(() => {});
      if (changing && !(maySetMeanwhile && index + 1 < batches.length)) {
        if (!(await changing)) break;
        changing = undefined;
      }
      await setImmediate();
    }
    const loss = mean(losses);
    const trained = parted(await loop.finish());
    const parameters = flat.restore(trained.parameters);
    const progress = {
      loss,
      losses,
      baseLearningRates: baseRates,
      gradientNorm: { mean: mean(norms), largest: norms.reduce((a, b) => Math.max(a, b)) },
      applied: ratesAt(firstStep + losses.length - 1).groups,
    };
    if (!Number.isFinite(loss) || !Number.isFinite(norms.at(-1)) || !finite(parameters)) {
      const diverged = { step: losses.length, loss: losses.at(-1)!, gradientNorm: norms.at(-1)! };
      if (donates) return { ...progress, parameters: none, state: none, diverged };
      const asItCame = request.state ?? optimizer.init(objective.parameters);
      return { ...progress, parameters: request.parameters, state: asItCame, diverged };
    }
    const left = new Map([
      ...flat.restoreState(trained.state),
      [stepCountName, scalar(taken + losses.length)] as const,
    ]);
    return { ...progress, parameters, state: left };
  } finally {
    await loop.close();
  }
}
