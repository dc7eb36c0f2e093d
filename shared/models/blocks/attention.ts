import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { numbersBelow } from './numbers.ts';

/** Added to a score whose key must not be seen: far below any score, and far from overflow. */
const unseen = -1e9;

/** 1 where row <= column, `[size, size]`. */
export function upperOnes(tf: TensorLibrary, size: number): Tensor {
  const numbers = numbersBelow(tf, size);
  return tf.cast(tf.lessEqual(tf.reshape(numbers, [size, 1]), numbers), 'float32');
}

/** 1 where row - column < window, `[size, size]`: a token sees itself and the window - 1 tokens before it. */
function windowOnes(tf: TensorLibrary, size: number, window: number): Tensor {
  const beyond = tf.tensor2d(
    Int32Array.from({ length: size }, (_, row) => row - window),
    [size, 1],
    'int32',
  );
  return tf.cast(tf.greater(numbersBelow(tf, size), beyond), 'float32');
}

/**
 * What is added to the scores, made once for all blocks: `[batch, 1, 1, tokens]`, or `[batch, 1, tokens, tokens]` where
 * tokens see only what came before.
 * @param attentionMask `[batch, tokens]`, 1 for tokens and 0 for padding
 * @param window how many tokens one sees at most, itself included, where it sees only what came before; absent: all
 * @param same of `sameText`, where texts that share a row are not to see each other; absent: a row is a text
 */
export function scoreMask(
  tf: TensorLibrary,
  attentionMask: Tensor,
  causal: boolean,
  window = Infinity,
  same?: Tensor,
): Tensor {
  const [batch, tokens] = attentionMask.shape as [number, number];
  const seen = tf.reshape(tf.cast(attentionMask, 'float32'), [batch, 1, 1, tokens]);
  const before = () => {
    const lower = tf.transpose(upperOnes(tf, tokens));
    return tf.reshape(window < tokens ? tf.mul(lower, windowOnes(tf, tokens, window)) : lower, [1, 1, tokens, tokens]);
  };
  const own = same ? tf.mul(seen, same) : seen;
  return tf.mul(tf.sub(1, causal ? tf.mul(own, before()) : own), unseen);
}

/** cap * tanh(scores / cap), which stays between -cap and cap. Source: Gemma 2 (2024). */
export function capScores(tf: TensorLibrary, scores: Tensor, cap: number | undefined): Tensor {
  return cap === undefined ? scores : tf.mul(tf.tanh(tf.div(scores, cap)), cap);
}

/** A mask of `scoreMask` by which tokens see at most `side` tokens to each side. */
export function withinWindow(tf: TensorLibrary, mask: Tensor, side: number): Tensor {
  const tokens = mask.shape.at(-1)!;
  if (tokens <= side + 1) return mask;
  const isFar = (index: number) => Math.abs(Math.floor(index / tokens) - (index % tokens)) > side;
  const far = Float32Array.from({ length: tokens * tokens }, (_, index) => (isFar(index) ? unseen : 0));
  return tf.add(mask, tf.tensor4d(far, [1, 1, tokens, tokens]));
}

export interface AttentionSizes {
  readonly batch: number;
  readonly tokens: number;
  /** How many tokens are attended to, where they are those of another text; absent: as many. */
  readonly keyTokens?: number;
  readonly heads: number;
  /** As many as heads, or a divisor of it: then a key and value serve several heads in a row. */
  readonly keyHeads: number;
  readonly headSize: number;
  /** By which products of queries and keys are multiplied; absent: 1 / sqrt(headSize). */
  readonly scale?: number;
  /** Scores s become cap * tanh(s / cap); absent: they stay. */
  readonly cap?: number | undefined;
}

/** `[batch * tokens, heads * size]` to `[batch, heads, tokens, size]`. */
export function splitHeads(tf: TensorLibrary, x: Tensor, { batch, tokens, headSize }: AttentionSizes): Tensor {
  return tf.transpose(tf.reshape(x, [batch, tokens, -1, headSize]), [0, 2, 1, 3]);
}

/**
 * Scaled dot-product attention. Source: Vaswani et al. (NeurIPS 2017); shared keys: Ainslie et al., GQA (2023).
 * @param query `[batch, heads, tokens, size]`; key and value `[batch, keyHeads, keyTokens, size]`
 * @param mask of `scoreMask`, or it with what depends on the distance of tokens, `[batch, heads, tokens, keyTokens]`
 * @param drop applied to the weights `[batch, heads, tokens, keyTokens]`
 * @returns `[batch * tokens, heads * size]`
 */
export function attend(
  tf: TensorLibrary,
  { query, key, value }: Readonly<Record<'query' | 'key' | 'value', Tensor>>,
  mask: Tensor,
  sizes: AttentionSizes,
  drop: (weights: Tensor) => Tensor,
): Tensor {
  const { batch, tokens, keyTokens = tokens, heads, keyHeads, headSize, scale = 1 / Math.sqrt(headSize), cap } = sizes;
  // Heads that share a key stand one below the other, as more rows of one product.
  const rows = (heads / keyHeads) * tokens;
  const scaled = scale === 1 ? query : tf.mul(query, scale);
  const scores = tf.matMul(tf.reshape(scaled, [batch, keyHeads, rows, headSize]), key, false, true);
  const capped = tf.reshape(capScores(tf, scores, cap), [batch, heads, tokens, keyTokens]);
  const weights = drop(tf.softmax(tf.add(capped, mask)));
  const mixed = tf.matMul(tf.reshape(weights, [batch, keyHeads, rows, keyTokens]), value);
  const perToken = tf.transpose(tf.reshape(mixed, [batch, heads, tokens, headSize]), [0, 2, 1, 3]);
  return tf.reshape(perToken, [batch * tokens, heads * headSize]);
}
