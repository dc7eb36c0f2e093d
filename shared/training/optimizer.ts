import type { z } from 'zod';
import type { NamedTensors, Scalar, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import type { HostTensors } from '../tensors/tensor.ts';

/** What changes from step to step, as tensors, so that a traced step takes them as inputs. */
export interface StepScalars {
  /** 1 for the first step ever taken with this optimizer state. */
  readonly step: Scalar;
  /** By parameter name. */
  readonly learningRates: Readonly<Record<string, Scalar>>;
  readonly weightDecays: Readonly<Record<string, Scalar>>;
}

/** Pure: `init` gives the state, `update` gives new parameters and new state and leaves its arguments alone. */
export interface Optimizer {
  /** State tensors by name (`<slot>/<parameter>`). */
  init(parameters: readonly ParameterSpec[]): HostTensors;
  update(
    tf: TensorLibrary,
    parameters: NamedTensors,
    gradients: NamedTensors,
    state: NamedTensors,
    scalars: StepScalars,
  ): { parameters: NamedTensors; state: NamedTensors };
}

/** An optimizer: one file, one line in the registry. */
export interface OptimizerFamily<Config = unknown> {
  readonly name: string;
  /** Its part of the run file: an object with `name: <name>` and its own settings. */
  readonly configSchema: z.ZodType<Config>;
  build(config: Config, parameters: readonly ParameterSpec[]): Optimizer;
}
