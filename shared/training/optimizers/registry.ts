import { z } from 'zod';
import {
  addMember,
  configSchemasOf,
  type Member,
  memberNamed,
  type OwnSettings,
  openUnion,
} from '../../core/families.ts';
import type { ParameterSpec } from '../../tensors/layer.ts';
import type { Optimizer, OptimizerFamily } from '../optimizer.ts';
import { adafactor } from './adafactor.ts';
import { adam } from './adam.ts';
import { adamw } from './adamw.ts';
import { lamb } from './lamb.ts';
import { lars } from './lars.ts';
import { muon } from './muon.ts';
import { sgd } from './sgd.ts';

/** Every optimizer: one line each. */
export const optimizerFamilies = [adam, adamw, sgd, adafactor, lars, lamb, muon] as const;

/** The run file's `training.optimizer`. */
export const optimizerSchema = openUnion(
  z.discriminatedUnion('name', configSchemasOf(optimizerFamilies)).describe('The optimizer.'),
);
export type OptimizerConfig = z.infer<typeof optimizerSchema>;

/** Adds an optimizer from outside. @throws UserError when one has its name. */
export const addOptimizer = (family: Member): void =>
  addMember('optimizer', family, [optimizerFamilies], [optimizerSchema]);

const familyOf = ({ name }: OptimizerConfig): OptimizerFamily<OptimizerConfig> =>
  memberNamed<OptimizerFamily<OwnSettings>>(optimizerFamilies, name);

/** The configured optimizer. */
export const buildOptimizer = (config: OptimizerConfig): Optimizer => familyOf(config).build(config);

/** Whether the configured optimizer's steps are as long as the rate says. */
export const movesByRate = (config: OptimizerConfig): boolean => familyOf(config).movesByRate(config);

/** The configured optimizer's usual rate, relative to Adam's. */
export const rateScale = (config: OptimizerConfig): number => familyOf(config).rateScale?.(config) ?? 1;

/** Floating-point operations of the configured optimizer's step, besides a few for each element. */
export const optimizerFlops = (config: OptimizerConfig, parameters: readonly ParameterSpec[]): number =>
  familyOf(config).stepFlops?.(config, parameters) ?? 0;

/** Warnings about optimizer settings that don't fit the parameters. */
export const optimizerWarnings = (config: OptimizerConfig, parameters: readonly ParameterSpec[]): string[] =>
  familyOf(config).warnings?.(config, parameters) ?? [];
