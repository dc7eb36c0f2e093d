import { z } from 'zod';
import { problemTypes } from '../../datasets/text/problem-type.ts';
import { fewShotSchema } from './few-shot.ts';
import { trainedTasks } from './model.ts';

/** The weights of an adapted layer that are analysed. */
export const adapterSpectra = ['merged', 'update'] as const;
export type AdapterSpectra = (typeof adapterSpectra)[number];

/** The run file's `model.lora` section; an adapter that is gone on with has the first four of its own. */
const loraSchema = z.strictObject({
  rank: z.int().positive().optional().describe('Rank of the updates. Absent: 8, or that of the adapter.'),
  alpha: z
    .number()
    .positive()
    .optional()
    .describe('An update is B A times alpha / rank. Absent: 8, or that of the adapter.'),
  targets: z
    .union([z.literal('all-linear'), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      'Layers that are adapted, by the ends of their names; or all-linear: all layers of the blocks. Absent: queries and values, as in PEFT (c_attn of GPT-2), or those of the adapter.',
    ),
  rankStabilised: z
    .boolean()
    .optional()
    .describe('Whether alpha is divided by the square root of the rank instead. Absent: no, or as in the adapter.'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe('Dropout on the inputs of the update in training. Absent: 0, or that of the adapter.'),
  alsoTrained: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Modules that are trained in full beside the adapter (PEFT's modules_to_save). A classifier's head and fresh modules always are.",
    ),
  spectra: z
    .enum(adapterSpectra)
    .default('merged')
    .describe('What is analysed of an adapted layer. merged: W + scale * B A. update: only B A.'),
});
export type LoraConfig = z.output<typeof loraSchema>;

/** The run file's `model` section for a language model out of a folder of Hugging Face's. */
export const languageModelSchema = z.strictObject({
  family: z
    .literal('huggingface')
    .describe(
      'A language model in a folder that Hugging Face transformers has saved: config.json, model.safetensors or its shards (or pytorch_model.bin), tokenizer.json.',
    ),
  folder: z
    .string()
    .min(1)
    .describe(
      "The model's folder, or the folder of a LoRA adapter of PEFT to go on with. A relative path starts at the folder of the run file; s3://... is downloaded.",
    ),
  base: z
    .string()
    .min(1)
    .optional()
    .describe('For an adapter: the folder of its base, if adapter_config.json does not name the right place.'),
  lora: loraSchema
    .optional()
    .describe('Trains a low-rank adapter and does not change the weights. `{}` uses the defaults.'),
  fresh: z
    .boolean()
    .default(false)
    .describe(
      'Whether all weights are drawn from the seed instead of read from the folder, to pre-train from scratch. The folder then needs only config.json and tokenizer.json.',
    ),
  task: z
    .enum(trainedTasks)
    .default('classification')
    .describe(
      'What the model learns. classification: labels of texts. causal-lm: the next token. masked-lm: hidden tokens. seq2seq: another text (encoder-decoders). token-classification: a tag for each word. few-shot-classification: labels from at most 16 texts each; an encoder learns from pairs of texts, and a head is fitted to its embeddings after every epoch.',
    ),
  problemType: z
    .enum(problemTypes)
    .optional()
    .describe(
      "What a classifier predicts for a text, as in transformers: one label, any number of labels, or a number. Absent: what the folder's config.json says, unless the head is fresh. Otherwise several labels if the data have lists of labels, else one.",
    ),
  head: z
    .enum(['keep', 'fresh'])
    .default('keep')
    .describe(
      "A classifier's last layer. keep: that of the folder; its labels must be those of the data. fresh: a new one for the labels of the data, drawn from the seed. A folder without a head always gets a fresh one.",
    ),
  pooling: z
    .enum(['auto', 'own', 'mean', 'cls'])
    .default('auto')
    .describe(
      "The vector from which a classifier predicts. own: as in transformers for this kind of model, with its head. mean: the mean of an encoder's tokens, with a linear layer. cls: the first token, with a linear layer. auto: for a sentence encoder what its files say (modules.json of sentence-transformers), mean for few-shot-classification, else own.",
    ),
  reinitialise: z
    .int()
    .positive()
    .optional()
    .describe(
      "Number of top blocks whose weights are drawn from the seed instead of read from the folder. BERT's pooler is drawn too. The final norm and the head are read from the folder. Absent: none.",
    ),
  maxTokens: z
    .int()
    .min(4)
    .default(128)
    .describe('Longest text in tokens, with special tokens. Longer texts are cut; for causal-lm they are divided.'),
  maxTargetTokens: z
    .int()
    .min(2)
    .optional()
    .describe(
      'For seq2seq: longest target in tokens, with its end token. Longer targets are cut. Absent: as many as `maxTokens`.',
    ),
  lengths: z
    .int()
    .positive()
    .default(4)
    .describe('The most different lengths to which batches are padded. Each length is compiled once.'),
  fewShot: fewShotSchema
    .optional()
    .describe('For few-shot-classification: the pairs of training texts that the encoder learns from.'),
});
export type LanguageModelConfig = z.infer<typeof languageModelSchema>;
