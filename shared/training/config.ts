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
        "Parts that a step's samples are computed in, one after the other, where all at once need too much memory: the same step, but for rounding; with sam, the gradients of each part decide where its second ones are taken; batch norm (a U-Net) goes by the statistics of each part, as in PyTorch.",
      ),
    gradientCheckpointing: z
      .boolean()
      .default(false)
      .describe(
        'Whether the blocks of a language model keep nothing for the gradient but what they are given, and are computed again for it: the same step, but for rounding, with less memory and about a third more time. May change on resume.',
      ),
    clipNorm: z
      .number()
      .positive()
      .optional()
      .describe('Largest norm of the whole gradient: longer ones are shortened to it. Absent: none is.'),
    optimizer: optimizerSchema.prefault({ name: 'adam' }),
    sam: samSchema.optional(),
    ema: emaSchema.optional(),
    learningRate: z
      .number()
      .positive()
      .optional()
      .describe(
        'The base learning rate, before schedule and balancing; absent: 0.00005 for a language model out of a folder that is trained whole by adam, adamw, muon, or adafactor without scaleParameter (0.00002 for few-shot-classification), and 0.001 for all else: fresh models, adapters, models of fields, other optimizers. Either times 20 for muon with adjust original, and over trustCoefficient for lars: usually 0.02 and 1.',
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
        'Layer-wise decay of the learning rate, for language models: the rate of a parameter is multiplied by layerDecay^depth. The depth is 0 above the last of n blocks (head, pooler, final norm), 1 in the last block, n in the first, and n + 1 in the embeddings. It multiplies with the factors of balancing. Absent or 1: off.',
      ),
    labelSmoothing: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe('Share of the target that is spread evenly over all labels, or words; of language models alone.'),
    classWeights: z
      .union([z.literal('balanced'), z.record(z.string(), z.number().positive())])
      .optional()
      .describe(
        'What a text counts for in the loss by its label, for classifiers of one label: balanced makes all labels of the training texts count alike; or weights by label, 1 where none is named. The mean is weighted, as in torch.nn.CrossEntropyLoss. Metrics, the validation loss among them, are not weighted. Absent: all texts count alike.',
      ),
    loss: z
      .enum(fieldLossNames)
      .optional()
      .describe(
        'What is minimised, summed over the predicted steps; of models of fields. mse: the mean squared error. relativeL2: the norm of the error over all points, over that of the true field; the mean over samples and channels. h1: the same with first derivatives. With dataset.normalise, of normalised fields. Absent: mse.',
      ),
    periodic: z
      .union([z.boolean(), z.array(z.boolean()).min(1).max(3)])
      .optional()
      .describe(
        'Of loss h1: whether the fields are periodic in space, or a list by axis; derivatives at the edges are one-sided where they are not. Absent: true.',
      ),
    mode: z
      .enum(trainingModes)
      .optional()
      .describe(
        'How the predictions that are trained on are made; of models of fields. rollout: each from those before it, with the gradient through the whole roll-out. singleStep: each from the true steps before it. pushForward: as rollout, but only the last `unrollSteps` steps have a loss and a gradient, as in PDEBench. Models are evaluated on roll-outs in all modes. Absent: rollout.',
      ),
    unrollSteps: z
      .int()
      .positive()
      .optional()
      .describe(`Of mode pushForward: how many steps at the end are learnt from. Absent: ${usualUnrollSteps}.`),
    weightDecay: z.number().nonnegative().default(1e-4).describe('The base weight decay, before balancing.'),
    seed: z.int().nonnegative().default(42).describe('Decides the split, the order of batches and fresh weights.'),
    validation: validationSizeSchema.default(0.25),
    engine: z
      .enum(['auto', 'onnx', 'onnx-webgpu', 'wasm', 'tfjs-node', 'tfjs-node-gpu', 'cpu'])
      .default('auto')
      .describe(
        'What computes (docs/engines.md compares them): auto takes onnx, else wasm, and where a GPU in hardware works (onnx-webgpu, by Vulkan or Metal, or tfjs-node-gpu) the one of them on which a step of the run is measured to be the fastest; small models stay on the processor. In a deployed job with a GPU auto takes onnx-webgpu, or tfjs-node-gpu where Vulkan finds no GPU, and the job fails rather than go without one. Deployed runs have these two on GPUs only, and no tfjs-node.',
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
