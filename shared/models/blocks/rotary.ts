import type { Tensor, TensorLibrary } from '../../engines/engine.ts';
import { atPositions, type PackedRows, sameText } from './packed.ts';

/** The rules by which angles grow with the position. */
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
    }
  | {
      readonly type: 'yarn';
      readonly factor: number;
      readonly trained: number;
      /** Pairs that turn more often than `fast` over the trained length stay, those that turn less than `slow` are stretched. */
      readonly fast: number;
      readonly slow: number;
      /** Whether the ends of the range between the two are whole numbers of pairs. */
      readonly whole: boolean;
    }
  | {
      readonly type: 'longrope';
      readonly trained: number;
      /** What each pair's frequency is divided by in texts of up to `trained` tokens, and in longer ones. */
      readonly short: readonly number[];
      readonly long: readonly number[];
    };

/** Rotary positions of a model. */
export interface Rotary {
  readonly theta: number;
  readonly scaling: RotaryScaling;
  /** How many components of a head are turned, the first ones: an even number. */
  readonly size: number;
  /** The factor for queries and keys; absent: 1. */
  readonly magnitude?: number;
}

/** How much of each pair's frequency is stretched, from 0 to 1. Source: Peng et al., YaRN (ICLR 2024). */
function stretchedShare(
  pair: number,
  { theta, size }: Rotary,
  { trained, fast, slow, whole }: Extract<RotaryScaling, { type: 'yarn' }>,
): number {
  const pairOf = (turns: number) => (size * Math.log(trained / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [pairOf(fast), pairOf(slow)];
  const low = Math.max(whole ? Math.floor(first) : first, 0);
  const high = Math.min(whole ? Math.ceil(last) : last, size - 1);
  return Math.min(Math.max((pair - low) / (high === low ? 0.001 : high - low), 0), 1);
}

/** Radians per position of each pair of components, in texts longer than the model was trained on or in others. */
function frequencies(rotary: Rotary, isLong: boolean): number[] {
  const { theta, scaling, size } = rotary;
  return Array.from({ length: size / 2 }, (_, pair) => {
    const frequency = theta ** ((-2 * pair) / size);
    if (scaling.type === 'default') return frequency;
    if (scaling.type === 'linear') return frequency / scaling.factor;
    if (scaling.type === 'longrope') return frequency / (isLong ? scaling.long : scaling.short)[pair]!;
    if (scaling.type === 'yarn') {
      const share = stretchedShare(pair, rotary, scaling);
      return (frequency / scaling.factor) * share + frequency * (1 - share);
    }
    const { factor, lowFrequency, highFrequency, trained } = scaling;
    const turns = (trained * frequency) / (2 * Math.PI);
    if (turns > highFrequency) return frequency;
    if (turns < lowFrequency) return frequency / factor;
    const share = (turns - lowFrequency) / (highFrequency - lowFrequency);
    return ((1 - share) * frequency) / factor + share * frequency;
  });
}

/** Cosines and sines of the angle of each component at each position, `[tokens, size]`. */
function turns(tf: TensorLibrary, tokens: number, rotary: Rotary, isLong: boolean): Turns {
  const { size, magnitude = 1 } = rotary;
  const speeds = frequencies(rotary, isLong);
  const table = (turn: (angle: number) => number) =>
    tf.tensor2d(
      Float32Array.from(
        { length: tokens * size },
        (_, index) => magnitude * turn(Math.floor(index / size) * speeds[(index % size) % speeds.length]!),
      ),
      [tokens, size],
    );
  return [table(Math.cos), table(Math.sin)];
}

type Turns = readonly [cosines: Tensor, sines: Tensor];

/** Tokens of each text, `[batch, 1, 1, 1]`; where texts share rows, of each token's own text, `[batch, 1, tokens, 1]`. */
function textLengths(tf: TensorLibrary, attentionMask: Tensor, packed: PackedRows | undefined): Tensor {
  if (packed) return tf.sum(sameText(tf, packed), -1, true);
  return tf.reshape(tf.sum(tf.cast(attentionMask, 'float32'), 1), [-1, 1, 1, 1]);
}

/** Of each text by its length: those for texts longer than the model was trained on, or the others. */
function chosenByLength(tf: TensorLibrary, lengths: Tensor, trained: number, short: Turns, long: Turns): Turns {
  const isLong: Tensor = tf.cast(tf.greater(lengths, trained), 'float32');
  const chosen = (place: 0 | 1): Tensor => tf.add(tf.mul(long[place], isLong), tf.mul(short[place], tf.sub(1, isLong)));
  return [chosen(0), chosen(1)];
}

/**
 * Rotary positions of `[batch, heads, tokens, headSize]`: of the first `size` components, component i turns with component
 * i + size / 2 by position * frequency i. Source: Su et al., RoFormer (2021), in the half-split order of Llama in Hugging Face;
 * stretched as in Llama 3.1, YaRN, or LongRoPE (Ding et al., ICML 2024), where the length of each text decides.
 * @param attentionMask `[batch, tokens]`, 1 for tokens and 0 for padding
 * @param packed where texts share rows: positions begin again at each; absent: a row is a text
 */
export function rotate(
  tf: TensorLibrary,
  attentionMask: Tensor,
  rotary: Rotary,
  packed?: PackedRows,
): (x: Tensor) => Tensor {
  const tokens = attentionMask.shape[1]!;
  const { scaling, size } = rotary;
  const turnsOf = (isLong: boolean): Turns => {
    const [cosines, sines] = turns(tf, tokens, rotary, isLong);
    return packed ? [atPositions(tf, cosines, packed), atPositions(tf, sines, packed)] : [cosines, sines];
  };
  const [cosines, sines] =
    scaling.type === 'longrope' && tokens > scaling.trained
      ? chosenByLength(tf, textLengths(tf, attentionMask, packed), scaling.trained, turnsOf(false), turnsOf(true))
      : turnsOf(false);
  const turned = (x: Tensor): Tensor => {
    const [first, second] = tf.split(x, 2, -1) as [Tensor, Tensor];
    return tf.add(tf.mul(x, cosines), tf.mul(tf.concat([tf.neg(second), first], -1), sines));
  };
  return (x) => {
    const rest = x.shape.at(-1)! - size;
    if (rest === 0) return turned(x);
    const [part, still] = tf.split(x, [size, rest], -1) as [Tensor, Tensor];
    return tf.concat([turned(part), still], -1);
  };
}
