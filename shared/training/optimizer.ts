import type { z } from 'zod';
import type { NamedTensors, Scalar, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import type { HostTensors } from '../tensors/tensor.ts';

/** What changes from step to step, as tensors, so that a traced step takes them as inputs. */
export interface StepScalars {
  /** 1 for the first step ever taken with this optimizer state. */
  readonly step: Scalar;
  /** The learning rate by parameter name: a number, or one for each element. */
  readonly learningRates: Readonly<Record<string, Tensor>>;
  readonly weightDecays: Readonly<Record<string, Tensor>>;
}

/** Pure: `init` gives the state, `update` gives new parameters and new state and leaves its arguments alone. */
export interface Optimizer {
  /** Whether each element of a parameter that is not complex is updated without regard to the others. */
  readonly elementwise: boolean;
  /** State tensors by name (`<slot>/<parameter>`). */
  init(parameters: readonly ParameterSpec[]): HostTensors;
  update(
    tf: TensorLibrary,
    specs: readonly ParameterSpec[],
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
  /** Whether a step moves a weight by about the rate, however long the gradient is and whatever the weight's size. */
  readonly movesByRate: (config: Config) => boolean;
  /** The usual rate relative to that of optimizers whose rates are like Adam's; absent: 1. */
  readonly rateScale?: (config: Config) => number;
  /** Floating-point operations of a step besides a few for each element; absent: none. */
  readonly stepFlops?: (config: Config, parameters: readonly ParameterSpec[]) => number;
  /** Warnings about settings that don't fit the parameters; absent: all fit. */
  readonly warnings?: (config: Config, parameters: readonly ParameterSpec[]) => string[];
  build(config: Config): Optimizer;
}
