/** Which layer each parameter of an unknown model follows, as far as names and shapes tell. */
import type { ParameterSpec } from '../tensors/layer.ts';
import { precisionOf, type WeightLayer } from '../weights/weight-source.ts';
import type { BalanceConfig } from './config.ts';
import { coverageOf } from './coverage.ts';
import { unitOf } from './units.ts';

/** A tensor of a checkpoint. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What modules keep from call to call, or can compute: no gradient is ever taken of it. */
const buffers =
  /(^|\.)(running_mean|running_var|num_batches_tracked|position_ids|token_type_ids|inv_freq|original_inv_freq|masked_bias|relative_position_index|attn_mask)$/;

/** Whether a tensor may be a parameter. */
export const isParameter = ({ name, dtype }: StoredTensor): boolean =>
  precisionOf(dtype) !== undefined && !buffers.test(name);

/**
 * The parameters of an unknown model. A bias follows its weight, a batch norm the convolution that its name goes with; by unit `block`
 * all else of one axis in a block has the factor of its block. What is left follows none.
 */
export function parametersByName(
  tensors: readonly StoredTensor[],
  layers: readonly WeightLayer[],
  config: BalanceConfig,
): ParameterSpec[] {
  const layerOfWeight = new Map(
    layers.flatMap(({ name, weights }) => weights.map((weight) => [weight, name] as const)),
  );
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const names = new Set(tensors.map(({ name }) => name));
  const leaders = config.unit === 'block' ? leadersOf(layers, config) : new Map<string, string>();
  const ofNorm = (module: string, size: number) =>
    names.has(`${module}.running_mean`)
      ? beforeBatchNorm(module).find((name) => byName.get(name)?.shape.slice(0, 2).includes(size))
      : undefined;
  const layerOf = ({ name, shape }: StoredTensor): string | undefined => {
    const own = layerOfWeight.get(name);
    if (own !== undefined || shape.length > 1) return own;
    const weight = layerOfWeight.get(name.replace(/bias(?!.*bias)/, 'weight'));
    if (weight !== undefined) return weight;
    const module = name.replace(/\.[^.]*$/, '');
    if (byName.has(module)) return module;
    return ofNorm(module, shape[0] ?? 0) ?? leaders.get(unitOf(name, 'block') ?? '');
  };
  return tensors.filter(isParameter).map((tensor) => {
    const layer = layerOf(tensor);
    const { name, shape } = tensor;
    return { name, shape, decay: shape.length > 1, ...(layer === undefined ? {} : { layer }) };
  });
}

/** The largest layer of each block that gets the block's factor. */
function leadersOf(layers: readonly WeightLayer[], config: BalanceConfig): Map<string, string> {
  const shapes = new Map(layers.flatMap(({ weights, shape }) => weights.map((name) => [name, shape] as const)));
  const { balanced } = coverageOf({ layers, parameters: [], shapeOf: (name) => shapes.get(name) }, config);
  const leaders = new Map<string, WeightLayer>();
  for (const layer of layers.filter(({ name }) => balanced.includes(name))) {
    const block = unitOf(layer.name, 'block')!;
    const before = leaders.get(block);
    if (before === undefined || layer.size > before.size) leaders.set(block, layer);
  }
  return new Map([...leaders].map(([block, { name }]) => [block, name]));
}

/** Names that the convolution before a batch norm may have: `conv1` before `bn1`, `0` before `1`. */
function beforeBatchNorm(module: string): string[] {
  const [, stem = '', last = ''] = /^(.*\.)?([^.]+)$/.exec(module) ?? [];
  const named = /^(?:bn|norm|batch_?norm)(.*)$/i.exec(last);
  if (named) return [`${stem}conv${named[1]}`];
  return /^[1-9]\d*$/.test(last) ? [`${stem}${Number(last) - 1}`] : [];
}
