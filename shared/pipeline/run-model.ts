import type { FieldDatasetConfig } from '../datasets/registry.ts';
import { configAfter, type HuggingFaceConfig, modelOf } from '../models/hugging-face/config.ts';
import { buildModel } from '../models/registry.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import type { RunRecord } from './records.ts';

/** A run's model without its weights. */
export interface RunModel {
  readonly layers: readonly Layer[];
  readonly parameters: readonly ParameterSpec[];
  /** What, besides the weights, is needed to build it again: the exported `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** The model that a run trains, from the run's record alone: neither data nor engine are opened. */
export function modelOfRun(record: Pick<RunRecord, 'config' | 'dataset' | 'model'>): RunModel {
  const { config, dataset } = record;
  if (config.model.family === 'huggingface') {
    const { labels = [] } = dataset as { labels?: readonly string[] };
    const original = record.model as HuggingFaceConfig;
    const { model, architecture } = modelOf(original, config.model.task, labels, 'run.json');
    const named = config.model.task === 'classification' ? labels : undefined;
    return { layers: model.layers, parameters: model.parameters, config: configAfter(original, architecture, named) };
  }
  const { space, channels } = dataset as unknown as { space: readonly number[]; channels: readonly string[] };
  // The settings' schema holds format and family together.
  const { window } = config.dataset as FieldDatasetConfig;
  const format = { kind: 'trajectories' as const, space, channels: channels.length, window };
  const { layers, parameters } = buildModel(config.model, format);
  return { layers, parameters, config: { ...config.model, weights: undefined, ...format } };
}
