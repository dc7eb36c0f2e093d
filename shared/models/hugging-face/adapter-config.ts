import { dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../core/errors.ts';
import { readJsonFile } from '../../core/json-file.ts';
import { pathKind } from '../../tensors/open-tensors.ts';

/** What PEFT writes of a LoRA adapter, as far as it is understood here. */
export const adapterConfigSchema = z.looseObject({
  peft_type: z.string(),
  task_type: z.string().nullish(),
  r: z.int().positive(),
  lora_alpha: z.number(),
  lora_dropout: z.number().min(0).lt(1).nullish(),
  target_modules: z.union([z.array(z.string()), z.string()]).nullish(),
  exclude_modules: z.union([z.array(z.string()), z.string()]).nullish(),
  layers_to_transform: z.union([z.array(z.int()), z.int()]).nullish(),
  layers_pattern: z.union([z.array(z.string()), z.string()]).nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
  alora_invocation_tokens: z.array(z.int()).nullish(),
  bias: z.string().nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.boolean().nullish(),
  fan_in_fan_out: z.boolean().nullish(),
  rank_pattern: z.record(z.string(), z.int().positive()).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  base_model_name_or_path: z.string().nullish(),
});
export type AdapterConfig = z.infer<typeof adapterConfigSchema>;

export const adapterConfigFile = 'adapter_config.json';
export const adapterWeightsFile = 'adapter_model.safetensors';

/** The base's `config.json` with the labels of the adapter's task; under that name `transformers` would look for whole weights. */
export const baseConfigFile = 'base_config.json';

/** Before the names of modules in an adapter's file. */
export const adapterPrefix = 'base_model.model.';

/** Ways to begin an adapter that change the weights of the base too: the update is then for those, which are in no file. */
const changesBase = /^(pissa|corda|olora|loftq|lora_ga)/i;

/** The name of an adapter that is no plain LoRA adapter; undefined: it is one. */
function otherKind(peftType: string, config: Partial<AdapterConfig>): string | undefined {
  if (peftType.toUpperCase() !== 'LORA') return `an adapter of the kind ${peftType}`;
  if (config.use_dora) return 'a DoRA adapter';
  if (config.alora_invocation_tokens) return 'an aLoRA adapter';
  const { init_lora_weights: init } = config;
  if (typeof init !== 'string' || !changesBase.test(init)) return undefined;
  return `an adapter that changed its base when it was begun (init_lora_weights: ${init})`;
}

/** @throws UserError when it is another kind of adapter than LoRA, or one that is not for its base as it stands. */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const path = join(folder, adapterConfigFile);
  const what = 'the configuration of a PEFT adapter';
  const kind = await readJsonFile(path, z.looseObject({ peft_type: z.string() }), what);
  const other = otherKind(kind.peft_type, kind as Partial<AdapterConfig>);
  if (other === undefined) return readJsonFile(path, adapterConfigSchema, what);
  throw new UserError(`is ${other}; only LoRA adapters are supported`, {
    where: path,
    remedy: 'Merge it into its base (`merge_and_unload` in PEFT) and save that.',
  });
}

/** Whether a folder holds an adapter. */
export const isAdapter = async (folder: string): Promise<boolean> =>
  (await pathKind(join(folder, adapterConfigFile))) !== undefined;

/** Where the base that an adapter names lies here: beside it, or below the current folder; undefined: it is not here. */
export async function namedBase(folder: string, config: AdapterConfig): Promise<string | undefined> {
  const named = config.base_model_name_or_path;
  if (!named) return undefined;
  const places = isAbsolute(named) ? [named] : [resolve(folder, named), resolve(named), join(dirname(folder), named)];
  for (const place of places) if (await pathKind(place)) return place;
  return undefined;
}

/** Rank of the update of a module, by its pattern or for all. */
export function rankOf(module: string, config: AdapterConfig): number {
  return special(module, config.rank_pattern) ?? config.r;
}

/** lora_alpha over the rank (or its root, for rank-stabilised adapters), with what a pattern says of this module. */
export function scaleOf(module: string, storedRank: number, config: AdapterConfig): number {
  const alpha = special(module, config.alpha_pattern) ?? config.lora_alpha;
  const rank = special(module, config.rank_pattern) ?? storedRank;
  return alpha / (config.use_rslora ? Math.sqrt(rank) : rank);
}

const special = (module: string, patterns: Record<string, number> | null | undefined) =>
  Object.entries(patterns ?? {}).find(([pattern]) => endsIn(module, pattern))?.[1];

/** Whether a module's name ends in what the pattern, a regular expression as in PEFT, stands for. */
function endsIn(module: string, pattern: string): boolean {
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`).test(module);
  } catch {
    return module === pattern || module.endsWith(`.${pattern}`);
  }
}
