import type { ArtifactStore } from '../checkpoints/artifact-store.ts';
import type { PublishSettings } from '../config/publish.ts';
import type { RunConfig } from '../config/run-file.ts';
import type { Machine } from '../costs/machines.ts';
import type { RegionPrices } from '../costs/prices.ts';
import type { Market, Target } from '../decisions/compute.ts';
import type { EngineChoice, EngineName } from '../engines/engine.ts';
import type { SpectraPool } from '../spectra/solvers/pool.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import type { WorkloadPlan } from '../training/workload.ts';
import type { StartedWorkload } from './open-workload.ts';

/** An event of a run, for views and logs. */
export type ProgressEvent =
  | { readonly type: 'state'; readonly state: string }
  | { readonly type: 'retry'; readonly state: string }
  | {
      readonly type: 'prepared';
      readonly run: string;
      readonly epoch: number;
      readonly epochs: number;
      /** How much of the model is balanced, in words; absent where balancing is off. */
      readonly balanced?: string;
    }
  | {
      readonly type: 'step';
      readonly epoch: number;
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
    }
  | {
      readonly type: 'epoch';
      readonly run: string;
      /** The profile of the data set that started a deployed run. */
      readonly profile?: string;
      readonly epoch: number;
      readonly epochs: number;
      readonly trainLoss: number | null;
      readonly metric: { readonly name: string; readonly value: number | null };
      readonly best: { readonly epoch: number; readonly value: number } | null;
      readonly alphaMean: number | null;
      readonly alphaStd: number | null;
      /** Wall time of the run so far, and what is left of it at this pace. */
      readonly seconds: number;
      readonly secondsLeft: number | null;
      /** Seconds of training and evaluating this epoch. */
      readonly epochSeconds: number | null;
      /** What was metered since the epoch before, in US dollars; null where that is not known. */
      readonly epochUsd: number | null;
    }
  /** The epoch to be exported was measured on test data. */
  | {
      readonly type: 'tested';
      readonly run: string;
      readonly epoch: number;
      readonly metric: { readonly name: string; readonly value: number | null };
    }
  /** The US dollars that a task has just been metered with. */
  | { readonly type: 'spend'; readonly run: string; readonly task: string; readonly usd: number }
  /** Somebody has to say whether the model is published. */
  | { readonly type: 'approval'; readonly run: string; readonly to: PublishTarget; readonly days: number }
  | { readonly type: 'published'; readonly run: string; readonly to: PublishTarget; readonly address: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'interrupted'; readonly run: string; readonly resume: string }
  /** An execution has failed that leaves the run as it is: another may be at it, or it had ended before. */
  | { readonly type: 'refused'; readonly run: string; readonly reason: string }
  | {
      readonly type: 'finished';
      readonly run: string;
      readonly outcome: string;
      readonly reason: string;
      /** What the run has cost, in US dollars; absent where that is not counted. */
      readonly usd?: number;
    };

export type PublishTarget = PublishSettings['to'];

/** A model that is published. */
export interface PublishedModel {
  readonly run: string;
  /** The name of the folder, repository or package. */
  readonly name: string;
  /** SHA-256 and size in bytes, by file name. */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>;
  /** Of names and contents of its files: the same model has the same. */
  readonly digest: string;
  /** Whether a person has approved of it already. */
  readonly isApproved: boolean;
}

/** Publishes models, and knows where that can be done. */
export interface Publisher {
  readonly targets: readonly PublishTarget[];
  /** Publishes a model, once: what is published already is left as it is. @returns where it is. */
  publish(to: PublishTarget, model: PublishedModel): Promise<string>;
}

/** A kind of machine that the settings ask for. */
export interface ComputeRequest {
  readonly target: Target;
  readonly market: Market;
}

/** The number of machines of a kind that an account may have at a time. */
export interface Quota {
  /** Jobs at a time; with 0 one would wait in vain. */
  readonly jobs: number;
  readonly found: string;
  readonly remedy: string;
}

/** A job that the workflow has given up. */
export interface EndedJob {
  /** The reason why it waited; absent where none is known. */
  readonly reason?: string | undefined;
  /** Which it is and for how long it will have run, in seconds; absent where it never began. */
  readonly ran?: { readonly id: string; readonly seconds: number };
}

/** A run that has no machine here. */
export interface LeavingRun {
  readonly run: string;
  /** A name that stays the same when the execution tries again: it hands the run over once. */
  readonly execution: string;
  /** Time of the run that no commit has counted. */
  readonly seconds: number;
}

