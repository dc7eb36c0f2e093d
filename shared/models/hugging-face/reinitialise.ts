import { UserError } from '../../core/errors.ts';
import { blockCount, isInBlock } from '../language/depths.ts';
import type { LanguageModel, WeightNames } from '../language/model.ts';
import { headOf } from './weights.ts';

/** What of a model is drawn anew: its top blocks and, of BERT, the pooler. Source: Zhang et al. (ICLR 2021). */
export interface Reinitialised {
  /** Blocks that are drawn anew, and those that there are. */
  readonly blocks: number;
  readonly of: number;
  readonly pooler: boolean;
}

/**
 * What `model.reinitialise` stands for in a model, with the names of the parameters.
 * @param count of blocks
 * @throws UserError when the model has fewer
 */
export function reinitialised(
  { parameters }: Pick<LanguageModel, 'parameters'>,
  { prefix }: WeightNames,
  count: number,
): Reinitialised & { readonly parameters: readonly string[] } {
  const of = blockCount(parameters.map(({ name }) => name));
  const isPooler = (name: string) => headOf(name, prefix) === `${prefix}pooler`;
  if (count > of) {
    throw new UserError(`the model has ${of} blocks, ${count} are to be drawn anew`, {
      where: 'model.reinitialise',
      remedy: `Set it to at most ${of}; model.fresh: true draws all of the model.`,
    });
  }
  const inTop = (name: string, depth = 0) => isInBlock(name) && depth > 0 && depth <= count;
  return {
    blocks: count,
    of,
    pooler: parameters.some(({ name }) => isPooler(name)),
    parameters: parameters.filter(({ name, depth }) => inTop(name, depth) || isPooler(name)).map(({ name }) => name),
  };
}

/** E.g. `the top 2 of 12 blocks and the pooler were drawn anew`. */
export function describeReinitialised({ blocks, of, pooler }: Reinitialised): string {
  const which = blocks === 1 ? `the top one of ${of} blocks` : `the top ${blocks} of ${of} blocks`;
  return `${which}${pooler ? ' and the pooler' : ''} ${blocks === 1 && !pooler ? 'was' : 'were'} drawn anew`;
}
