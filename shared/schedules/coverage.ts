/** How much of a model its balance settings reach: from names and shapes alone, before anything is measured. */
import { matchesName } from '../core/name-pattern.ts';
import { analysedLayers, type ShapeOf } from '../spectra/analyse.ts';
import { eigenvalueCount, layerSize } from '../spectra/cost.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { formatShape, totalCount } from '../tensors/tensor.ts';
import type { BalanceConfig } from './config.ts';
import { endsOf, raisedParameters } from './rate-table.ts';
import { hasUnit, unitOf } from './units.ts';

/** The share of a model that is balanced, and the reasons why the rest is not. */
export interface Coverage {
  /** Names of the layers that get a factor by their spectra. */
  readonly balanced: readonly string[];
  /** The number of layers that have a weight of two or more axes. */
  readonly layers: number;
  /** Elements of the parameters that follow a balanced layer, and of all that are trained. */
  readonly balancedParameters: number;
  readonly parameters: number;
  /** Why others are not balanced, and which. */
  readonly others: readonly { readonly why: string; readonly names: readonly string[] }[];
  /** Shapes of the balanced layers' weights, each once. */
  readonly shapes: readonly (readonly number[])[];
  /** Layers or blocks that have a factor of their own. */
  readonly units: number;
  /** Elements of the parameters of which no spectrum is taken and that get the largest factor. */
  readonly raisedParameters: number;
}

/** Why layers are not balanced of which no spectrum is taken. */
export const notAnalysed = 'spectral weights are not analysed (balance.spectralWeights)';

/** The part of a run's model that coverage depends on. */
interface CoveredModel {
  readonly layers: readonly Layer[];
  readonly parameters: readonly ParameterSpec[];
  readonly shapeOf: ShapeOf;
}

/** How much of a model the settings balance, as far as shapes tell. A layer whose spectrum can't be fitted keeps the base rate too. */
export function coverageOf({ layers, parameters, shapeOf }: CoveredModel, config: BalanceConfig): Coverage {
  const analysed = analysedLayers(layers, config).map(({ name }) => name);
  const ends = endsOf(analysed, config.excludeEnds);
  const whyNot = (layer: Layer): string | undefined => {
    if (!analysed.includes(layer.name)) return notAnalysed;
    if (config.exclude.some((pattern) => matchesName(pattern, layer.name))) return 'excluded (balance.exclude)';
    if (ends.has(layer.name)) return 'an end of the model (balance.excludeEnds)';
    if (eigenvalueCount(layer, layerSize(layer, shapeOf, config)) < config.minEigenvalues) {
      return `fewer than ${config.minEigenvalues} eigenvalues (balance.minEigenvalues)`;
    }
    return hasUnit(layer.name, config.unit) ? undefined : `in no block (balance.unit ${config.unit})`;
  };
  const others = new Map<string, string[]>();
  const balanced: Layer[] = [];
  for (const layer of layers) {
    const why = whyNot(layer);
    if (why === undefined) balanced.push(layer);
    else others.set(why, [...(others.get(why) ?? []), layer.name]);
  }
  const raised = new Set(balanced.length > 0 ? raisedParameters(parameters, analysed, config) : []);
  const names = new Set(balanced.map(({ name }) => name));
  const shapes = new Map(
    balanced.flatMap(({ weights }) => {
      const shape = shapeOf(weights[0]!);
      return shape ? [[formatShape(shape), shape] as const] : [];
    }),
  );
  return {
    balanced: [...names],
    layers: layers.length,
    balancedParameters: totalCount(parameters.filter(({ layer }) => layer !== undefined && names.has(layer))),
    parameters: totalCount(parameters),
    others: [...others].map(([why, all]) => ({ why, names: all })),
    shapes: [...shapes.values()],
    units: new Set(balanced.map(({ name }) => unitOf(name, config.unit))).size,
    raisedParameters: totalCount(parameters.filter(({ name }) => raised.has(name))),
  };
}
