/** What a run is expected to take and to cost, before it is begun. Pure: sizes, prices and assumptions in, numbers out. */

import { UserError } from '../core/errors.ts';
import { startSecondsOf } from '../costs/machines.ts';
import { type RegionPrices, usdOfRequests, usdPerSecond } from '../costs/prices.ts';
import { stepsPerEpoch } from '../training/batches.ts';
import {
  analysisFlopsASecond,
  assumedFunctions,
  assumedRequests,
  bytesANumber,
  cpuSpeed,
  gpuSpeeds,
  leastAnalysisSeconds,
  leastStepSeconds,
  moves,
  type Speed,
  usualFunctionGb,
  usualMachines,
  usualThreads,
} from './assumptions.ts';
import type { ComputeConfig, Target } from './compute.ts';
import type { Budget } from './config.ts';
import { decidingSeconds, leastBudgetUsd, reservedUsd, usdOfCall } from './spending.ts';
import { epochsPerTask } from './task-length.ts';

/** A run as work. */
export interface WorkSize {
  /** The number of trained parameters. */
  readonly parameters: number;
  /** The number of frozen parameters: the base of an adapter. */
  readonly frozen: number;
  /** Numbers that are stored of each parameter besides itself: by the optimizer, and an average of the weights. */
  readonly stateNumbers: number;
  readonly trainingSamples: number;
  readonly validationSamples: number;
  /** That the best and the last epoch are measured on when the run ends; absent: none. */
  readonly testSamples?: number;
  /** Optimizer steps in an epoch. */
  readonly stepsPerEpoch: number;
  /** Floating-point operations of an optimizer step, and of an analysis of the spectra. */
  readonly stepFlops: number;
  readonly analysisFlops: number;
  /** Numbers that an optimizer step keeps for the gradient, and its forward passes. */
  readonly stepActivations: number;
  readonly passes: number;
  /** How often the spectra are analysed in an epoch, on average; that before training comes besides. */
  readonly analysesPerEpoch: number;
}

export interface PlannedRun {
  readonly size: WorkSize;
  readonly training: { readonly epochs: number; readonly batchSize: number };
  readonly compute: ComputeConfig;
  readonly budget: Budget;
  /** Epochs whose weights are kept, besides the best. */
  readonly keep: number;
}

/** A machine or service on which a run may be trained. */
export interface Place {
  readonly name: string;
  /** The speed of a step there, and the least time that a step takes. */
  readonly speed: Speed;
  readonly leastStepSeconds: number;
  /** By which the time of a step is multiplied: what was measured over the estimate. Absent: 1. */
  readonly correction?: number | undefined;
  /** US dollars a second; undefined where it costs nothing that is known. */
  readonly usdPerSecond: number | undefined;
  /** US dollars a second as the meter counts them, by which the budget is decided. */
  readonly countedUsdPerSecond: number | undefined;
  /** Absent on this machine: nothing is started, and functions, requests and storage cost nothing. */
  readonly cloud?: { readonly startSeconds: number; readonly prices: RegionPrices };
}

/** The speed of a place: its operations and its memory. */
export interface Computing {
  /** Whether steps are compiled, as onnx does it on a processor. */
  readonly isCompiled: boolean;
  /** The factor for the time of a step; absent: 1. */
  readonly correction?: number | undefined;
}

/** This machine, which computes with so many threads. */
export function thisMachine({ usdPerHour }: Budget, { threads, ...computing }: Computing & { threads: number }): Place {
  const usd = usdPerHour === undefined ? undefined : usdPerHour / 3600;
  return {
    name: 'this machine',
    speed: cpuSpeed(threads, computing.isCompiled),
    leastStepSeconds: leastStepSeconds.cpu,
    correction: computing.correction,
    usdPerSecond: usd,
    countedUsdPerSecond: usd,
  };
}

/**
 * A deployed run's place. GPU jobs are taken to get the cheapest of the usual classes that the region has.
 * @throws UserError when it has none.
 */
