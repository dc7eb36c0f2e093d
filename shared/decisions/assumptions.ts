/** What estimates rest on where nothing was measured: in one place, and in words. */
import { type Machine, startSecondsOf } from '../costs/machines.ts';
import type { PriceTable } from '../costs/prices.ts';
import type { Target } from './compute.ts';

/** What a step gets: floating-point operations a second in products, and bytes a second for all that moves through memory. */
export interface Speed {
  readonly flops: number;
  readonly bytes: number;
}

/**
 * What eleven models get on two cores (`npm run bench -- --only estimate`, `docs/benchmarks.md`): `compiled` with onnx. Other engines on a processor
 * are taken to be as fast as wasm on one core: 131 ms for a step of 1.3e9 operations.
 */
const speedOfThread = 9e10;
const compiledBytes = 2.2e10;
const otherSpeed: Speed = { flops: 1e10, bytes: 1e10 };
/** More threads than these gain little. */
const mostThreads = 8;
/** Threads of the measurement, and the cores of a Fargate task with the usual four vCPUs, which are hyperthreads. */
export const usualThreads = 2;

/** A processor. Products gain from threads; what moves through memory does not. */
export const cpuSpeed = (threads: number, isCompiled: boolean): Speed =>
  isCompiled ? { flops: speedOfThread * Math.min(threads, mostThreads), bytes: compiledBytes } : otherSpeed;

/** GPUs are taken to reach a seventh of their peak in float32, and half of what their memory can move. */
export const gpuSpeeds = {
  g4dn: { flops: 1.2e12, bytes: 1.6e11 },
  g5: { flops: 4.5e12, bytes: 3e11 },
  g6: { flops: 4.3e12, bytes: 1.5e11 },
  g6e: { flops: 1.3e13, bytes: 4.3e11 },
} as const satisfies Readonly<Record<string, Speed>>;

/**
 * How often a number moves from or to memory in a step, counted on the traced steps of those models: one that is kept for the gradient (in both
 * directions, with all that is computed on the way), a parameter, in each forward pass with its gradient and in the update, and a number that the
 * optimizer keeps of it.
 */
export const moves = { activation: 16, parameterInPass: 6, parameter: 2, state: 10 } as const;

/** A step is bound by launching kernels below this. */
export const leastStepSeconds = { cpu: 0.005, gpu: 0.02 } as const;
/** Eigenvalues, by `docs/benchmarks.md`, on two cores. */
export const analysisFlopsASecond = 2.5e10;
/** What an analysis takes besides: reading weights, fits, writing results. */
export const leastAnalysisSeconds = 0.01;
/** Functions of an epoch that is committed outside its container: how many, how long each, in how much memory. */
export const assumedFunctions = { count: 6, seconds: 3, memoryGb: 2 } as const;
/** Requests to the store, of an epoch; state transitions, of a job. */
export const assumedRequests = { writes: 25, reads: 60, transitions: 12 } as const;
/** Functions of the usual memory, in GB. */
export const usualFunctionGb = 3008 / 1024;
/** A weight, or a number that is kept of it besides, in float32. */
export const bytesANumber = 4;

/**
 * Memory, in bytes: of a training job's process, for each parameter that is trained, for each number that the optimizer keeps of it,
 * for each that is frozen, in 32 bits and in 16, and for each that is kept for the gradient, with what is lost between them. Measured on onnx: with eight models of
 * fields, and language models by themselves (`texts`), of which much is freed before the rest is needed: thirteen whole runs, with adapters or without, and a frozen base of 1.1 billion in 16 bits (`docs/benchmarks.md`). Of other engines what is certain: before and while results are written, they are in
 * host memory twice, and what is frozen once; and on a processor what is kept for the gradient.
 */
export const memoryOfJob = {
  compiled: { base: 0.45e9, parameter: 29, state: 13, frozen: 16, frozenHalf: 3, activation: 5 },
  texts: { base: 0.45e9, parameter: 8, state: 5, frozen: 5, frozenHalf: 3, activation: 5 },
  other: { base: 0.45e9, parameter: 8, state: 8, frozen: 4, frozenHalf: 4, activation: 4 },
  gpu: { base: 0.45e9, parameter: 8, state: 8, frozen: 4, frozenHalf: 4, activation: 0 },
} as const;
/** Of a function that reads a whole model: measured with RoBERTa-base. */
export const memoryOfFunction = { base: 0.3e9, parameter: 4 } as const;

