import { openTensors } from '../../tensors/open-tensors.ts';
import { encodeSafetensors } from '../../tensors/safetensors.ts';
import type { HostTensor, HostTensors } from '../../tensors/tensor.ts';
import type { LanguageModel } from '../language/model.ts';
import { type LoraModel, withLora } from '../lora.ts';
import { readWeights, renamed, type StoredWeights } from '../pretrained.ts';
import { adapterConfigFile, adapterPrefix, adapterWeightsFile, readAdapterConfig } from './adapter-config.ts';
import { type ExportDtype, inDtype } from './export-precision.ts';

/** A parameter's name in an adapter's file: what is saved as a whole has the prefix there too. */
const storedName = (name: string) => (name.startsWith(adapterPrefix) ? name : adapterPrefix + name);

/** The tensors of an adapter's file by the names that the adapted model has for them. */
export async function openAdapter(folder: string): Promise<StoredWeights> {
  const store = await openTensors(folder);
  const stored = new Map(
    store.names().map((original) => {
      // PEFT once wrote the adapter's name into its tensors', and files without the prefix exist.
      const current = storedName(original.replace(/(\.lora_[AB])\.[^.]+\.weight$/, '$1.weight'));
      return [/\.lora_[AB]\.weight$/.test(current) ? current : current.slice(adapterPrefix.length), original];
    }),
  );
  return renamed(store, stored);
}

/**
 * Reads a LoRA adapter of PEFT's on this base.
 * @returns the adapted model and the values of what it trains
 * @throws UserError when it is another kind of adapter, or listing every tensor that doesn't fit the base
 */
export async function readAdapter(
  folder: string,
  base: LanguageModel,
): Promise<{ model: LoraModel; parameters: HostTensors }> {
  const model = withLora(base, await readAdapterConfig(folder));
  const parameters = await readWeights(
    await openAdapter(folder),
    model.parameters,
    'Give the model that the adapter was trained on, and check that adapter_config.json belongs to the weights. What is more than LoRA of dense layers is to be merged in PEFT first (`merge_and_unload`).',
  );
  return { model, parameters };
}

/** The files of an adapter that PEFT loads, by name. @throws BeyondRangeError when its weights have no place in the type. */
export function adapterFiles(
  { config, parameters }: LoraModel,
  values: HostTensors,
  dtype: ExportDtype = 'float32',
): Map<string, Uint8Array> {
  const tensors = parameters.map(({ name }): [string, HostTensor] => [storedName(name), values.get(name)!]);
  return new Map([
    [adapterConfigFile, new TextEncoder().encode(`${JSON.stringify(config, null, 2)}\n`)],
    [adapterWeightsFile, encodeSafetensors(inDtype(tensors, dtype), { format: 'pt' })],
  ]);
}
