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

const familyOf = ({ name }: OptimizerConfig) =>
  optimizerFamilies.find((family) => family.name === name) as OptimizerFamily<OptimizerConfig>;

/** The configured optimizer. */
export const buildOptimizer = (config: OptimizerConfig): Optimizer => familyOf(config).build(config);

/** Whether the configured optimizer's steps are as long as the rate says. */
export const movesByRate = (config: OptimizerConfig): boolean => familyOf(config).movesByRate(config);
