import { z } from 'zod';
import { validationSizeSchema } from '../datasets/split.ts';
import type { ModelConfig } from '../models/registry.ts';
import { emaSchema } from './ema.ts';
import { learningRateCurveSchema } from './learning-rate-curves/registry.ts';
import { fieldLossNames } from './objectives/field-losses.ts';
import { trainingModes, usualUnrollSteps } from './objectives/rollout.ts';
import { movesByRate, type OptimizerConfig, optimizerSchema, rateScale } from './optimizers/registry.ts';
import { samSchema } from './sam.ts';

/** The run file's `training` section. */
export const trainingSchema = z
  .strictObject({
    epochs: z.int().positive().default(20).describe('Passes over the training data.'),
    batchSize: z.int().positive().default(4).describe('Samples per optimizer step.'),
    accumulate: z
      .int()
      .positive()
      .default(1)
      .describe(
        "Number of parts in which a step's samples are computed, one after the other, to save memory. The step is the same, except for rounding. With sam, each part has its own ascent step. Batch norm (in a U-Net) uses the statistics of each part, as in PyTorch.",
      ),
    gradientCheckpointing: z
      .boolean()
      .default(false)
      .describe(
        'Whether the blocks of a language model keep only their inputs for the gradient, and are computed a second time for it. The step is the same, except for rounding, with less memory and about a third more time. It may change when a run is resumed.',
      ),
    clipNorm: z
      .number()
      .positive()
      .optional()
      .describe(
        'Largest norm of the whole gradient. A longer gradient is scaled down to it. Absent: gradients are not clipped.',
      ),
    optimizer: optimizerSchema.prefault({ name: 'adam' }),
    sam: samSchema.optional(),
    ema: emaSchema.optional(),
    learningRate: z
      .number()
      .positive()
      .optional()
      .describe(
        'The base learning rate, before schedule and balancing. Absent: 0.00005 for a language model from a folder that is trained in full by adam, adamw, muon, or adafactor without scaleParameter (0.00002 for few-shot-classification). 0.001 for everything else: fresh models, adapters, models of fields, other optimizers. For muon with adjust original, 20 times as much (usually 0.02). For lars, divided by trustCoefficient (usually 1).',
      ),
    schedule: learningRateCurveSchema
      .prefault({ name: 'constant' })
      .describe('How the base learning rate changes over the run.'),
    layerDecay: z
      .number()
      .positive()
      .max(1)
      .optional()
      .describe(
        'Layer-wise decay of the learning rate, for language models: the rate of a parameter is multiplied by layerDecay^depth. The depth is 0 above the last of n blocks (head, pooler, final norm), 1 in the last block, n in the first, and n + 1 in the embeddings. The factors of balancing come on top. Absent or 1: off.',
      ),
    labelSmoothing: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe(
        'Label smoothing: the share of the target that is spread evenly over all labels or words. Only for language models.',
      ),
    classWeights: z
      .union([z.literal('balanced'), z.record(z.string(), z.number().positive())])
      .optional()
      .describe(
        'Weights of the labels in the loss, for classifiers of one label. balanced: all labels of the training texts have the same total weight. Or a weight for each label, 1 for those that are not named. The mean is weighted, as in torch.nn.CrossEntropyLoss. Metrics and the validation loss are not weighted. Absent: all texts count alike.',
      ),
    loss: z
      .enum(fieldLossNames)
      .optional()
      .describe(
        'The loss of models of fields, summed over the predicted steps. mse: the mean squared error. relativeL2: the norm of the error over all points, divided by that of the true field; the mean over samples and channels. h1: the same with first derivatives. With dataset.normalise, it is computed on normalised fields. Absent: mse.',
      ),
    periodic: z
      .union([z.boolean(), z.array(z.boolean()).min(1).max(3)])
      .optional()
      .describe(
        'For loss h1: whether the fields are periodic in space, or a list with one value for each axis. If not, derivatives at the edges are one-sided. Absent: true.',
      ),
    mode: z
      .enum(trainingModes)
      .optional()
      .describe(
        'How models of fields predict in training. rollout: each step from the predictions before it; the gradient goes through the whole roll-out. singleStep: each step from the true steps before it. pushForward: as rollout, but only the last `unrollSteps` steps have a loss and a gradient, as in PDEBench. Evaluation uses roll-outs in all modes. Absent: rollout.',
      ),
    unrollSteps: z
      .int()
      .positive()
      .optional()
      .describe(`For mode pushForward: the number of steps at the end that have a loss. Absent: ${usualUnrollSteps}.`),
    weightDecay: z.number().nonnegative().default(1e-4).describe('The base weight decay, before balancing.'),
    seed: z
      .int()
      .nonnegative()
      .default(42)
      .describe('The random seed. It decides the split, the order of batches and fresh weights.'),
    validation: validationSizeSchema.default(0.25),
    engine: z
      .enum(['auto', 'onnx', 'onnx-webgpu', 'wasm', 'tfjs-node', 'tfjs-node-gpu', 'cpu'])
      .default('auto')
      .describe(
        'What computes the training steps (docs/engines.md compares them). auto: onnx, or wasm if onnx does not work. If a hardware GPU works (onnx-webgpu by Vulkan or Metal, or tfjs-node-gpu), auto measures a step of the run on it and on the processor, and takes the fastest engine; small models stay on the processor. In a deployed job with a GPU, auto takes onnx-webgpu, or tfjs-node-gpu if Vulkan finds no GPU; without a GPU, the job fails. Deployed runs have these two only on GPUs, and no tfjs-node.',
      ),
  })
  .describe('How to train.');
/** The section `training` with the defaults that depend on model and optimizer filled in. */
export type TrainingConfig = Omit<z.infer<typeof trainingSchema>, 'learningRate'> & { learningRate: number };

/**
 * The base learning rate where none is set. That of pre-trained language models is what the Trainer of transformers takes, or SetFit: larger ones undo
 * what the weights know. An optimizer whose steps are shorter than the rate would stand still at it.
 */
export function usualLearningRate(model: ModelConfig, optimizer: OptimizerConfig): number {
  const isWholePretrained = model.family === 'huggingface' && !model.fresh && !model.lora && model.base === undefined;
  const ofPretrained = model.family === 'huggingface' && model.task === 'few-shot-classification' ? 2e-5 : 5e-5;
  const usual = isWholePretrained && movesByRate(optimizer) ? ofPretrained : 1e-3;
  return Number((usual * rateScale(optimizer)).toPrecision(12));
}
