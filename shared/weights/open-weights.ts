import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../core/errors.ts';
import { readJsonFile } from '../core/json-file.ts';
import { isAdapter } from '../models/hugging-face/adapter-config.ts';
import { openTensors, pathKind } from '../tensors/open-tensors.ts';
import { openAdapter } from './adapter.ts';
import { classifyTensors } from './classify.ts';
import type { WeightSource } from './weight-source.ts';

const modelConfigSchema = z.looseObject({
  tie_word_embeddings: z.boolean().nullish(),
  model_type: z.string().nullish(),
  architectures: z.array(z.string()).nullish(),
});

/** Options for opening a checkpoint. */
export interface OpenWeightsOptions {
  /** Folder or file of the model that an adapter belongs to. */
  readonly base?: string | undefined;
}

/**
 * The layers of any checkpoint that isn't a run's: a safetensors file or one of PyTorch, a sharded index, a Hugging Face folder, a PEFT
 * adapter. Nothing but headers is read yet.
 * @throws UserError when it is none of these, damaged, incomplete, or has no layers.
 */
export async function openWeights(path: string, { base }: OpenWeightsOptions = {}): Promise<WeightSource> {
  const folder = (await pathKind(path)) === 'folder' ? path : dirname(path);
  if (folder === path && (await isAdapter(folder))) return openAdapter(folder, base);
  if (base !== undefined) {
    throw new UserError('is not an adapter, so it has no base', {
      where: path,
      remedy: 'Leave --base out; --compare sets a checkpoint against another.',
    });
  }
  const store = await openTensors(path);
  const configPath = join(folder, 'config.json');
  const config = (await pathKind(configPath))
    ? await readJsonFile(configPath, modelConfigSchema, 'the configuration of a model')
    : {};
  const tied = (config.tie_word_embeddings ?? false) && hasTokenHead(config, store.names());
  const { layers, skipped } = classifyTensors(store, { tied });
  if (layers.length === 0) {
    throw new UserError(`none of its ${skipped.length} tensors is a layer's weight`, {
      where: store.label,
      remedy: 'Dense weights have 2 axes, convolutions 3 or 4; embeddings, norms and biases are not analysed.',
    });
  }
  return {
    label: path,
    format: store.sharded ? 'sharded' : store.format,
    layers,
    skipped,
    notes: [
      ...(store.notes ?? []),
      ...(tied ? ['the output head shares the weight of the token embedding, so it is not analysed'] : []),
    ],
    read: store.read,
    openRows: async (name) => store.rowsOf(name),
  };
}

/**
 * Whether a model has a head over the tokens, which may share the weight of their embedding: classifiers and bare encoders have none,
 * whatever their configuration says of tying. Where it does not say what the model is, the names of the tensors do.
 */
function hasTokenHead({ architectures }: z.output<typeof modelConfigSchema>, names: readonly string[]): boolean {
  if (architectures && architectures.length > 0) {
    return architectures.some((name) =>
      /(LMHead|DoubleHeads|CausalLM|MaskedLM|PreTraining|ConditionalGeneration)/.test(name),
    );
  }
  return !names.some((name) => /(^|\.)(classifier|score|qa_outputs|classification_head)\./.test(name));
}
