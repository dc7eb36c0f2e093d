import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import type { EpochResult, ParameterMultipliers } from './train-epoch.ts';

/** Model and data of a run, ready to train: what the pipeline needs to know of either. */
export interface Workload {
  readonly parameters: readonly ParameterSpec[];
  readonly layers: readonly Layer[];
  /** What computes, e.g. `tfjs-backend-wasm 4.22.0`. */
  readonly engine: string;
  /** Sizes of the data for the run's record. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What, besides the weights, is needed to build the model again: the exported `config.json`. */
  readonly modelConfig: Readonly<Record<string, unknown>>;
  initialise(): HostTensors;
  /** Trains epoch `epoch` (1-based) from these parameters and optimizer state (undefined: a fresh one). */
  train(
    epoch: number,
    parameters: HostTensors,
    state: HostTensors | undefined,
    rates: ParameterMultipliers,
    onStep: (progress: { step: number; steps: number; loss: number }) => void,
  ): Promise<EpochResult>;
  /** The metrics on the validation data, by name. */
  evaluate(parameters: HostTensors): Promise<Record<string, number>>;
}
