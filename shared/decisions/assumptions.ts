/** What estimates rest on where nothing was measured: in one place, and in words. */
import { type Machine, startSecondsOf } from '../costs/machines.ts';
import type { PriceTable } from '../costs/prices.ts';
import type { Target } from './compute.ts';

/**
 * Operations of a step a second. What this project's wasm engine does on one core is measured (`docs/benchmarks.md`: 131 ms for a
 * step of 1.3e9); GPUs are taken to reach a seventh of their peak in float32.
 */
export const assumedFlops = { wasm: 1e10, g4dn: 1.2e12, g5: 4.5e12, g6: 4.3e12, g6e: 1.3e13 } as const;
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
 * and for each that is frozen. Measured with RoBERTa-base on onnx, with AdamW and with LoRA (`docs/deploy.md`). Of other engines what
 * is certain: before and while results are written, they are in host memory twice, and what is frozen once.
 */
export const memoryOfJob = {
  compiled: { base: 0.45e9, parameter: 35, state: 16, frozen: 16 },
  other: { base: 0.45e9, parameter: 8, state: 8, frozen: 4 },
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

/** What is known when an estimate is made. */
export interface Known {
  readonly region: string;
  readonly table: Pick<PriceTable, 'date' | 'source'>;
  /** Seconds of a step on this machine, where one was measured. */
  readonly stepSeconds: number | undefined;
  /** By which a GPU job is metered, in US dollars a second, where one is estimated. */
  readonly gpuUsdPerSecond: number | undefined;
}

/** Everything that the numbers of an estimate rest on, a sentence or two each. */
export function explainAssumptions({ region, table, stepSeconds, gpuUsdPerSecond }: Known): string[] {
  const giga = (flops: number) => `${Number((flops / 1e9).toPrecision(3))} GFLOPS`;
  const gpus = (['g4dn', 'g5', 'g6', 'g6e'] as const).map((type) => `${type} ${giga(assumedFlops[type])}`).join(', ');
  const { count, seconds, memoryGb } = assumedFunctions;
  const { writes, reads, transitions } = assumedRequests;
  return [
    'Throughput on AWS machines is assumed and was not measured: times and costs there may be wrong by several times.',
    stepSeconds === undefined
      ? `This machine is taken to do ${giga(assumedFlops.wasm)}, what the wasm engine was measured at on one core; --measure measures it.`
      : `A step was measured here: ${stepSeconds.toPrecision(3)} s.`,
    `Fargate is taken to do ${giga(assumedFlops.wasm)}, a GPU a seventh of its peak (${gpus}) and at least ${1000 * leastStepSeconds.gpu} ms a step.`,
    `An evaluation costs a third of a step for each batch, and test data are evaluated twice; an analysis runs at ${giga(analysisFlopsASecond)} and takes at least ${1000 * leastAnalysisSeconds} ms.`,
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
