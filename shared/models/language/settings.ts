import { z } from 'zod';
import { problemTypes } from '../../datasets/text/problem-type.ts';
import { fewShotSchema } from './few-shot.ts';
import { trainedTasks } from './model.ts';

/** The weights of an adapted layer that are analysed. */
export const adapterSpectra = ['merged', 'update'] as const;
export type AdapterSpectra = (typeof adapterSpectra)[number];

/** The run file's `model.lora` section; an adapter that is gone on with has the first four of its own. */
const loraSchema = z.strictObject({
  rank: z.int().positive().optional().describe("Rank of the updates; absent: 8, or the adapter's."),
  alpha: z
    .number()
    .positive()
    .optional()
    .describe("An update is B A times alpha over the rank; absent: 8, or the adapter's."),
  targets: z
    .union([z.literal('all-linear'), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe(
      "Ends of the names of layers that are adapted, or all of the blocks'; absent: queries and values as in PEFT (c_attn of GPT-2), or the adapter's.",
    ),
  rankStabilised: z
    .boolean()
    .optional()
    .describe("Whether alpha is divided by the rank's root instead; absent: no, or as in the adapter."),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe(
      "Share of an adapted layer's inputs that the update is not given in training; absent: 0, or the adapter's.",
    ),
  alsoTrained: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Modules that are trained whole besides (PEFT's modules_to_save); a classifier's head and what is fresh always are.",
    ),
  spectra: z
    .enum(adapterSpectra)
    .default('merged')
    .describe('What is analysed of an adapted layer: W + scale * B A, or B A alone.'),
});
export type LoraConfig = z.output<typeof loraSchema>;

/** The run file's `model` section for a language model out of a folder of Hugging Face's. */
export const languageModelSchema = z.strictObject({
  family: z
    .literal('huggingface')
    .describe(
      'A language model in a folder as Hugging Face transformers saves it: config.json, model.safetensors or its shards (or pytorch_model.bin), tokenizer.json.',
    ),
  folder: z
    .string()
    .min(1)
    .describe(
      'The folder, or that of a LoRA adapter of PEFT to go on with; a relative path counts from the run file, s3://... is fetched.',
    ),
  base: z
    .string()
    .min(1)
    .optional()
    .describe("Of an adapter: its base's folder, where adapter_config.json does not say where it lies here."),
  lora: loraSchema
    .optional()
    .describe('Trains a low-rank adapter and leaves the weights as they are; `{}` takes every default.'),
  fresh: z
    .boolean()
    .default(false)
    .describe(
      "Whether all weights are drawn from the seed instead of the folder's, to pre-train from scratch; it needs only config.json and tokenizer.json then.",
    ),
  task: z
    .enum(trainedTasks)
    .default('classification')
    .describe(
      'Labels for texts, the next word, words that are hidden, another text (encoder-decoders), or a tag for each word. few-shot-classification: labels from at most 16 texts of each, by an encoder that learns from pairs of texts, and a head that is fitted to its embeddings after every epoch.',
    ),
  problemType: z
    .enum(problemTypes)
    .optional()
    .describe(
      "What a classifier learns of a text, as transformers' problem_type: one label, any number of labels, or a number. Absent: what the folder's config.json says, unless the head is fresh; else several labels where the data have lists of labels, and one where not.",
    ),
  head: z
    .enum(['keep', 'fresh'])
    .default('keep')
    .describe(
      "A classifier's last layer: the folder's, for labels that are the data's, or a fresh one for the data's labels, drawn from the seed. A folder that has none gets a fresh one in any case.",
    ),
  pooling: z
    .enum(['auto', 'own', 'mean', 'cls'])
    .default('auto')
    .describe(
      "What a classifier's labels are learnt from. `own`: what transformers takes for the kind, with its head. `mean`, `cls`: the mean of an encoder's tokens, or the first one, with a linear layer. `auto`: as its files say for a sentence encoder (sentence-transformers' modules.json), else `own`, and `mean` for few-shot-classification.",
    ),
  reinitialise: z
    .int()
    .positive()
    .optional()
    .describe(
      "Number of blocks at the top whose weights are drawn from the seed instead of taken from the folder; BERT's pooler is drawn too. Final norm and head stay the folder's. Absent: none.",
    ),
  maxTokens: z
    .int()
    .min(4)
    .default(128)
    .describe('Longest text in tokens, special ones included; longer texts are cut, and for causal-lm divided.'),
  maxTargetTokens: z
    .int()
    .min(2)
    .optional()
    .describe(
      'For seq2seq: longest target in tokens, the one that ends it included; longer ones are cut. Absent: as many as `maxTokens`.',
    ),
  lengths: z
    .int()
    .positive()
    .default(4)
    .describe('Lengths that batches are padded to, at most so many: each is compiled once.'),
  fewShot: fewShotSchema
    .optional()
    .describe('Of task few-shot-classification: which pairs of the training texts are learnt from.'),
});
export type LanguageModelConfig = z.infer<typeof languageModelSchema>;
