import { matchesName } from '../core/name-pattern.ts';
import type { StoredPrecision } from '../spectra/rounding.ts';
import { isComplexType } from '../tensors/elements.ts';
import type { LayerKind } from '../tensors/layer.ts';
import { elementCount } from '../tensors/tensor.ts';
import type { TensorStore } from '../tensors/tensor-store.ts';
import { headNames, isEmbedding } from './embeddings.ts';
import { precisionOf, type SkippedTensor, type WeightLayer } from './weight-source.ts';

/** Facts about a checkpoint that its tensors do not tell. */
export interface ClassifyOptions {
  /** Whether its configuration says that the output head shares the token embedding. */
  readonly tied: boolean;
}

const kinds: Readonly<Record<number, LayerKind>> = { 2: 'linear', 3: 'conv1d', 4: 'conv2d', 5: 'conv3d' };
/** `conv0.weights1`, `conv0.weights`: never a plain `.weight`, for a kernel may be two wide. */
const spectralName = /^(.*\.)?([^.]*conv[^.]*)\.(?:weights\d*|weight\d+)$/i;
/** neuraloperator's: `fno_blocks.convs.0.weight.tensor`, or a core and factors in its place. */
const neuralopName = /^(.*\.)?(convs\.\d+)\.weight\.(?:tensor|(core|factors\.factor_\d+))$/;

/**
 * The layers of a checkpoint by the names and shapes of its tensors, in the file's order, and every tensor that is none
 * with the reason.
 */
export function classifyTensors(
  store: Pick<TensorStore, 'names' | 'entry'>,
  { tied }: ClassifyOptions,
): { layers: WeightLayer[]; skipped: SkippedTensor[] } {
  const layers = new Map<string, WeightLayer>();
  const skipped: SkippedTensor[] = [];
  const names = new Set(store.names());
  const moduleOf = (name: string) => {
    const stem = name.replace(/\.weight$/, '');
    return names.has(stem) ? name : stem;
  };
  for (const name of names) {
    const { dtype, shape } = store.entry(name);
    const found = layerOf(name, moduleOf(name), shape, dtype, tied);
    if ('reason' in found) skipped.push({ name, reason: found.reason });
    else {
      const before = layers.get(found.name);
      layers.set(
        found.name,
        before ? { ...before, weights: [...before.weights, name], size: before.size + found.size } : found,
      );
    }
  }
  return { layers: [...layers.values()], skipped };
}

function layerOf(
  name: string,
  module: string,
  shape: readonly number[],
  dtype: string,
  tied: boolean,
): WeightLayer | { reason: string } {
  const axes = shape.length;
  if (elementCount(shape) === 0) return { reason: 'empty' };
  if (axes < 2) return { reason: axes === 1 ? 'a bias or norm: not a matrix' : 'a single number' };
  const precision = precisionOf(dtype);
  if (!precision) return { reason: `stored as ${dtype}, not as floats` };
  const spectral = spectralName.exec(name) ?? neuralopName.exec(name);
  if (spectral?.[3]) return { reason: 'a Tucker factor of a spectral weight: a run measures the whole weight' };
  if (spectral && axes >= 4 && axes <= 6 && shape.at(-1) === 2) {
    return layer(`${spectral[1] ?? ''}${spectral[2]}`, 'spectralConv', name, shape, precision);
  }
  if (isComplexType(dtype)) {
    if (axes !== 4 && axes !== 5) return { reason: `complex numbers of ${axes - 1} axes: no spectral convolution's` };
    return layer(module, 'spectralConv', name, shape, precision);
  }
  if (isEmbedding(name)) return { reason: 'an embedding table' };
  if (tied && headNames.some((pattern) => matchesName(pattern, name)))
    return { reason: 'shares the weight of the token embedding' };
  if (name.endsWith('.bias') || name === 'bias') return { reason: 'a bias' };
  if (/(^|[._])(norm|ln|layernorm|batchnorm|bn)\d*(\.|_|$)[^.]*$/i.test(name) && axes > 2) return { reason: 'a norm' };
  const kind = kinds[axes];
  if (!kind) return { reason: `${axes} axes: neither a matrix nor a convolution in up to three dimensions` };
  if (axes > 2 && elementCount(shape) === shape[1]) return { reason: 'a scale for each channel: not a matrix' };
  if (axes > 2 && !name.endsWith('weight') && !/conv/i.test(name))
    return { reason: `${axes} axes and no name of a convolution's weight` };
  return layer(module, kind, name, shape, precision);
}

const layer = (
  name: string,
  kind: LayerKind,
  weight: string,
  shape: readonly number[],
  precision: StoredPrecision,
): WeightLayer => ({
  name,
  kind,
  weights: [weight],
  matrix: 'W',
  shape,
  size: elementCount(shape),
  precision,
});
