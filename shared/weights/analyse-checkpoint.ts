import { UserError } from '../core/errors.ts';
import { matchesName } from '../core/name-pattern.ts';
import { spectraSummary } from '../spectra/analyse.ts';
import type { SpectraConfig } from '../spectra/config.ts';
import { layerFlops, layerSize } from '../spectra/cost.ts';
import { fewEigenvalues } from '../spectra/flags.ts';
import { workThroughShards } from '../spectra/shards.ts';
import type { SpectrumSource } from '../spectra/spectrum-source.ts';
import { type AnalysisSettings, analyseWeights } from './analyse-weights.ts';
import type { AnalysedLayer, Analysis, Comparison } from './analysis.ts';
import { changeOfWeights, type LayerWeights, memoryOf, openLayerWeights } from './layer-weights.ts';
import type { WeightLayer, WeightSource } from './weight-source.ts';

/** A layer is begun; `done` of `total` weights are measured. */
export interface AnalysisProgress {
  readonly layer: string;
  readonly index: number;
  readonly layers: number;
  readonly done: number;
  readonly total: number;
}

export interface AnalyseCheckpointOptions {
  readonly settings: AnalysisSettings;
  /** Glob that the names of layers have to match. */
  readonly only?: string | undefined;
  readonly compare?: WeightSource | undefined;
  readonly onProgress?: (progress: AnalysisProgress) => void;
}

/**
 * Measures every layer of a checkpoint, in as many shards of equal cost as the solver works on, as far as memory allows.
 * @throws UserError when no layer is left to measure.
 */
export async function analyseCheckpoint(
  source: WeightSource,
  solver: SpectrumSource,
  { settings, only, compare, onProgress = () => {} }: AnalyseCheckpointOptions,
): Promise<Analysis> {
  const wanted = source.layers.filter(({ name }) => only === undefined || matchesName(only, name));
  if (wanted.length === 0) {
    throw new UserError(`no layer matches "${only}"`, {
      where: source.label,
      remedy: `It has: ${listed(source.layers.map(({ name }) => name))}.`,
    });
  }
  const chosen = wanted.filter(({ kind }) => kind !== 'spectralConv' || settings.spectralWeights);
  const skipped = [
    ...source.skipped,
    ...wanted
      .filter((layer) => !chosen.includes(layer))
      .map(({ name }) => ({ name, reason: 'complex spectral weights; --spectral-weights analyses them' })),
  ];
  if (chosen.length === 0) {
    throw new UserError('all layers that match are spectral convolutions', {
      where: source.label,
      remedy: 'Analyse their complex weights with --spectral-weights.',
    });
  }
  const total = chosen.reduce((sum, { size }) => sum + size, 0);
  const pairs = compare ? pairLayers(chosen, compare.layers) : new Map<WeightLayer, WeightLayer>();
  let [begun, done] = [0, 0];
  const parts = await workThroughShards(
    chosen.map((layer) => ({ ...sizeOf(layer, settings), layer })),
    {
      workers: solver.concurrency ?? 1,
      weight: bytesInFlight,
      weigh: ({ layer }) => (pairs.has(layer) ? 4 : 1) * memoryOf(layer),
    },
    async ({ layer }) => {
      onProgress({ layer: layer.name, index: begun++, layers: chosen.length, done, total });
      const weights = await openLayerWeights(source, layer);
      const here = await analyseWeights(layer, weights, settings, solver);
      const counterpart = pairs.get(layer);
      const pair =
        compare && counterpart
          ? await compareLayer(here, { layer, weights }, compare, counterpart, settings, solver)
          : undefined;
      done += layer.size;
      return { layer, here, pair };
    },
  );
  const found = new Map(parts.flat().map(({ layer, ...rest }) => [layer, rest]));
  const layers = chosen.map((layer) => found.get(layer)!.here);
  const compared = chosen.flatMap((layer) => found.get(layer)!.pair ?? []);
  const summary = spectraSummary(representative(layers));
  const paired = new Set([...pairs.values()]);
  return {
    version: 1,
    source: { path: source.label, format: source.format },
    settings: { ...settings, ...(only === undefined ? {} : { layers: only }) },
    layers,
    summary: {
      ...summary,
      analysed: layers.length,
      withoutAlpha: layers.filter(({ alpha }) => alpha === null).length,
      flags: countFlags(layers),
    },
    ...(compare
      ? {
          comparison: {
            other: compare.label,
            layers: compared,
            onlyHere: chosen.filter((layer) => !pairs.has(layer)).map(({ name }) => name),
            onlyThere: compare.layers
              .filter((layer) => !paired.has(layer) && (only === undefined || matchesName(only, layer.name)))
              .filter(({ kind }) => kind !== 'spectralConv' || settings.spectralWeights)
              .map(({ name }) => name),
          },
        }
      : {}),
    skipped,
    notes: [...source.notes, ...notesOnConv1d(chosen, settings)],
  };
}

