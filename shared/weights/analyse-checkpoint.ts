import { UserError } from '../core/errors.ts';
import { matchesName } from '../core/name-pattern.ts';
import { spectraReport } from '../spectra/analyse.ts';
import { layerFlops, layerSize } from '../spectra/cost.ts';
import { workThroughShards } from '../spectra/shards.ts';
import type { SpectrumSource } from '../spectra/spectrum-source.ts';
import type { WeightTensor } from '../tensors/tensor.ts';
import { type AnalysisSettings, analyseWeights } from './analyse-weights.ts';
import type { AnalysedLayer, Analysis, Comparison } from './analysis.ts';
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
    chosen.map((layer) => ({ ...sizeOf(layer), layer })),
    {
      workers: solver.concurrency ?? 1,
      weight: bytesInFlight,
      weigh: ({ layer }) => memoryOf(layer, pairs.has(layer)),
    },
    async ({ layer }) => {
      onProgress({ layer: layer.name, index: begun++, layers: chosen.length, done, total });
      const weights = await readAll(source, layer);
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
  const whole = layers.filter(({ matrix }) => matrix !== 'BA');
  const { summary } = spectraReport(
    (whole.length > 0 ? whole : layers).map((layer) => ({ ...layer, eigenvalues: [] })),
  );
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
    notes: [...source.notes],
  };
}

/** Weights that may be in memory at a time, unless a single layer has more. */
const bytesInFlight = 256 * 2 ** 20;

const memoryOf = ({ size }: WeightLayer, compared: boolean) =>
  (compared ? 4 : 1) * size * Float32Array.BYTES_PER_ELEMENT;

const sizeOf = (layer: WeightLayer) => layerSize(layer, () => layer.shape);

/** Floating-point operations of the analysis of all layers, by which a solver is chosen. */
export function checkpointFlops({ layers }: WeightSource): number {
  return layers.reduce((sum, layer) => sum + layerFlops(sizeOf(layer)), 0);
}

type NamedWeights = readonly (readonly [name: string, weight: WeightTensor])[];

async function readAll(source: WeightSource, layer: WeightLayer): Promise<NamedWeights> {
  const weights: (readonly [string, WeightTensor])[] = [];
  for (const name of layer.weights) weights.push([name, await source.read(name)]);
  return weights;
}

async function compareLayer(
  here: AnalysedLayer,
  { layer, weights }: { layer: WeightLayer; weights: NamedWeights },
  other: WeightSource,
  counterpart: WeightLayer,
  settings: AnalysisSettings,
  solver: SpectrumSource,
): Promise<Comparison['layers'][number]> {
  const otherWeights = await readAll(other, counterpart);
  const plain: AnalysisSettings = {
    fit: settings.fit,
    filterZeros: settings.filterZeros,
    spectralWeights: settings.spectralWeights,
  };
  const there = await analyseWeights(counterpart, otherWeights, plain, solver);
  const change = weights.map(([name, weight], index) => [name, subtract(weight, otherWeights[index]![1])] as const);
  const rounding = {
    meanSquare: meanSquare(otherWeights),
    bits: Math.min(layer.precision, counterpart.precision),
  };
  const difference = await analyseWeights({ ...layer, matrix: 'W - W0' }, change, plain, solver, rounding);
  return {
    name: here.name,
    alpha: here.alpha,
    otherAlpha: there.alpha,
    alphaChange: here.alpha === null || there.alpha === null ? null : here.alpha - there.alpha,
    relativeChange:
      there.frobeniusNormSquared > 0 ? Math.sqrt(difference.frobeniusNormSquared / there.frobeniusNormSquared) : null,
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

function subtract(a: WeightTensor, b: WeightTensor): WeightTensor {
  const data = Float64Array.from(a.data);
  for (let i = 0; i < data.length; i++) data[i]! -= b.data[i]!;
  return { shape: a.shape, data };
}

function meanSquare(weights: NamedWeights): number {
  let [sum, count] = [0, 0];
  for (const [, { data }] of weights) {
    for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!;
    count += data.length;
  }
  return sum / count;
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
