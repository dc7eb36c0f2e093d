import { z } from 'zod';
import type { Random } from '../core/random.ts';
import type { Normaliser } from '../datasets/normaliser.ts';
import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import type { HostTensors } from '../tensors/tensor.ts';
import type { OtherNames } from './pretrained.ts';

/** What of a model is drawn from the seed: the modules of these names, or all of it. */
export type Drawn = 'all' | readonly string[];

/** The sizes of the data that a model is built for. */
export interface TrajectoryFormat {
  readonly kind: 'trajectories';
  /** Points along each space axis, after sub-sampling. */
  readonly space: readonly number[];
  /** Fields that are predicted. */
  readonly channels: number;
  /** Time steps in the input window; 0: nothing of what is predicted is given, as in a static map. */
  readonly window: number;
  /** Fields that are given and don't change with time, such as a coefficient; absent: none. */
  readonly statics?: number;
  /** By which what is given is normalised and what is predicted is scaled back; absent: both are as they are. */
  readonly normaliser?: Normaliser;
}

/** Numbers that a model is given at each point: the window's steps, each with its channels, then the static fields. */
export const inputsOf = ({ window, channels, statics = 0 }: TrajectoryFormat): number => window * channels + statics;

/** `[batch, ...space, inputs]` to `[batch, ...space, channels]`. */
export type StepForward = (given: Tensor) => Tensor;

/**
 * What a model keeps from one forward call to the next besides its parameters, by name, as batch norm its running statistics. A call in
 * training puts new tensors in their place.
 */
export type ModelState = Record<string, Tensor>;

/** A model of fields: from what is given at each point to fields of one time, or that don't change. */
export interface FieldModel {
  /** The trained parameters. */
  readonly parameters: readonly ParameterSpec[];
  /** What is kept from call to call and not trained; it is stored with the parameters. Absent: nothing. */
  readonly state?: readonly ParameterSpec[];
  readonly layers: readonly Layer[];
  /** Names of the layers whose shapes follow from channels, window and static fields, which `model.head: fresh` draws anew: lift and last layer. */
  readonly head?: readonly string[];
  /** The names that other libraries have for this architecture's weights. */
  readonly otherNames?: readonly OtherNames[];
  /** Tensors that files of the authors' own class hold besides and that nothing is computed with; absent: none. */
  readonly unused?: readonly string[];
  /** Whether it has nothing to do with the coordinates of the data; absent: they are given to it. */
  readonly ignoresGrid?: boolean;
  /** Floating-point operations of one forward pass of one sample. */
  readonly forwardFlops: number;
  /** Numbers that such a pass keeps for the gradient, about. */
  readonly activations: number;
  /** Both of what is computed once a roll-out, for all samples; absent: next to nothing. */
  readonly once?: { readonly flops: number; readonly activations: number };
  /** Seeded initial values of every parameter, and those of the state. */
  initialise(random: Random): HostTensors;
  /**
   * Binds parameters and coordinates `grid` `[...space, dimensions]`: gives the function from what is given
   * `[batch, ...space, inputs]` (`inputsOf` says how many, in which order) to the next time step `[batch, ...space, channels]`. What
   * depends on the parameters alone is computed here, once per roll-out. Pure: depends on nothing but its arguments.
   * @param state in training: the state, which every call of the function replaces in it. Absent: evaluation, by the state that is among `parameters`.
   */
  forward(tf: TensorLibrary, parameters: NamedTensors, grid: Tensor, state?: ModelState): StepForward;
}

/** The settings that every family has. */
export const modelSettings = {
  weights: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File of pre-trained weights: safetensors, or a state dict of PyTorch (.pt, .pth, .bin, .ckpt). A relative path starts at the folder of the run file; s3://... is downloaded. Absent: fresh weights.',
    ),
  head: z
    .enum(['keep', 'fresh'])
    .optional()
    .describe(
      'The first and the last layer. keep: those of the weights. fresh: new ones, drawn from the seed; needed for data with other channels, window or static fields. Absent: keep.',
    ),
};

/** A family of models: one file, one line in the registry. */
export interface ModelFamily<Config = unknown> {
  readonly name: string;
  /** The schema of its part of the run file, an object with `family: <name>`. */
  readonly configSchema: z.ZodType<Config>;
  readonly takes: TrajectoryFormat['kind'];
  /** The same in PyTorch: the source of a class `Model` for `pytorch/common.ts`. */
  readonly pytorch: string;
  /** Whether it means the same on a finer or coarser grid of the same extent, with the same weights; absent: it doesn't. */
  readonly anyResolution?: boolean;
  /** @throws UserError when the model can't be built for such data (too many modes, wrong number of axes). */
  build(config: Config, format: TrajectoryFormat): FieldModel;
}
