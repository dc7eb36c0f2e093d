/** Whether words are scored by the table of their embeddings, where the weights say it and not the configuration. */
import type { TensorStore } from '../../tensors/tensor-store.ts';
import { tyingOf } from '../language/registry.ts';
import type { HuggingFaceConfig } from './config.ts';

/**
 * The configuration with `tie_word_embeddings` as `transformers` takes it from the weights: false only where they have a table and other scores.
 * @param weights absent: all are drawn
 */
export async function asTied(config: HuggingFaceConfig, weights: TensorStore | undefined): Promise<HuggingFaceConfig> {
  const tying = tyingOf(config.model_type);
  if (!tying || (weights && !weights.names().includes(tying.table))) return config;
  const isTied = !weights || !(await hasOwnScores(weights, tying));
  if (isTied === (config.tie_word_embeddings !== false)) return config;
  return { ...config, ...tying.described(config, isTied) };
}

async function hasOwnScores(
  weights: TensorStore,
  { table, scores }: { readonly table: string; readonly scores: string },
): Promise<boolean> {
  if (!weights.names().includes(scores)) return false;
  const [first, second] = [(await weights.read(table)).data, (await weights.read(scores)).data];
  return first.length !== second.length || first.some((value, at) => value !== second[at]);
}
