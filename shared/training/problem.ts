import type { NamedTensors, StepTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { ModelState } from '../models/model.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import type { FixedTensors, MixedTensors } from '../tensors/tensor.ts';

/** What parameters are fitted to. Hold on to it: an engine that compiles steps compiles those of one objective once. */
export interface Objective {
  /** The trained parameters. */
  readonly parameters: readonly ParameterSpec[];
  /** What the loss replaces as it is computed, and no optimizer touches. Absent: nothing. */
  readonly state?: readonly ParameterSpec[] | undefined;
  /**
   * Mean loss of a batch, a scalar. Pure: depends on nothing but its arguments.
   * @param state of which it puts new tensors in the place of the old.
   */
  loss(
    tf: TensorLibrary,
    parameters: NamedTensors,
    given: Pick<StepTensors, 'fixed' | 'inputs'>,
    state: ModelState,
  ): Tensor;
}

/** Samples that are computed at a time. */
export interface BatchPart {
  /** The number of things that the loss is the mean of: samples, or words. */
  readonly count: number;
  /** Of the objective; whoever trains on them donates them to the engine. */
  readonly inputs: MixedTensors;
  /** To be called when nothing needs the inputs any more, so that their memory serves another batch; absent: it does not. */
  readonly done?: (() => void) | undefined;
}

/** An objective and the data that it is minimised on. */
export interface Problem {
  readonly objective: Objective;
  readonly fixed: FixedTensors;
  /** Whether a batch may be computed in several parts, one after the other. */
  readonly inParts: boolean;
  /** Optimizer steps in an epoch, the same in every one. */
  readonly stepsPerEpoch: number;
  /**
   * The batch of each step of an epoch (1-based), in its parts, made anew, or read, when it is asked for. Depends on nothing but the
   * problem and the epoch.
   */
  batches(epoch: number): readonly (() => readonly BatchPart[] | Promise<readonly BatchPart[]>)[];
}