export function cloudPlace(target: Target, prices: RegionPrices, { isCompiled, correction }: Computing): Place {
  const machine = usualMachines[target];
  const cloud = { startSeconds: startSecondsOf[machine.kind], prices };
  if (machine.kind === 'fargate') {
    const usd = usdPerSecond(machine, prices);
    const name = `cpu: Fargate, ${machine.vcpus} vCPUs`;
    return {
      name,
      speed: cpuSpeed(usualThreads, isCompiled),
      leastStepSeconds: leastStepSeconds.cpu,
      correction,
      usdPerSecond: usd,
      countedUsdPerSecond: usd,
      cloud,
    };
  }
  const offered = machine.instances
    .flatMap((instance) => (instance in prices.instances ? { instance, usd: prices.instances[instance]! / 3600 } : []))
    .toSorted((a, b) => a.usd - b.usd);
  const [cheapest] = offered;
  if (!cheapest) {
    throw new UserError(`there is no price of ${machine.instances.join(', ')}`, {
      remedy: 'Where none of them is offered, plan with --target cpu.',
    });
  }
  return {
    name: `gpu: ${cheapest.instance}`,
    speed: gpuSpeeds[cheapest.instance.split('.')[0] as keyof typeof gpuSpeeds],
    leastStepSeconds: leastStepSeconds.gpu,
    correction,
    usdPerSecond: cheapest.usd,
    countedUsdPerSecond: offered.at(-1)!.usd,
    cloud,
  };
}

export interface RunEstimate {
  readonly place: string;
  readonly stepSeconds: number;
  /** Seconds of one analysis of the spectra. */
  readonly analysisSeconds: number;
  /** Training, evaluation and analysis of one epoch, in seconds; starts of jobs and functions shared out. */
  readonly epochSeconds: number;
  readonly epochUsd: number | null;
  readonly epochsPerJob: number;
  readonly jobs: number;
  /** Of measuring the best and the last epoch on test data when the run ends; 0 where there are none. */
  readonly testSeconds: number;
  /** Seconds of all epochs and of measuring on test data. */
  readonly seconds: number;
  readonly usd: number | null;
  /** The parts that `usd` is the sum of, in US dollars. */
  readonly parts: { readonly jobs: number; readonly functions: number; readonly requests: number } | null;
  /** US dollars a month for storing the weights that are kept. */
  readonly storageUsdAMonth: number | null;
  /** Epochs that the budget allows, as the meter counts; and what limits them. */
  readonly epochsInBudget: number;
  readonly limit: 'epochs' | 'hours' | 'usd';
  /** Whether the run would be refused: its dollars don't pay for a job. */
  readonly refused: boolean;
}

/** Seconds of an optimizer step in a place. */
export function stepSecondsOf(
  {
    stepFlops,
    stepActivations,
    passes,
    parameters,
    stateNumbers,
  }: Pick<WorkSize, 'stepFlops' | 'stepActivations' | 'passes' | 'parameters' | 'stateNumbers'>,
  { speed, leastStepSeconds: least, correction = 1 }: Place,
): number {
  const ofParameter = moves.parameterInPass * passes + moves.parameter + moves.state * stateNumbers;
  const moved = moves.activation * stepActivations + parameters * ofParameter;
  return correction * Math.max(least, stepFlops / speed.flops + (bytesANumber * moved) / speed.bytes);
}

/** What training, evaluating and analysing cost in time, without what is around them. */
function epochWork({ size, training }: PlannedRun, place: Place) {
  const { stepsPerEpoch: steps, validationSamples, testSamples = 0, analysisFlops, analysesPerEpoch } = size;
  const stepSeconds = stepSecondsOf(size, place);
  // A prediction is the forward third of a step.
  const evaluationOf = (samples: number) => (stepSeconds / 3) * stepsPerEpoch(samples, training.batchSize);
  const evaluation = evaluationOf(validationSamples);
  const analysis = Math.max(leastAnalysisSeconds, analysisFlops / analysisFlopsASecond);
  const analyses = analysis * analysesPerEpoch;
  return {
    stepSeconds,
    analysis,
    zero: evaluation + analysis,
    epoch: stepSeconds * steps + evaluation + analyses,
    test: 2 * evaluationOf(testSamples),
  };
}

