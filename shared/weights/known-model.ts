/** A language model of a known kind in a folder of Hugging Face's: its layers and parameters under the names of its files. */
import { UserError } from '../core/errors.ts';
import { type HuggingFaceConfig, labelsOf, modelOf } from '../models/hugging-face/config.ts';
import { freshParameters, weightsByName } from '../models/hugging-face/weights.ts';
import { type LanguageTask, languageTasks } from '../models/language/model.ts';
import { taskOfClass, tasksOf } from '../models/language/registry.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { elementCount, formatShape, sameShape } from '../tensors/tensor.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { storedPrecision, type WeightLayer, type WeightSource } from './weight-source.ts';

/** A model whose parameters are known to follow its layers in one way or another. */
export interface KnownModel extends Pick<WeightSource, 'layers' | 'read' | 'openRows' | 'notes'> {
  /** The model's parameters that the files hold, under the names in the files. */
  readonly parameters: readonly ParameterSpec[];
}

/** The task that a configuration's class is for, or else the first that its kind can do. */
function taskOf({ architectures, model_type: kind }: HuggingFaceConfig): LanguageTask {
  const named = (architectures ?? []).flatMap((name) => taskOfClass(name) ?? []);
  return named[0] ?? tasksOf(kind)[0] ?? languageTasks[0];
}

/**
 * The model that a configuration describes, as a run would train it, with the weights of its files.
 * @throws UserError when it is not supported, or when a layer's weights are missing or have another shape.
 */
export function knownModel(store: TensorStore, config: HuggingFaceConfig, where: string): KnownModel {
  const { model, names } = modelOf(config, taskOf(config), labelsOf(config), where, { stored: store });
  const file = weightsByName(store, model, names);
  const nameInFile = (name: string) => file.nameInFile?.(name) ?? name;
  const present = new Set(file.names());
  const absent = new Set(freshParameters(store, model, names));
  const followers = model.parameters.filter(({ layer, missing }) => layer !== undefined && missing !== 'zeros');
  for (const { name, shape } of followers.filter((spec) => !absent.has(spec.name))) {
    if (!present.has(name)) throw misfit(store, `they have no ${name}`);
    const stored = file.entry(name).shape;
    if (!sameShape(stored, shape)) {
      throw misfit(store, `${name} is ${formatShape(stored)}, and ${formatShape(shape)} in config.json`);
    }
  }
  const layers = model.layers.filter(({ weights }) => weights.every((name) => present.has(name)));
  const left = model.layers.filter((layer) => !layers.includes(layer)).map(({ name }) => name);
  return {
    layers: layers.map((layer): WeightLayer => {
      const entry = file.entry(layer.weights[0]!);
      return {
        ...layer,
        matrix: 'W',
        shape: entry.shape,
        size: elementCount(entry.shape),
        precision: storedPrecision(entry),
      };
    }),
    parameters: model.parameters.flatMap((spec) =>
      present.has(spec.name) ? [{ ...spec, name: nameInFile(spec.name) }] : [],
    ),
    notes: left.length > 0 ? [`not in the file, and not measured: ${left.join(', ')}`] : [],
    read: file.read,
    openRows: async (name) => store.rowsOf(nameInFile(name)),
  };
}

const misfit = (store: TensorStore, why: string) =>
  new UserError(`the weights don't fit config.json: ${why}`, { where: store.label });
