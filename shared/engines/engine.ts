import type * as tfjs from '@tensorflow/tfjs-core';
import type { FixedTensors, HostTensors, MixedTensors } from '../tensors/tensor.ts';

/** The names of the engines, the best first. */
export const engineNames = ['tfjs-node-gpu', 'onnx-webgpu', 'onnx', 'tfjs-node', 'wasm', 'cpu'] as const;
export type EngineName = (typeof engineNames)[number];

export const engineChoices = ['auto', ...engineNames] as const;
export type EngineChoice = (typeof engineChoices)[number];

/** The tensor library as an argument: models and optimizers never import it, so that any engine's copy of it serves. */
export type TensorLibrary = typeof tfjs;

/** A tensor of the tensor library. */
export type Tensor = tfjs.Tensor;

/** A tensor of one number. */
export type Scalar = tfjs.Scalar;

/** Tensors on an engine, by parameter name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** What a step is given: float32 and int32 tensors, as they are in host memory. */
export interface StepTensors {
  /** Tensors that are the same in every step. */
  readonly fixed: NamedTensors;
  /** Tensors that the last step left. */
  readonly carried: NamedTensors;
  /** Tensors that are new in every step. */
  readonly inputs: NamedTensors;
}

/**
 * A pure, synchronous function of tensors alone, and of nothing that changes: an engine may run it once, for its shapes, and
 * keep what it did. `carried` has what changes, under the names and in the shapes that it was given; absent where nothing does.
 */
export type Step = (tf: TensorLibrary, given: StepTensors) => { carried?: NamedTensors; results: NamedTensors };

/** Runs a step, or several that have their tensors in common, again and again; what they carry stays on the engine. */
export interface Loop {
  /** One step on these inputs; its results, in host memory, as float32. */
  run(inputs: MixedTensors, options?: RunOptions): Promise<HostTensors>;
  /**
   * Copies what is carried, or those tensors of it that are named, to host memory, in the order in which it came or is named.
   * @param options.untilNextStep whether the tensors are not needed any more when all inputs of the next step are known, so that those in memory that threads share need not be copied
   */
  read(names?: readonly string[], options?: { readonly untilNextStep?: boolean }): Promise<HostTensors>;
  /** What is carried, as `read` gives it, at the end: not copied where the engine has it in host memory. */
  finish(): Promise<HostTensors>;
  /** Frees its memory, if `finish` has not. */
  close(): Promise<void>;
}

export interface RunOptions {
  /** Another step than the loop's, on the same tensors. */
  readonly step?: Step | undefined;
  /** Names of inputs whose memory, with all that is in it, is the engine's from then on, so that it need not copy them; absent: none. */
  readonly donated?: ReadonlySet<string>;
  /** What some inputs are to be, which is not known yet; absent: they are what is given. */
  readonly late?: LateInputs | undefined;
}

/** Inputs that a step is not begun with: what is computed without them may be computed meanwhile. */
export interface LateInputs {
  /** Of inputs, which have other values of the same shapes until then. */
  readonly names: readonly string[];
  /** Asked once, when the step is run; undefined: what is carried stays as it was, whatever the results are. */
  values(): Promise<MixedTensors | undefined>;
}

/** All inputs of a step, once they are known; undefined: it is not to be taken. */
export async function knownInputs(
  inputs: MixedTensors,
  late: LateInputs | undefined,
): Promise<MixedTensors | undefined> {
  if (!late) return inputs;
  const values = await late.values();
  return values && new Map([...inputs, ...values]);
}

/** A tensor library with a working backend. */
export interface Engine {
  readonly name: EngineName;
  /** For the run's history, e.g. `tfjs-backend-wasm 4.22.0`. */
  readonly version: string;
  readonly tf: TensorLibrary;
  /** Elements of the largest parameter that is better updated together with others, as an operator costs more than what it computes; absent: few. */
  readonly mostTogether?: number;
  /** Puts tensors on the engine for a step to be run on. The same function object is compiled once, where steps are compiled. */
  loop(step: Step, given: LoopTensors): Promise<Loop>;
  /** Gives back what it holds, after which it is not to be used. Absent: it holds nothing worth it. */
  close?(): Promise<void>;
}

/** The tensors that a loop begins with. */
export interface LoopTensors {
  /** In a step, 16-bit floats are float32 tensors. What lies in shared memory is not copied where the engine can do without. */
  readonly fixed: FixedTensors;
  readonly carried: HostTensors;
  /** Names of tensors, fixed or carried, whose memory is the engine's from then on, so that it need not copy them; absent: none. */
  readonly donated?: ReadonlySet<string>;
}

/** Runs one step by itself. */
export async function runOnce(engine: Engine, step: Step, inputs: MixedTensors): Promise<HostTensors> {
  const loop = await engine.loop(step, { fixed: new Map(), carried: new Map() });
  try {
    return await loop.run(inputs);
  } finally {
    await loop.close();
  }
}
