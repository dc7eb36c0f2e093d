import type { Tensor, TensorLibrary } from '../../engines/engine.ts';

/** How the angles grow with the position. */
export type RotaryScaling =
  | { readonly type: 'default' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly factor: number;
      readonly lowFrequency: number;
      readonly highFrequency: number;
      /** Tokens that the model was trained on before it was stretched. */
      readonly trained: number;
    };

/** Radians per position of each pair of components. */
function frequencies(headSize: number, theta: number, scaling: RotaryScaling): number[] {
  return Array.from({ length: headSize / 2 }, (_, pair) => {
    const frequency = theta ** ((-2 * pair) / headSize);
    if (scaling.type === 'default') return frequency;
    if (scaling.type === 'linear') return frequency / scaling.factor;
    const { factor, lowFrequency, highFrequency, trained } = scaling;
    const turns = (trained * frequency) / (2 * Math.PI);
    if (turns > highFrequency) return frequency;
    if (turns < lowFrequency) return frequency / factor;
    const share = (turns - lowFrequency) / (highFrequency - lowFrequency);
    return ((1 - share) * frequency) / factor + share * frequency;
  });
}

/**
 * Rotary positions of `[..., tokens, size]`: component i turns with component i + size / 2 by position * frequency i.
 * Source: Su et al., RoFormer (2021), in the half-split order of Llama in Hugging Face; stretched as in Llama 3.1.
 */
export function rotary(
  tf: TensorLibrary,
  tokens: number,
  headSize: number,
  theta: number,
  scaling: RotaryScaling,
): (x: Tensor) => Tensor {
  const speeds = frequencies(headSize, theta, scaling);
  const table = (turn: (angle: number) => number) =>
    tf.tensor2d(
      Float32Array.from({ length: tokens * headSize }, (_, index) =>
        turn(Math.floor(index / headSize) * speeds[(index % headSize) % speeds.length]!),
      ),
      [tokens, headSize],
    );
  const [cosines, sines] = [table(Math.cos), table(Math.sin)];
  return (x) => {
    const [first, second] = tf.split(x, 2, -1) as [Tensor, Tensor];
    return tf.add(tf.mul(x, cosines), tf.mul(tf.concat([tf.neg(second), first], -1), sines));
  };
}
