/** How well trained the layers of a run are, as far as their spectra tell. */
import { type TrainedFlag, trainedFlag } from '../spectra/flags.ts';
import type { LayerSpectrum } from '../spectra/spectrum.ts';
import { formatShape } from '../tensors/tensor.ts';
import type { RunReport } from './report-input.ts';
import { beforeAndAfter, hasFarmsAlpha } from './runs.ts';

/** A layer in the epoch that a report shows as the result. */
export interface TrainedLayer extends Pick<LayerSpectrum, 'name' | 'kind' | 'shape' | 'alpha' | 'farmsAlpha'> {
  /** Exponent of the best fit; null where there is none. */
  readonly alphaBestFit: number | null;
  /** What the thresholds of alpha, which belong to the best fit, say of it. */
  readonly flag: TrainedFlag | undefined;
}

/** The layers of the best epoch, or of the last one where the best was not analysed; none where no epoch was. */
export function trainedLayers(run: RunReport): { epoch: number; layers: TrainedLayer[] } {
  const { before, after } = beforeAndAfter(run) ?? {};
  const shown = after ?? before;
  if (!shown) return { epoch: 0, layers: [] };
  const alphas = run.bestFits?.epoch === shown.epoch ? run.bestFits.alphas : {};
  const layers = shown.spectra.layers.map((layer) => {
    const alphaBestFit = alphas[layer.name] ?? null;
    const { name, kind, shape, alpha, farmsAlpha } = layer;
    const flag = trainedFlag(layer, alphaBestFit, run.conv1d ?? 'rows');
    return { name, kind, shape, alpha, farmsAlpha, alphaBestFit, flag };
  });
  return { epoch: shown.epoch, layers };
}

/** A layer with the exponent that it is ranked by. */
interface RankedLayer {
  readonly name: string;
  readonly alpha: number;
}

/** Layers whose exponents may be compared with one another. */
export interface RankedLayers {
  /** What they have in common: `[96, 96]`; null where alpha does not depend on the shape. */
  readonly shape: string | null;
  /** The layers from the smallest exponent, the most trained, to the largest. */
  readonly layers: readonly RankedLayer[];
}

/**
 * The layers by how well trained they are, apart for each kind and shape, as alpha depends on these; alpha by FARMS, where a run measured
 * it, does not. The largest sets come first; a layer that is alone with its shape is in none.
 */
export function rankedLayers(run: RunReport): RankedLayers[] {
  const { layers } = trainedLayers(run);
  const isByFarms = hasFarmsAlpha(run);
  const sets = new Map<string, RankedLayer[]>();
  for (const { name, kind, shape, alpha: plain, farmsAlpha } of layers) {
    const alpha = isByFarms ? farmsAlpha : plain;
    if (alpha === null || !Number.isFinite(alpha)) continue;
    const key = isByFarms ? '' : `${kind} ${formatShape(shape)}`;
    sets.set(key, [...(sets.get(key) ?? []), { name, alpha }]);
  }
  return [...sets]
    .filter(([, members]) => members.length > 1)
    .map(([key, members]) => ({
      shape: isByFarms ? null : key.replace(/^\w+ /, ''),
      layers: members.toSorted((a, b) => a.alpha - b.alpha),
    }))
    .toSorted((a, b) => b.layers.length - a.layers.length);
}
