import { z } from 'zod';
import { spectraConfigSchema } from '../spectra/config.ts';
import { factorRange } from './assignments/factor-range.ts';
import { assignmentSchema } from './assignments/registry.ts';
import { controlNames } from './controls/registry.ts';
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
      'A published method (docs/method.md): a set of the settings below, for the kind of the model; what is written beside it overrides it, one by one.',
    ),
  metric: z
    .enum(balanceMetrics)
    .default('alpha')
    .describe(
      "What layers are compared by. `alpha` depends on a layer's shape too; `farmsAlpha` is taken of windows of one shape.",
    ),
  ...spectraConfigSchema.shape,
  assignment: assignmentSchema
    .prefault({ function: 'sigmoid' })
    .describe("How the layers' values become factors on the base rate."),
  weightDecayAssignment: assignmentSchema
    .optional()
    .describe('How they become factors on the weight decay, where that is a target; absent: as `assignment`.'),
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
  ...timingSettings,
  unmeasured: z
    .enum(['baseRate', 'largestFactor'])
    .default('baseRate')
    .describe(
      'What weights get of which no spectrum is taken (embeddings, heads, spectral weights that are not analysed): the base rate, or the largest factor of all. Layers with too few eigenvalues, norms and what `exclude` names keep the base rate.',
    ),
  minEigenvalues: z
    .int()
    .nonnegative()
    .default(usualMinEigenvalues)
    .describe('Layers with fewer eigenvalues than this keep the base rate.'),
  exclude: z
    .array(z.string().min(1))
    .default([])
    .describe('Names of layers that keep the base rate; * stands for any characters, ? for one.'),
  excludeEnds: z
    .enum(['none', 'first', 'last', 'both'])
    .default('none')
    .describe('Whether the first or the last of the analysed layers keeps the base rate, in the order of the model.'),
  control: z
    .enum(controlNames)
    .optional()
    .describe(
      'Turns the run into a control, to see whether the spectra matter: `shuffled` gives the same factors to other layers, drawn by training.seed; `inverse` gives 1 / factor; `byShape` gives each layer the mean factor of the layers of its shape. Absent: the factors as they are.',
    ),
});

export type BalanceConfig = z.output<typeof balanceConfigSchema>;

/** The targets of the factors as a list. */
export function targetsOf({ target }: Pick<BalanceConfig, 'target'>): readonly BalanceTarget[] {
  if (target === 'both') return ['learningRate', 'weightDecay'];
  return typeof target === 'string' ? [target] : target;
}
