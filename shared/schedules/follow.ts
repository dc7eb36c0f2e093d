import type { ParameterSpec } from '../tensors/layer.ts';
import type { Multipliers } from './rates.ts';

/** Multipliers by parameter: each has those of the layer it follows; parameters that follow none are absent. */
export function followLayers(
  parameters: readonly ParameterSpec[],
  layers: Readonly<Record<string, Multipliers>>,
): Record<string, Multipliers> {
  const entries = parameters.flatMap(({ name, layer }): [string, Multipliers][] =>
    layer !== undefined && Object.hasOwn(layers, layer) ? [[name, layers[layer]!]] : [],
  );
  return Object.fromEntries(entries);
}
