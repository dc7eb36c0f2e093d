import { z } from 'zod';
import { spectraConfigSchema } from '../spectra/config.ts';
import { factorRange } from './assignments/factor-range.ts';
import { assignmentSchema } from './assignments/registry.ts';
import { balanceUnits } from './units.ts';

/** What layers are compared by; each is a field of `LayerSpectrum`. */
const balanceMetrics = ['alpha', 'alphaHat', 'stableRank', 'spectralNorm'] as const;

/** What factors can multiply. */
const balanceTargets = ['learningRate', 'weightDecay', 'rho'] as const;
export type BalanceTarget = (typeof balanceTargets)[number];
export const usualMinEigenvalues = 12;

/** The run file's `balance` section: what is measured of each layer, and how that sets its rate. */
export const balanceConfigSchema = z.strictObject({
  metric: z.enum(balanceMetrics).default('alpha').describe('What layers are compared by.'),
  ...spectraConfigSchema.shape,
  assignment: assignmentSchema
    .prefault({ function: 'sigmoid' })
    .describe("How the layers' values become factors on the base rate."),
  unit: z
    .enum(balanceUnits)
    .default('layer')
    .describe('What shares one factor: a layer, a block (names such as "encoder.layer.0.…"), or a layer in its block.'),
  withinBlock: z
    .strictObject(factorRange)
    .prefault({})
    .describe('For unit layerInBlock: the range of the linear map over the layers of a block.'),
  target: z
    .union([z.enum([...balanceTargets, 'both']), z.array(z.enum(balanceTargets)).min(1)])
    .default('learningRate')
    .describe(
      "What the factors multiply: one of these, `both` for learning rate and weight decay, or a list; rho is SAM's (`training.sam`).",
    ),
  normaliseMean: z.boolean().default(false).describe('Scale the factors so that their mean over layers is 1.'),
  every: z.int().positive().default(1).describe('Epochs between analyses.'),
  minEigenvalues: z
    .int()
    .nonnegative()
    .default(usualMinEigenvalues)
    .describe('Layers with fewer eigenvalues than this keep the base rate.'),
  exclude: z
    .array(z.string().min(1))
    .default([])
    .describe('Names of layers that keep the base rate; * stands for any characters, ? for one.'),
});

export type BalanceConfig = z.output<typeof balanceConfigSchema>;

/** What the factors multiply, one by one. */
export function targetsOf({ target }: Pick<BalanceConfig, 'target'>): readonly BalanceTarget[] {
  if (target === 'both') return ['learningRate', 'weightDecay'];
  return typeof target === 'string' ? [target] : target;
}
