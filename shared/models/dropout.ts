import type { NamedTensors, Tensor, TensorLibrary } from '../engines/engine.ts';

/** A place in a model where values are dropped in training: its own mask of this shape, this share of it zero. */
export interface DropoutSite {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rate: number;
}

/** Applies dropout at a named place of a model. */
export type Dropout = (x: Tensor, site: string) => Tensor;

/** Applies no dropout, as in evaluation. */
export const noDropout: Dropout = (x) => x;

/** Dropout by masks that hold 0 where a value is dropped and 1 / (1 - rate) elsewhere, by name of the site. */
export function maskedDropout(tf: TensorLibrary, masks: NamedTensors): Dropout {
  return (x, site) => {
    const mask = masks[site];
    return mask ? tf.mul(x, mask) : x;
  };
}
