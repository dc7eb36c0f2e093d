import { UserError } from '../core/errors.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import type { ParameterMultipliers } from './applied-rates.ts';

/**
 * The multipliers with the learning rate of every parameter times decay^depth besides, where the depth counts from the top of the model: 0
 * above the last of n blocks, 1 in it, n + 1 in the embeddings. This is BEiT's decay^(n + 1 - i) with i from the bottom; ELECTRA's code has one
 * more step between head and last block. Sources: Howard and Ruder (ACL 2018); Clark et al., ELECTRA (ICLR 2020); Zhang et al. (ICLR 2021).
 * @param decay 1: the multipliers as they are
 * @throws UserError when the model has no blocks.
 */
export function withLayerDecay(
  multipliers: ParameterMultipliers,
  specs: readonly ParameterSpec[],
  decay = 1,
): ParameterMultipliers {
  if (decay === 1) return multipliers;
  return Object.fromEntries(
    specs.map(({ name, depth }) => {
      if (depth === undefined) throw withoutBlocks(name);
      const { learningRate = 1, weightDecay = 1, ...others } = multipliers[name] ?? {};
      const layerDecay = decay ** depth;
      return [name, { ...others, learningRate: learningRate * layerDecay, weightDecay, layerDecay }];
    }),
  );
}

const withoutBlocks = (name: string) =>
  new UserError(`needs a model of numbered blocks; here it is not known which block ${name} is in`, {
    where: 'training.layerDecay',
    remedy: 'Leave it out: layer-wise decay is for language models (model.family: huggingface).',
  });