/** What a deployment with the usual settings has: 4 vCPUs and 16 GB of Fargate, and GPU instances of these types. */
export const usualMachines: Readonly<Record<Target, Machine>> = {
  cpu: { kind: 'fargate', vcpus: 4, memoryGb: 16 },
  gpu: {
    kind: 'instance',
    instances: ['g4dn', 'g5', 'g6'].map((type) => `${type}.xlarge`),
    memoryGb: 12,
  },
};

/** A step that was measured here. */
export interface Measured {
  readonly seconds: number;
  /** The measured seconds over the estimated ones. */
  readonly correction: number;
}

/** Facts that an estimate is made from. */
export interface Known {
  readonly region: string;
  readonly table: Pick<PriceTable, 'date' | 'source'>;
  /** Of a step that was measured on this machine: its seconds, and how many times the estimate they are. */
  readonly measured: Measured | undefined;
  /** Threads that this machine computes with. */
  readonly threads: number;
  /** Whether it computes compiled steps, as onnx does. */
  readonly isCompiled: boolean;
  /** By which a GPU job is metered, in US dollars a second, where one is estimated. */
  readonly gpuUsdPerSecond: number | undefined;
}

/** Everything that the numbers of an estimate rest on, a sentence or two each. */
export function explainAssumptions(known: Known): string[] {
  const { region, table, measured, threads, isCompiled, gpuUsdPerSecond } = known;
  const giga = (number: number) => Number((number / 1e9).toPrecision(3));
  const told = ({ flops, bytes }: Speed) => `${giga(flops)} GFLOPS and ${giga(bytes)} GB/s`;
  const gpus = (['g4dn', 'g5', 'g6', 'g6e'] as const).map((type) => `${type} ${told(gpuSpeeds[type])}`).join(', ');
  const { count, seconds, memoryGb } = assumedFunctions;
  const { writes, reads, transitions } = assumedRequests;
  const fargate = cpuSpeed(usualThreads, isCompiled);
  return [
    'Throughput on AWS machines is assumed and was not measured: times and costs there may be wrong by several times.',
    'A step takes the time of its products, and that of what it moves through memory: mostly what is kept for the gradient.',
    measured === undefined
      ? `This machine is taken to do ${told(cpuSpeed(threads, isCompiled))}, as ${isCompiled ? `${threads} ${threads === 1 ? 'thread' : 'threads'} of the machine on which eleven models were measured, where all came out within half and twice` : 'the wasm engine was measured on one core'}; --measure measures it.`
      : `A step was measured here: ${measured.seconds.toPrecision(3)} s, ${measured.correction.toPrecision(2)} times the estimate. All columns are multiplied by that: it is what the estimate gets wrong of this model, and how much slower this machine is than assumed, or how busy it was, which can't be told apart; a GPU, which computes with another engine, may differ.`,
    `Fargate is taken to do ${told(fargate)}, a GPU a seventh of its peak and half of its memory's (${gpus}) and at least ${1000 * leastStepSeconds.gpu} ms a step.`,
    `An evaluation costs a third of a step for each batch, and test data are evaluated twice; an analysis runs at ${giga(analysisFlopsASecond)} GFLOPS and takes at least ${1000 * leastAnalysisSeconds} ms.`,
    `Each job takes ${startSecondsOf.fargate} s to start on Fargate, ${startSecondsOf.instance} s on a GPU machine; one that is still warm is faster.`,
    `Functions of an epoch that ends a job: ${count} of ${seconds} s in ${memoryGb} GB. Requests: ${writes} writes and ${reads} reads of S3 an epoch, ${transitions} state transitions a job.`,
    `Prices of ${region} on demand, of ${table.date} (${table.source}). Spot is usually well below and is counted alike.`,
    ...(gpuUsdPerSecond === undefined
      ? []
      : [
          `A GPU job is metered at the dearest type that the deployment allows (usually ${(gpuUsdPerSecond * 3600).toFixed(3)} USD an hour), as it is not known which it gets: a budget in dollars stops it by that price.`,
        ]),
    'No interruptions, no early stop by convergence, no idle machines kept warm, no disks, logs or data transfer.',
  ];
}
