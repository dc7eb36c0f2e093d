/** The kinds of layers, which decide how a weight becomes matrices (docs/method.md). */
export type LayerKind = 'linear' | 'conv1d' | 'conv2d' | 'conv3d' | 'spectralConv';

/**
 * A layer whose weight can be analysed and balanced.
 * Weight layouts: linear `[out, in]`; conv1d `[out, in, k]`; conv2d `[out, in, kh, kw]`; conv3d `[out, in, kd, kh, kw]`;
 * spectralConv `[in, out, ...modes, 2]` (complex pairs).
 */
export interface Layer {
  /** Name of the module, e.g. `fc1`; its block number, if any, is the first `.digits.` in it. */
  readonly name: string;
  readonly kind: LayerKind;
  /** Names of the weight tensors; several are pooled into one spectrum (FNO 2-D's weights1 and weights2, FNO 3-D's four). */
  readonly weights: readonly string[];
  /**
   * `tucker`: the tensors are one complex weight's core `[...ranks, 2]` and a factor `[side, rank, 2]` for each axis; `blocks`: each
   * holds the blocks of a complex block-diagonal matrix, `[2, blocks, in, out]` (real parts, then imaginary ones); absent: weights.
   */
  readonly factors?: 'tucker' | 'blocks';
}

/** One trainable tensor of a model. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** The last axis holds real and imaginary part of a complex number. */
  readonly complex?: boolean;
  /** Whether weight decay applies (matrices yes; biases and norms as the model's family says). */
  readonly decay: boolean;
  /** The layer whose rate it follows (a bias follows its weight); undefined: always the base rate. */
  readonly layer?: string;
  /** `zeros`: a file of weights may lack it, and zeros stand for it (a layer without a bias); absent: it must be there. */
  readonly missing?: 'zeros';
  /** Of a model of n blocks: 0 above the last block, 1 in it, n in the first, n + 1 below it (embeddings). */
  readonly depth?: number;
}
