import { z } from 'zod';
import { languageTasks } from './model.ts';

/** The run file's `model` section for a language model out of a folder of Hugging Face's. */
export const languageModelSchema = z.strictObject({
  family: z
    .literal('huggingface')
    .describe(
      'A language model in a folder as Hugging Face transformers saves it: config.json, model.safetensors or its shards, tokenizer.json.',
    ),
  folder: z.string().min(1).describe('The folder; a relative path counts from the run file.'),
  fresh: z
    .boolean()
    .default(false)
    .describe(
      "Whether all weights are drawn from the seed instead of the folder's, to pre-train from scratch; it needs only config.json and tokenizer.json then.",
    ),
  task: z
    .enum(languageTasks)
    .default('classification')
    .describe('Labels for texts, the next word, or words that are hidden.'),
  head: z
    .enum(['keep', 'fresh'])
    .default('keep')
    .describe(
      "A classifier's last layer: the folder's, for labels that are the data's, or a fresh one for the data's labels, drawn from the seed. A folder that has none gets a fresh one in any case.",
    ),
  maxTokens: z
    .int()
    .min(4)
    .default(128)
    .describe('Longest text in tokens, special ones included; longer texts are cut, and for causal-lm divided.'),
  lengths: z
    .int()
    .positive()
    .default(4)
    .describe('Lengths that batches are padded to, at most so many: each is compiled once.'),
});
export type LanguageModelConfig = z.infer<typeof languageModelSchema>;