/** Estimates a run in a place; epoch 0, the model before training, is a part of it. */
export function estimateRun(run: PlannedRun, place: Place): RunEstimate {
  const { training, compute, size, keep } = run;
  const work = epochWork(run, place);
  const { cloud } = place;
  const { epochs } = training;
  const perJob = cloud ? Math.min(epochs + 1, jobLength(compute, cloud.startSeconds, work.epoch)) : 1;
  const aJob = cloud ? cloud.startSeconds + assumedFunctions.count * assumedFunctions.seconds : 0;
  const jobsFor = (epochs: number) => Math.ceil((epochs + 1) / perJob);
  const secondsFor = (epochs: number) => work.zero + epochs * work.epoch + jobsFor(epochs) * aJob;
  const jobSecondsFor = (epochs: number) =>
    work.zero + epochs * work.epoch + (cloud ? jobsFor(epochs) * cloud.startSeconds : 0);
  const functionsFor = (epochs: number) => (cloud ? jobsFor(epochs) * functionsUsd(cloud.prices) : 0);
  const requestsFor = (epochs: number) => (cloud ? requestsUsd(epochs + 1, jobsFor(epochs), cloud.prices) : 0);
  const usdFor = (epochs: number, rate: number) =>
    jobSecondsFor(epochs) * rate + functionsFor(epochs) + requestsFor(epochs);

  const rate = place.usdPerSecond;
  const epochsUsd = rate === undefined ? null : usdFor(epochs, rate);
  const bytes = bytesANumber * size.parameters * (keep + 2 + size.stateNumbers * keep);
  return {
    place: place.name,
    stepSeconds: work.stepSeconds,
    analysisSeconds: work.analysis,
    epochSeconds: secondsFor(epochs) / (epochs + 1),
    epochUsd: epochsUsd === null ? null : epochsUsd / (epochs + 1),
    epochsPerJob: perJob,
    jobs: jobsFor(epochs),
    // In the job of the last epoch; a budget that is used up does not keep a run from it.
    testSeconds: work.test,
    seconds: secondsFor(epochs) + work.test,
    usd: epochsUsd === null ? null : epochsUsd + work.test * rate!,
    parts:
      rate === undefined
        ? null
        : {
            jobs: (jobSecondsFor(epochs) + work.test) * rate,
            functions: functionsFor(epochs),
            requests: requestsFor(epochs),
          },
    storageUsdAMonth: cloud ? (bytes / 1e9) * cloud.prices.s3GbMonth : null,
    refused: isRefused(run.budget, place),
    ...withinBudget(run, secondsFor, (count) => usdFor(count, place.countedUsdPerSecond ?? 0), place),
  };
}

function jobLength(compute: ComputeConfig, startSeconds: number, epochSeconds: number): number {
  const secondsLeft = Number.POSITIVE_INFINITY;
  return epochsPerTask(compute.epochsPerTask, { startSeconds, epochSeconds, secondsLeft });
}

const functionsUsd = ({ lambdaGbSecond, lambdaRequest }: RegionPrices) =>
  assumedFunctions.count * (assumedFunctions.seconds * assumedFunctions.memoryGb * lambdaGbSecond + lambdaRequest);

function requestsUsd(epochs: number, jobs: number, prices: RegionPrices): number {
  const { writes, reads, transitions } = assumedRequests;
  return usdOfRequests({ writes: epochs * writes, reads: epochs * reads, transitions: jobs * transitions }, prices);
}

function isRefused({ usd }: Budget, { cloud, countedUsdPerSecond: usdPerSecond }: Place): boolean {
  if (usd === undefined || usdPerSecond === undefined || !cloud) return false;
  const reserveUsd = reservedUsd({ shards: 1, functionGb: usualFunctionGb }, cloud.prices);
  const prepare = { usd: usdOfCall(usualFunctionGb, decidingSeconds, cloud.prices) };
  return usd < leastBudgetUsd(prepare, { usdPerSecond, startSeconds: cloud.startSeconds, reserveUsd });
}

/** The epochs that time and money are enough for. */
function withinBudget(
  { training, budget }: PlannedRun,
  secondsFor: (epochs: number) => number,
  countedUsdFor: (epochs: number) => number,
  { countedUsdPerSecond }: Place,
): Pick<RunEstimate, 'epochsInBudget' | 'limit'> {
  const { hours = Number.POSITIVE_INFINITY, usd = Number.POSITIVE_INFINITY } = budget;
  const dollars = countedUsdPerSecond === undefined ? Number.POSITIVE_INFINITY : usd;
  for (let epochs = 0; epochs <= training.epochs; epochs++) {
    const limit = countedUsdFor(epochs) > dollars ? 'usd' : secondsFor(epochs) > 3600 * hours ? 'hours' : undefined;
    if (limit) return { epochsInBudget: Math.max(0, epochs - 1), limit };
  }
  return { epochsInBudget: training.epochs, limit: 'epochs' };
}