/** A place where training jobs run. */
export interface ComputeChoice {
  readonly queue: string;
  readonly definition: string;
  /** How long a job may wait in its queue in all, in seconds; absent where nothing waits. */
  readonly waitSeconds?: number | undefined;
  /** The machine by which its jobs are counted; absent where they cost nothing. */
  readonly machine?: Machine | undefined;
  /** What its jobs can be told to train with; absent where that is found out when they try. */
  readonly engines?: readonly EngineChoice[];
}

/** Meters what tasks use of the cloud. */
export interface Meter {
  /** In force in this region. @throws UserError when the price table does not have it. */
  prices(): Promise<RegionPrices>;
  /** Memory of a function that reads data or takes spectra, in GB. */
  readonly functionGb: number;
  /** Requests to the store since it was asked last. */
  takeRequests(): { readonly writes: number; readonly reads: number };
  /** The training job that the task runs in. */
  readonly job?: {
    readonly id: string;
    /** The seconds of this process since the last lap, the first of which has number 0 and begins with the process. */
    lap(): { readonly lap: number; readonly seconds: number };
  };
  /** The call of a function that the task runs in, where its run has a budget in dollars. */
  readonly call?: {
    /** What it will have cost at most, with calls beside it, in US dollars: from now on it has some seconds to come to its end. */
    usdUntilItsEnd(): number;
  };
}

/** Everything that a task needs of the outside world. */
export interface TaskContext {
  readonly store: ArtifactStore;
  now(): Date;
  /** A name that no other attempt has. */
  newAttempt(): string;
  /** Where a data set or weights are on this machine; they are fetched when they are elsewhere. */
  localPath(address: string): Promise<string>;
  /** The tensors of weights at an address, of which only those that are asked for are read where they are elsewhere. */
  openTensors(address: string): Promise<TensorStore>;
  /** A text with the addresses of inputs in place of where they were fetched to; absent where none are fetched. */
  withAddresses?(text: string): string;
  /** Data and model of the run, without an engine; read once for the same settings. */
  planWorkload(config: RunConfig): Promise<WorkloadPlan>;
  /**
   * Data and model of the run, on an engine; opened once for the same settings.
   * `recorded` is what `training.engine: auto` has taken for the run: it is opened again where it can be had.
   */
  openWorkload(config: RunConfig, recorded?: EngineName): Promise<StartedWorkload>;
  /**
   * What computes eigenvalues, for an analysis of so many floating-point operations; opened once.
   * `recorded` is the version that the run has on record: the same solver is opened again where it can be had.
   */
  openSolver(flops: number, recorded: string | undefined): Promise<SpectraPool>;
  /** The job queue and the job definition that stand for a kind of machine. */
  computeFor(request: ComputeRequest): ComputeChoice;
  /** What the account may have of a kind of machine; undefined where that is not limited, or not known. */
  quotaFor?(request: ComputeRequest): Promise<Quota | undefined>;
  /**
   * Ends the job of this name that an execution has in a queue, when the workflow has given it up; absent where there are no queues.
   * @returns undefined where there is no such job.
   */
  endJob?(job: {
    readonly queue: string;
    readonly name: string;
    readonly execution: string;
  }): Promise<EndedJob | undefined>;
  /**
   * Hands a run over to a deployment in another region, where this one has no machines; absent where there is none.
   * @returns where it goes on, in words.
   */
  handOver?(leaving: LeavingRun): Promise<string>;
  /** Into how many tasks an analysis of so many floating-point operations is shared out, at most `mostShards`. */
  shardsFor(flops: number): number;
  /** What starting a training task costs, in seconds; 0 where it is a function call. */
  readonly startSeconds: number;
  /** Name of the deployment, by which events of runs are noted for other systems; absent where nobody is told. */
  readonly service?: string | undefined;
  /** Where models can be published; absent where they can't: on a machine of one's own. */
  readonly publisher?: Publisher | undefined;
  /** Absent where nothing is metered: on a machine of one's own. */
  readonly meter?: Meter | undefined;
  /** Events that the history of an execution may have; the run is then handed over to the next execution. */
  readonly historyEvents: number;
  /** Whether this process was told to end at once (SIGTERM, a Spot notice). */
  interrupted(): boolean;
  /** Whether the run is to stop once the epoch under way is committed. */
  stopRequested?(): boolean;
  /** Versions for the run's record. */
  readonly versions: Readonly<Record<string, string>>;
  emit(event: ProgressEvent): void;
}
