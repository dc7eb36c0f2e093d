import type { ProblemType } from '../datasets/text/problem-type.ts';
import type { Engine } from '../engines/engine.ts';
import type { AdapterConfig } from '../models/hugging-face/adapter-config.ts';
import type { Drawn } from '../models/model.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import type { ClassTable } from './metrics/classification.ts';
import type { PredictedFields } from './predicted/record.ts';
import type { EpochResult, MovingRates, ParameterMultipliers } from './train-epoch.ts';

/** The work of an optimizer step, about. */
export interface StepWork {
  /** Floating-point operations. */
  readonly stepFlops: number;
  /** Forward passes, one after the other: steps of the roll-out, in each part of the batch. */
  readonly passes: number;
  /** Numbers that its forward passes keep for the gradient, added up over all of its samples. */
  readonly stepActivations: number;
  /** Those of them that are in memory at once: of one part of the batch, where it is computed in parts. */
  readonly heldActivations: number;
  /** Bytes of the data that are in memory: samples that are held, and the batch. */
  readonly dataBytes: number;
}

/** Model and data of a run, read and checked without an engine. */
export interface WorkloadPlan extends StepWork {
  readonly parameters: readonly ParameterSpec[];
  /** The parameters that are not trained; absent: there are none. */
  readonly frozen?: readonly ParameterSpec[];
  /** The number of frozen parameters that stay in 16 bits; absent: none. */
  readonly frozenHalves?: number | undefined;
  readonly layers: readonly Layer[];
  /** Optimizer steps in an epoch. */
  readonly stepsPerEpoch: number;
  /** Sizes of the data for the run's record; with the settings, enough to build the model again. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What is needed to build the model again besides the settings and `data`: the `config.json` of a language model. */
  readonly model?: Readonly<Record<string, unknown>>;
  /** The problem type of a classifier. */
  readonly problemType?: ProblemType | undefined;
  /** Of a model whose base is frozen: the configuration of its adapter, and where the base lies, as the settings name it. */
  readonly adapter?: { readonly config: AdapterConfig; readonly base: string };
  /** What of the model is drawn from the seed instead of read from weights: names of modules, or all; absent: nothing. */
  readonly drawn?: Drawn | undefined;
  /** Files that go with the model wherever it goes, by name: a tokenizer. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** Sentences about the data for the user. */
  readonly warnings?: readonly string[];
  /**
   * The values of what is trained to begin with: pre-trained ones, or fresh ones.
   * @param tell told what of a weight file was taken, and how, where a reader should know
   * @throws UserError when weights can't be read or don't fit.
   */
  initial(tell?: (note: string) => void): Promise<HostTensors>;
}

/** Data that a model is evaluated on: at every epoch, or once at the end of a run that has test data. */
export type EvaluationData = 'validation' | 'test';

export interface Evaluation {
  /** The metrics by name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The scores by class of a classifier, unless its logits are not finite. */
  readonly classes?: ClassTable | undefined;
  /** Predictions of a model of fields, for the report. */
  readonly predictions?: PredictedFields | undefined;
}

/** Model and data of a run, ready to train: what the pipeline needs to know of either. */
export interface Workload extends WorkloadPlan {
  /** The name and version of the engine, e.g. `tfjs-backend-wasm 4.22.0`. */
  readonly engine: string;
  /** Trains epoch `epoch` (1-based) from these parameters and optimizer state (undefined: a fresh one), which are donated to the engine. */
  train(
    epoch: number,
    parameters: HostTensors,
    state: HostTensors | undefined,
    rates: ParameterMultipliers,
    onStep: (progress: { step: number; steps: number; loss: number }) => void,
    moving?: MovingRates,
  ): Promise<EpochResult>;
  /**
   * Parameters with those in them that no gradient trains, but that follow from the others: a head that is fitted. Before an epoch is
   * evaluated. Absent: there are none.
   */
  fitted?(parameters: HostTensors): Promise<HostTensors>;
  /**
   * On the validation data, where no other are named; on test data only where the plan has them.
   * @param options.donates whether the parameters are donated to the engine; absent: they stay as they are
   */
  evaluate(parameters: HostTensors, on?: EvaluationData, options?: { readonly donates?: boolean }): Promise<Evaluation>;
}

/** A plan that an engine makes a workload of. */
export interface StartablePlan extends WorkloadPlan {
  on(engine: Engine): Workload;
}
