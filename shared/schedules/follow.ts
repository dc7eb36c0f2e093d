import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import type { Multipliers } from './rates.ts';
import { blockNumber } from './units.ts';

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

/**
 * Says by name which layer each parameter follows, for parameters in the model's own order. A weight or bias follows the
 * layer of its name; a batch norm the convolution of its name (bn for conv) or else the convolution before it; anything
 * else in a block the layer before it in that block, or the block's first. The rest follows none.
 */
export function withLayersByName(parameters: readonly ParameterSpec[], layers: readonly Layer[]): ParameterSpec[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const byWeight = new Map(layers.flatMap((layer) => layer.weights.map((weight) => [weight, layer] as const)));
  const latestInBlock = new Map<string, string>();
  for (const { name } of layers.toReversed()) latestInBlock.set(blockNumber(name) ?? '', name);
  let latest: Layer | undefined;

  return parameters.map((parameter) => {
    const module = parameter.name.slice(0, Math.max(0, parameter.name.lastIndexOf('.')));
    const own = byWeight.get(parameter.name) ?? byName.get(module);
    const block = blockNumber(parameter.name);
    if (own) {
      latest = own;
      if (block !== undefined) latestInBlock.set(block, own.name);
      return { ...parameter, layer: own.name };
    }
    const layer = convolutionOf(module, byName, latest) ?? (block === undefined ? undefined : latestInBlock.get(block));
    return layer === undefined ? parameter : { ...parameter, layer };
  });
}

const isConvolution = (layer: Layer | undefined) => layer?.kind === 'conv1d' || layer?.kind === 'conv2d';

function convolutionOf(
  norm: string,
  layers: ReadonlyMap<string, Layer>,
  latest: Layer | undefined,
): string | undefined {
  const own = norm.slice(norm.lastIndexOf('.') + 1);
  if (!/bn|norm/i.test(own)) return undefined;
  const sibling = layers.get(norm.slice(0, norm.length - own.length) + own.replace('bn', 'conv'));
  if (isConvolution(sibling)) return sibling!.name;
  return isConvolution(latest) ? latest!.name : undefined;
}
