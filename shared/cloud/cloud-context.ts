import { randomBytes } from 'node:crypto';
import packageJson from '../../package.json' with { type: 'json' };
import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import { RunError } from '../core/errors.ts';
import type { Target } from '../decisions/compute.ts';
import type { EngineChoice } from '../engines/engine.ts';
import type { Meter, ProgressEvent, TaskContext } from '../pipeline/context.ts';
import { mostShards } from '../pipeline/history.ts';
import type { Resources } from '../pipeline/resources.ts';
import type { ComputeChoices } from './environment.ts';
import type { Inputs } from './inputs.ts';

export interface CloudOptions {
  readonly store: ArtifactStore;
  readonly emit: (event: ProgressEvent) => void;
  /** Absent in tasks that read neither data nor weights. */
  readonly inputs?: Inputs;
  /** Absent in tasks that open neither data nor engine nor solver. */
  readonly resources?: Resources;
  /** Absent in tasks that choose no machine. */
  readonly compute?: ComputeChoices | undefined;
  /** Absent in tasks that don't ask what the account may have. */
  readonly quotaFor?: TaskContext['quotaFor'];
  /** Absent in tasks that end no jobs. */
  readonly endJob?: TaskContext['endJob'];
  /** Absent where there is no deployment in another region. */
  readonly handOver?: TaskContext['handOver'];
  /** Absent where nothing is metered. */
  readonly meter?: Meter;
  /** Absent in tasks that neither publish models nor ask whether they can be. */
  readonly publisher?: TaskContext['publisher'];
  /** By which events of runs are noted; absent where nobody is told. */
  readonly service?: string | undefined;
  readonly interrupted?: () => boolean;
}

/** What a function solves in about half a minute with two threads of OpenBLAS. */
const flopsPerShard = 1e12;

/** From the submission of a job to its first step on a warm machine: image, process, data. */
const startSeconds = 60;

/** AWS ends an execution whose history has so many events. */
const historyEvents = 25_000;

/** What the images of the training jobs have, unless they were built with less. */
const engines: Readonly<Record<Target, readonly EngineChoice[]>> = {
  gpu: ['auto', 'onnx-webgpu', 'tfjs-node-gpu', 'onnx', 'wasm', 'cpu'],
  cpu: ['auto', 'onnx', 'wasm', 'cpu'],
};

const refuse = (what: string) => (): never => {
  throw new RunError(`this task can't ${what}`, { remedy: 'That is a fault in the deployment: report it.' });
};

/** The outside world of a function or a container in AWS. */
export function cloudContext(options: CloudOptions): TaskContext {
  const { store, emit, compute, meter, inputs, interrupted = () => false } = options;
  const resources = options.resources ?? {
    planWorkload: refuse('read data'),
    openWorkload: refuse('start an engine'),
    openSolver: refuse('compute eigenvalues'),
  };
  return {
    store,
    now: () => new Date(),
    newAttempt: () => randomBytes(6).toString('hex'),
    localPath: inputs?.localPath ?? refuse('fetch data'),
    openTensors: inputs?.openTensors ?? refuse('read weights'),
    ...(inputs ? { withAddresses: inputs.withAddresses } : {}),
    ...resources,
    computeFor: ({ target, market }) => {
      const { lacks, gpuVcpus: _, ...choice } = compute ? compute[target][market] : refuse('choose machines')();
      return { ...choice, engines: engines[target].filter((name) => name !== lacks) };
    },
    ...(options.quotaFor ? { quotaFor: options.quotaFor } : {}),
    ...(options.publisher ? { publisher: options.publisher } : {}),
    ...(options.endJob ? { endJob: options.endJob } : {}),
    ...(options.handOver ? { handOver: options.handOver } : {}),
    shardsFor: (flops) => Math.min(mostShards, Math.max(1, Math.ceil(flops / flopsPerShard))),
    startSeconds,
    meter,
    ...(options.service === undefined ? {} : { service: options.service }),
    historyEvents,
    interrupted,
    versions: { tempbalance: packageJson.version, node: process.version },
    emit,
  };
}
