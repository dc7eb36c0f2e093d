import type * as tfjs from '@tensorflow/tfjs-core';

/** The tensor library as an argument: models and optimizers never import it, so that any engine's copy of it serves. */
export type TensorLibrary = typeof tfjs;
export type Tensor = tfjs.Tensor;
export type Scalar = tfjs.Scalar;

/** Tensors on an engine, by parameter name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/** A tensor library with a working backend. */
export interface Engine {
  readonly name: 'wasm' | 'tfjs-node' | 'tfjs-node-gpu' | 'cpu';
  /** For the run's history, e.g. `tfjs-backend-wasm 4.22.0`. */
  readonly version: string;
  readonly tf: TensorLibrary;
}
