import { z } from 'zod';
import { configSchemasOf } from '../../core/families.ts';
import type { Optimizer, OptimizerFamily } from '../optimizer.ts';
import { adafactor } from './adafactor.ts';
import { adam } from './adam.ts';
import { adamw } from './adamw.ts';
import { sgd } from './sgd.ts';

/** Every optimizer: one line each. */
export const optimizerFamilies = [adam, adamw, sgd, adafactor] as const;

/** The run file's `training.optimizer`. */
export const optimizerSchema = z
  .discriminatedUnion('name', configSchemasOf(optimizerFamilies))
  .describe('How gradients become steps.');
export type OptimizerConfig = z.infer<typeof optimizerSchema>;

/** The configured optimizer. */
export function buildOptimizer(config: OptimizerConfig): Optimizer {
  const family = optimizerFamilies.find(({ name }) => name === config.name) as OptimizerFamily<OptimizerConfig>;
  return family.build(config);
}
