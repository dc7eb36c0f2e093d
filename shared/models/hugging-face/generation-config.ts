/** How an encoder-decoder writes, by the `generation_config.json` of its folder, or its `config.json` where there is none. */
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { parseJsonFile } from '../../core/json-file.ts';
import { readIfPresent } from '../../core/optional-file.ts';
import { configFile } from './config.ts';
import { generationKeys } from './known-keys.ts';

/** The settings of greedy search that a folder names; absent: those of its `config.json`. */
export interface GenerationSettings {
  /** The token that the decoder begins with. */
  readonly start?: number;
  /** The tokens that end a text: any of them. */
  readonly ends?: readonly number[];
  /** The most tokens that are written, the one that ends a text included. */
  readonly maxTargetTokens?: number;
}

const generationFile = 'generation_config.json';

const token = z.int().nonnegative();

const fileSchema = z.looseObject({
  decoder_start_token_id: token.nullish(),
  eos_token_id: z.union([token, z.array(token).min(1)]).nullish(),
  max_new_tokens: z.int().positive().nullish(),
  max_length: z.int().min(2).nullish(),
});

/** Keys that mean something for other searches alone, for memory and speed, or for what is returned beside the texts. */
const harmless = new Set([
  ...['temperature', 'top_k', 'top_p', 'top_h', 'min_p', 'typical_p', 'epsilon_cutoff', 'eta_cutoff'],
  ...['length_penalty', 'early_stopping', 'diversity_penalty', 'num_beam_groups', 'low_memory'],
  ...['use_cache', 'cache_implementation', 'cache_config', 'compile_config', 'disable_compile', 'prefill_chunk_size'],
  ...['max_matching_ngram_size', 'prompt_lookup_num_tokens', 'target_lookbehind', 'generation_kwargs'],
  ...['renormalize_logits', 'remove_invalid_values', 'pad_token_id', 'bos_token_id', 'transformers_version'],
]);

/** Keys by which greedy search would write other words, with the values at which they change nothing. */
const neutral: Readonly<Record<string, unknown>> = {
  num_beams: 1,
  num_return_sequences: 1,
  repetition_penalty: 1,
  encoder_repetition_penalty: 1,
  guidance_scale: 1,
};

/** Whether a value switches a feature off: nothing, false, 0, or an empty list or object. */
const isOff = (value: unknown): boolean =>
  value === null || value === false || value === 0 || (typeof value === 'object' && Object.keys(value).length === 0);

/** Whether a key of `config.json` is about writing. */
const isRead = (key: string): boolean => key in fileSchema.shape || generationKeys.includes(key);

const isHarmless = (key: string, value: unknown): boolean =>
  key in fileSchema.shape ||
  harmless.has(key) ||
  /^_|^return_|^output_|^assistant_|^num_assistant_|^is_assistant$/.test(key) ||
  isOff(value) ||
  neutral[key] === value;

/**
 * Reads how a folder's model writes. As in `transformers`, `max_length` counts the token that the decoder begins with, `max_new_tokens` does not and goes
 * before it, and keys of `config.json` count where there is no `generation_config.json`.
 * @param model the contents of `config.json`
 * @param options.greedy whether settings that ask for another search than greedy search are passed over
 * @throws UserError when the file is damaged, or asks for another search.
 */
export async function readGeneration(
  folder: string,
  model: Readonly<Record<string, unknown>>,
  { greedy = false } = {},
): Promise<GenerationSettings> {
  const own = join(folder, generationFile);
  const text = await readIfPresent(own, 'Mend it, or delete it.');
  const path = text === undefined ? join(folder, configFile) : own;
  const given = text ?? JSON.stringify(Object.fromEntries(Object.entries(model).filter(([key]) => isRead(key))));
  const config = parseJsonFile(path, given, fileSchema, 'a configuration of how texts are written');
  const others = Object.entries(config).filter(([key, value]) => !isHarmless(key, value));
  if (others.length > 0 && !greedy) {
    const named = others.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', ');
    throw new UserError(`asks for more than greedy search: ${named}`, {
      where: path,
      remedy:
        'Give --greedy to write the most probable words all the same, or write with `transformers`: the card of an export (README.md) has the lines.',
    });
  }
  const { decoder_start_token_id: start, eos_token_id: end, max_new_tokens: added, max_length: all } = config;
  const longest = added ?? (typeof all === 'number' ? all - 1 : undefined);
  return {
    ...(typeof start === 'number' ? { start } : {}),
    ...(end === null || end === undefined ? {} : { ends: [end].flat() }),
    ...(longest === undefined ? {} : { maxTargetTokens: longest }),
  };
}
