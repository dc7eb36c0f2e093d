import type { NamedTensors, Tensor, TensorLibrary } from '../../engines/engine.ts';
import { recomputed } from '../../engines/recompute.ts';
import { type DenseLayout, dense } from '../blocks/dense.ts';
import { layerNorm, rmsNorm } from '../blocks/norm.ts';
import type { Dropout, DropoutSite } from '../dropout.ts';
import type { DenseUpdate, TokenBatch } from './model.ts';

/** One forward pass: its batch, and layers by their names. */
export interface Pass {
  readonly tf: TensorLibrary;
  readonly batch: number;
  readonly tokens: number;
  readonly given: TokenBatch;
  readonly drop: Dropout;
  readonly parameter: (name: string) => Tensor;
  /** @param use how the layer is stored; `again`: which of its further uses this is, absent: its first */
  readonly dense: (x: Tensor, name: string, use?: DenseLayout & { readonly again?: string | undefined }) => Tensor;
  readonly layerNorm: (x: Tensor, name: string, epsilon: number) => Tensor;
  /** @param addsOne whether it multiplies by 1 + weight */
  readonly rmsNorm: (x: Tensor, name: string, epsilon: number, addsOne?: boolean) => Tensor;
}

/** A block's output. @param compute pure; nothing of it but its result is used elsewhere */
export const throughBlock = ({ tf, given }: Pass, hidden: Tensor, compute: (hidden: Tensor) => Tensor): Tensor =>
  given.recomputes ? recomputed(tf, compute, hidden) : compute(hidden);

/** A place where elements are dropped; none where the rate is 0. */
export function site(name: string, shape: readonly number[], rate: number): DropoutSite[] {
  return rate === 0 ? [] : [{ name, shape, rate }];
}

export function beginPass(
  tf: TensorLibrary,
  parameters: NamedTensors,
  given: TokenBatch,
  drop: Dropout,
  update: DenseUpdate | undefined,
): Pass {
  const [batch, tokens] = given.inputIds.shape as [number, number];
  const parameter = (name: string): Tensor => {
    const tensor = parameters[name];
    if (!tensor) throw new Error(`the model was given no parameter ${name}`);
    return tensor;
  };
  return {
    tf,
    batch,
    tokens,
    given,
    drop,
    parameter,
    dense(x, name, use) {
      const plain = dense(tf, x, parameter(`${name}.weight`), parameters[`${name}.bias`], use);
      const more = update?.(x, name, use?.again);
      return more ? tf.add(plain, more) : plain;
    },
    layerNorm: (x, name, epsilon) => layerNorm(tf, x, parameter(`${name}.weight`), parameters[`${name}.bias`], epsilon),
    rmsNorm(x, name, epsilon, addsOne = false) {
      const weight = parameter(`${name}.weight`);
      return rmsNorm(tf, x, addsOne ? tf.add(weight, 1) : weight, epsilon);
    },
  };
}

/** Numbers as one list, int32. */
export function flatNumbers(tf: TensorLibrary, numbers: Tensor): Tensor {
  return tf.reshape(tf.cast(numbers, 'int32'), [-1]);
}

/** Scores of every word of the vocabulary by the table of tokens, `[batch * tokens, vocabulary]`. */
export function scoreByTable({ tf, parameter }: Pass, hidden: Tensor, words: string, bias?: string): Tensor {
  return dense(tf, hidden, parameter(`${words}.weight`), bias === undefined ? undefined : parameter(bias));
}

/** `[batch * tokens, size]` to `[batch, tokens, size]`. */
export function perToken({ tf, batch, tokens }: Pass, rows: Tensor): Tensor {
  return tf.reshape(rows, [batch, tokens, -1]);
}