/** Which reading of Conv1d weights the alphas are by, where there are some. */
function notesOnConv1d(layers: readonly WeightLayer[], { conv1d }: Pick<SpectraConfig, 'conv1d'>): string[] {
  if (!layers.some(({ kind }) => kind === 'conv1d')) return [];
  const other = conv1d === 'rows' ? 'taps' : 'rows';
  return [
    `Conv1d weights are read by ${conv1d}: their alphas are not comparable with those by ${other} (--conv1d ${other})`,
  ];
}

/** Weights that may be in memory at a time, unless a single layer has more. */
const bytesInFlight = 256 * 2 ** 20;

const sizeOf = (layer: WeightLayer, settings: Pick<SpectraConfig, 'conv1d' | 'farms'>) =>
  layerSize(layer, () => layer.shape, settings);

/** Floating-point operations of the analysis of all layers, by which a solver is chosen. */
export function checkpointFlops({ layers }: WeightSource, settings: Pick<SpectraConfig, 'conv1d' | 'farms'>): number {
  return layers.reduce((sum, layer) => sum + layerFlops(sizeOf(layer, settings)), 0);
}

async function compareLayer(
  here: AnalysedLayer,
  { layer, weights }: { layer: WeightLayer; weights: LayerWeights },
  other: WeightSource,
  counterpart: WeightLayer,
  settings: AnalysisSettings,
  solver: SpectrumSource,
): Promise<Comparison['layers'][number]> {
  const otherWeights = await openLayerWeights(other, counterpart);
  const plain: AnalysisSettings = {
    fit: settings.fit,
    filterZeros: settings.filterZeros,
    spectralWeights: settings.spectralWeights,
    conv1d: settings.conv1d,
  };
  const there = await analyseWeights(counterpart, otherWeights, plain, solver);
  const { change, noise } = await changeOfWeights(
    layer.kind,
    settings.conv1d,
    { layer: weights, precision: layer.precision },
    { layer: otherWeights, precision: counterpart.precision },
  );
  const difference = await analyseWeights({ ...layer, matrix: 'W - W0' }, change, plain, solver, noise);
  return {
    name: here.name,
    alpha: here.alpha,
    otherAlpha: there.alpha,
    alphaChange: here.alpha === null || there.alpha === null ? null : here.alpha - there.alpha,
    relativeChange:
      there.frobeniusNormSquared && difference.frobeniusNormSquared !== null
        ? Math.sqrt(difference.frobeniusNormSquared / there.frobeniusNormSquared)
        : null,
    other: there,
    difference,
  };
}

/** Layers of equal shape and name, or of names of which one ends with the other (a prefix such as `model.` apart). */
function pairLayers(here: readonly WeightLayer[], there: readonly WeightLayer[]): Map<WeightLayer, WeightLayer> {
  const pairs = new Map<WeightLayer, WeightLayer>();
  const like = (a: WeightLayer, b: WeightLayer) =>
    a.kind === b.kind && a.shape.join() === b.shape.join() && a.matrix !== 'BA' && b.matrix !== 'BA';
  const byName = new Map(there.map((layer) => [layer.name, layer]));
  for (const layer of here) {
    const exact = byName.get(layer.name);
    const near = exact
      ? [exact]
      : there.filter(({ name }) => name.endsWith(`.${layer.name}`) || layer.name.endsWith(`.${name}`));
    const fitting = near.filter((candidate) => like(layer, candidate));
    if (fitting.length === 1) pairs.set(layer, fitting[0]!);
  }
  return pairs;
}

/** The layers whose alphas are averaged: whole weights rather than updates, those with enough eigenvalues rather than all. */
function representative(layers: readonly AnalysedLayer[]): readonly AnalysedLayer[] {
  const preferred = (all: readonly AnalysedLayer[], fits: (layer: AnalysedLayer) => boolean) =>
    all.some(fits) ? all.filter(fits) : all;
  const whole = preferred(layers, ({ matrix }) => matrix !== 'BA');
  return preferred(whole, ({ alpha, eigenvalues }) => alpha !== null && (eigenvalues?.length ?? 0) >= fewEigenvalues);
}

function countFlags(layers: readonly AnalysedLayer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { flags } of layers) {
    for (const flag of new Set(flags.map((text) => text.split(':')[0]!))) counts[flag] = (counts[flag] ?? 0) + 1;
  }
  return counts;
}

function listed(names: readonly string[]): string {
  const most = 20;
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
}
