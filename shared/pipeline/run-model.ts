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
export function modelOfRun({ config, dataset }: Pick<RunRecord, 'config' | 'dataset'>): RunModel {
  const { space, channels } = dataset as unknown as { space: readonly number[]; channels: readonly string[] };
  const format = { kind: 'trajectories' as const, space, channels: channels.length, window: config.dataset.window };
  const { layers, parameters } = buildModel(config.model, format);
  return { layers, parameters, config: { ...config.model, weights: undefined, ...format } };
}
