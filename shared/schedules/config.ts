import { z } from 'zod';
import { spectraConfigSchema } from '../spectra/config.ts';
import { factorRange } from './assignments/factor-range.ts';
import { assignmentSchema } from './assignments/registry.ts';
import { controlNames, controlsInWords } from './controls/registry.ts';
import { presetNames } from './presets/registry.ts';
import { timingSettings } from './timing.ts';
import { balanceUnits } from './units.ts';

/** The numbers by which layers can be compared; each is a field of `LayerSpectrum`. */
const balanceMetrics = ['alpha', 'farmsAlpha', 'alphaHat', 'stableRank', 'spectralNorm'] as const;

/** The settings that factors can multiply. */
const balanceTargets = ['learningRate', 'weightDecay', 'rho'] as const;
export type BalanceTarget = (typeof balanceTargets)[number];
export const usualMinEigenvalues = 12;

/** The run file's `balance` section: what is measured of each layer, and how that sets its rate. */
export const balanceConfigSchema = z.strictObject({
  preset: z
    .enum(presetNames)
    .optional()
    .describe(
      'A published method (docs/method.md): a set of the settings below, for this kind of model. Settings that you write beside it override those of the preset, one by one.',
    ),
  metric: z
    .enum(balanceMetrics)
    .default('alpha')
    .describe(
      "The number by which layers are compared. `alpha` also depends on a layer's shape; `farmsAlpha` is measured on windows of one shape.",
    ),
  ...spectraConfigSchema.shape,
  assignment: assignmentSchema
    .prefault({ function: 'sigmoid' })
    .describe("How the layers' values become factors on the base rate."),
  weightDecayAssignment: assignmentSchema
    .optional()
    .describe(
      "How the layers' values become factors on the weight decay, if that is a target. Absent: as `assignment`.",
    ),
  unit: z
    .enum(balanceUnits)
    .default('layer')
    .describe(
      'What has a factor of its own: each layer, each block (names such as "encoder.layer.0.…"), or each layer in its block.',
    ),
  withinBlock: z
    .strictObject(factorRange)
    .prefault({})
    .describe('For unit layerInBlock: the range of the linear map over the layers of a block.'),
  target: z
    .union([z.enum([...balanceTargets, 'both']), z.array(z.enum(balanceTargets)).min(1)])
    .default('learningRate')
    .describe(
      'What the factors multiply: one of these, a list of them, or `both` for learning rate and weight decay. rho is that of SAM (`training.sam`).',
    ),
  normaliseMean: z
    .boolean()
    .default(false)
    .describe('Whether the factors are scaled so that their mean over layers is 1.'),
  ...timingSettings,
  unmeasured: z
    .enum(['baseRate', 'largestFactor'])
    .default('baseRate')
    .describe(
      'The rate of weights without a spectrum (embeddings, heads, spectral weights that are not analysed): the base rate, or the largest factor of all layers. Layers with too few eigenvalues, norms and what `exclude` names keep the base rate.',
    ),
  minEigenvalues: z
    .int()
    .nonnegative()
    .default(usualMinEigenvalues)
    .describe('Layers with fewer eigenvalues than this keep the base rate.'),
  exclude: z
    .array(z.string().min(1))
    .default([])
    .describe('Names of layers that keep the base rate. * stands for any characters, ? for one.'),
  excludeEnds: z
    .enum(['none', 'first', 'last', 'both'])
    .default('none')
    .describe('Whether the first or the last of the analysed layers keeps the base rate, in the order of the model.'),
  control: z
    .enum(controlNames)
    .optional()
    .describe(
      `Turns the run into a control, which shows whether the spectra matter. ${controlsInWords} Absent: no control.`,
    ),
});

export type BalanceConfig = z.output<typeof balanceConfigSchema>;

/** The targets of the factors as a list. */
export function targetsOf({ target }: Pick<BalanceConfig, 'target'>): readonly BalanceTarget[] {
  if (target === 'both') return ['learningRate', 'weightDecay'];
  return typeof target === 'string' ? [target] : target;
}
