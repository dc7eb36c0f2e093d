/** Low-rank adapters by the conventions of PEFT. Source: Hu et al., LoRA (ICLR 2022). */
import { UserError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import type { NamedTensors, TensorLibrary } from '../engines/engine.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { addProduct, productCore } from '../tensors/low-rank.ts';
import type { HostTensor, HostTensors, WeightTensor } from '../tensors/tensor.ts';
import { dense } from './blocks/dense.ts';
import { type Dropout, noDropout } from './dropout.ts';
import { type AdapterConfig, adapterPrefix, rankOf, scaleOf } from './hugging-face/adapter-config.ts';
import { isSaved, isTarget, isWithin } from './hugging-face/adapter-modules.ts';
import type { DenseLayer, DenseUpdate, LanguageModel } from './language/model.ts';
import { site } from './language/pass.ts';
import type { AdapterSpectra } from './language/settings.ts';

/** An update scale * B A of a dense layer's weight: names of A `[rank, in]` and B `[out, rank]`. */
export interface Update {
  readonly layer: DenseLayer;
  readonly a: string;
  readonly b: string;
  readonly rank: number;
  readonly scale: number;
}

const weightOf = ({ layer }: Update) => `${layer.name}.weight`;

/** A model whose base is frozen. */
export interface LoraModel extends LanguageModel {
  readonly base: LanguageModel;
  readonly config: AdapterConfig;
  readonly updates: readonly Update[];
}

/** The settings of an adapter that can be chosen. */
export interface LoraSettings {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Ends of the names of layers that are adapted, or `all-linear`. */
  readonly targets: readonly string[] | 'all-linear';
  /** Whether the update is scaled by alpha over the root of the rank. */
  readonly rankStabilised: boolean;
  /** Modules that are trained as a whole besides, such as a fresh head. */
  readonly alsoTrained: readonly string[];
}

/** The defaults of PEFT's configuration. */
export const usualLora = { rank: 8, alpha: 8, dropout: 0, rankStabilised: false } as const;

/** PEFT's names of tasks, by which adapters are read. */
export const taskTypes = {
  classification: 'SEQ_CLS',
  'causal-lm': 'CAUSAL_LM',
  'masked-lm': undefined,
  seq2seq: 'SEQ_2_SEQ_LM',
  'token-classification': 'TOKEN_CLS',
} as const;

/**
 * The configuration of a new adapter, as PEFT writes it.
 * @throws UserError when a target or a module that is trained besides is none of the base's
 */
export function newAdapterConfig(base: LanguageModel, baseName: string, settings: LoraSettings): AdapterConfig {
  const { targets, alsoTrained } = settings;
  const config: AdapterConfig = {
    peft_type: 'LORA',
    // PEFT 0.21 makes no model for SEQ_2_SEQ_LM with transformers 5: without a type it loads the adapter with any.
    ...(taskTypes[base.task] && base.task !== 'seq2seq' ? { task_type: taskTypes[base.task] } : {}),
    base_model_name_or_path: baseName,
    r: settings.rank,
    lora_alpha: settings.alpha,
    lora_dropout: settings.dropout,
    target_modules: targets === 'all-linear' ? targets : [...targets],
    modules_to_save: alsoTrained.length > 0 ? [...alsoTrained] : null,
    use_rslora: settings.rankStabilised,
    bias: 'none',
    inference_mode: true,
  };
  refuseUnknownModules(base, alsoTrained);
  const adapted = targetsOf(base, config, 'model.lora.targets');
  if (targets !== 'all-linear')
    for (const target of targets) targetsOf(base, { ...config, target_modules: [target] }, 'model.lora.targets');
  return {
    ...config,
    target_modules: targets === 'all-linear' ? adapted.map(({ name }) => name) : [...targets],
    fan_in_fan_out: adapted.some(({ inputsFirst }) => inputsFirst),
  };
}

/** Names as they are within a block, or from the top. */
const endsOf = (names: readonly string[]) => [...new Set(names.map((name) => name.replace(/^.*\.\d+\./, '')))];

function refuseUnknownModules(base: LanguageModel, modules: readonly string[]): void {
  const names = base.parameters.map(({ name }) => name);
  const unknown = modules.filter((module) => !names.some((name) => isWithin(name, module)));
  if (unknown.length === 0) return;
  const ends = endsOf(names.map((name) => name.replace(/\.[^.]+$/, '')));
  throw new UserError(`the model has no module to train besides the adapter: ${unknown.join(', ')}`, {
    where: 'model.lora.alsoTrained',
    remedy: `Name some of: ${ends.join(', ')}.`,
  });
}

/** @throws UserError when a module is to be trained as a whole that holds the table of words by which they are scored, or the scores. */
function refuseTied(base: LanguageModel, config: AdapterConfig): void {
  const modules = (config.modules_to_save ?? []).filter((module) => base.tied.some((name) => isWithin(name, module)));
  if (modules.length === 0) return;
  throw new UserError(
    `${modules.join(', ')} can't be trained whole beside an adapter: words are scored by the table of their embeddings, of which PEFT would make two`,
    {
      remedy:
        'Leave out of model.lora.alsoTrained (modules_to_save) what holds that table or the scores. A head that the folder has nothing of is to be trained without model.lora first.',
    },
  );
}

/**
 * The layers that an adapter changes.
 * @param where for messages
 * @throws UserError when there is none
 */
function targetsOf(base: LanguageModel, config: AdapterConfig, where?: string): DenseLayer[] {
  const { target_modules: targets } = config;
  const analysed = new Set(base.layers.map(({ name }) => name));
  const free = base.dense.filter(({ name }) => !isSaved(`${name}.weight`, config));
  const found = free.filter(({ name }) =>
    targets === 'all-linear' ? analysed.has(name) && name !== 'lm_head' : isTarget(name, config),
  );
  if (found.length > 0) return found;
  throw new UserError(`no dense layer is a target of the adapter: ${[targets ?? 'no target'].flat().join(', ')}`, {
    ...(where === undefined ? {} : { where }),
    remedy: `Name some of: ${endsOf(free.map(({ name }) => name)).join(', ')}.`,
  });
}

/**
 * The model with an adapter on some of its dense layers: only the adapter, and modules that it saves as a whole, are trained.
 * @throws UserError when no layer is a target, or the adapter has what is not supported
 */
export function withLora(base: LanguageModel, config: AdapterConfig): LoraModel {
  if ((config.bias ?? 'none') !== 'none') {
    throw new UserError(`adapters that train biases (bias: ${config.bias}) are not supported`, {
      remedy: 'Train it with bias: none, or merge it into its base (`merge_and_unload` in PEFT) and save that.',
    });
  }
  refuseTied(base, config);
  const updates = targetsOf(base, config).map((layer): Update => {
    const { name } = layer;
    const rank = rankOf(name, config);
    const factor = (letter: string) => `${adapterPrefix}${name}.lora_${letter}.weight`;
    return { layer, a: factor('A'), b: factor('B'), rank, scale: scaleOf(name, rank, config) };
  });
  const isTrained = ({ name }: ParameterSpec) => isSaved(name, config);
  const adapted = new Map(base.parameters.map((spec) => [spec.name, spec]));
  const rate = config.lora_dropout ?? 0;
  const dropoutName = (layer: string, again?: string) => `${again ?? layer}.lora_dropout`;
  const byModule = new Map(updates.map((update) => [update.layer.name, update]));
  const adding =
    (tf: TensorLibrary, parameters: NamedTensors, dropout: Dropout): DenseUpdate =>
    (x, module, again) => {
      const update = byModule.get(module);
      if (!update) return undefined;
      const inner = dense(tf, dropout(x, dropoutName(module, again)), parameters[update.a]!);
      return dense(tf, tf.mul(inner, update.scale), parameters[update.b]!);
    };
  return {
    ...base,
    base,
    config,
    updates,
    parameters: [
      ...updates.flatMap(({ layer: { name, inputs, outputs }, a, b, rank }): ParameterSpec[] => {
        const { depth } = adapted.get(`${name}.weight`)!;
        const shared = { decay: true, layer: name, ...(depth === undefined ? {} : { depth }) };
        return [
          { name: a, shape: [rank, inputs], ...shared },
          { name: b, shape: [outputs, rank], ...shared },
        ];
      }),
      ...base.parameters.filter(isTrained),
    ],
    frozen: base.parameters.filter((spec) => !isTrained(spec)),
    layers: base.layers.filter(({ name }) => byModule.has(name)),
    initialise: (random, names) =>
      new Map(
        [...base.initialise(random, names), ...freshFactors(updates, random)].filter(
          ([name]) => names?.has(name) ?? true,
        ),
      ),
    dropoutSites: (batch, tokens, targets = tokens) => [
      ...base.dropoutSites(batch, tokens, targets),
      ...updates.flatMap((update) => {
        const { name, inputs, perText, perTarget, again = [] } = update.layer;
        const { rows = perText ? batch : batch * (perTarget ? targets : tokens) } = update.layer;
        return [
          ...site(dropoutName(name), [rows, inputs], rate),
          ...again.flatMap((use) =>
            site(dropoutName(name, use.name), [use.perText ? batch : (use.rows ?? batch * tokens), inputs], rate),
          ),
        ];
      }),
    ],
    forward: (tf, parameters, given, dropout) =>
      base.forward(tf, parameters, given, dropout, adding(tf, parameters, dropout)),
    ...(base.encode && base.nextWord
      ? {
          encode: (tf, parameters, given) => base.encode!(tf, parameters, given, adding(tf, parameters, noDropout)),
          nextWord: (tf, parameters, written) =>
            base.nextWord!(tf, parameters, written, adding(tf, parameters, noDropout)),
        }
      : {}),
    ...(base.embed
      ? {
          embed: (tf, parameters, given, dropout, embedding) =>
            base.embed!(tf, parameters, given, dropout, embedding, adding(tf, parameters, dropout)),
        }
      : {}),
  };
}

/** A uniform in +-1 / sqrt(in) (Kaiming uniform with a = sqrt 5), B zero: the model begins as its base. */
function freshFactors(updates: readonly Update[], random: Random): Map<string, HostTensor> {
  return new Map(
    updates.flatMap(({ layer: { inputs, outputs }, a, b, rank }): [string, HostTensor][] => {
      const bound = 1 / Math.sqrt(inputs);
      const data = Float32Array.from({ length: rank * inputs }, () => (2 * random.uniform() - 1) * bound);
      return [
        [a, { shape: [rank, inputs], data }],
        [b, { shape: [outputs, rank], data: new Float32Array(outputs * rank) }],
      ];
    }),
  );
}

/** Fresh values of what is trained: factors, and modules saved as a whole as they are in the base. */
export function freshAdapter({ parameters, updates }: LoraModel, base: HostTensors, random: Random): HostTensors {
  const factors = freshFactors(updates, random);
  return new Map(parameters.map(({ name }) => [name, factors.get(name) ?? base.get(name)!]));
}

/** W + scale * B A of an adapted layer, as W is stored. */
function mergedWeight({ layer, scale }: Update, weight: WeightTensor, a: WeightTensor, b: WeightTensor) {
  return addProduct(weight, a, b, { scale, transposed: layer.inputsFirst ?? false });
}

type Read = (name: string) => Promise<WeightTensor>;

/**
 * Reads what the spectrum of an adapted layer is taken of, by the name of its weight: W + scale * B A, or a small matrix with the
 * singular values of B A alone.
 */
export function spectraReader(
  { updates }: LoraModel,
  spectra: AdapterSpectra,
  { base, adapter }: { base: Read; adapter: Read },
): Read {
  const byWeight = new Map(updates.map((update) => [weightOf(update), update]));
  return async (name) => {
    const update = byWeight.get(name)!;
    const [a, b] = [await adapter(update.a), await adapter(update.b)];
    return spectra === 'update' ? productCore(a, b) : mergedWeight(update, await base(name), a, b);
  };
}

/** Shapes of what `spectraReader` reads, by the name of the layer's weight. */
export function spectraShapes({ updates }: LoraModel, spectra: AdapterSpectra): Map<string, readonly number[]> {
  return new Map(
    updates.map((update) => {
      const { inputs, outputs, inputsFirst } = update.layer;
      const [rows, columns] = inputsFirst ? [inputs, outputs] : [outputs, inputs];
      const most = spectra === 'update' ? update.rank : Number.POSITIVE_INFINITY;
      return [weightOf(update), [Math.min(rows, most), Math.min(columns, most)]];
    }),
  );
}

/** The base's parameters with the adapter's updates in them. */
export function mergeAdapter(model: LoraModel, values: HostTensors): HostTensors {
  const read = (name: string) => values.get(name)!;
  const byWeight = new Map(model.updates.map((update) => [weightOf(update), update]));
  return new Map(
    model.base.parameters.map(({ name }): [string, HostTensor] => {
      const update = byWeight.get(name);
      if (!update) return [name, read(name)];
      const { shape, data } = mergedWeight(update, read(name), read(update.a), read(update.b));
      return [name, { shape, data: Float32Array.from(data) }];
    }),
  );
}
