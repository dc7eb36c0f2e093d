/** How much of a model its balance settings reach: from names and shapes alone, before anything is measured. */
import { matchesName } from '../core/name-pattern.ts';
import { analysedLayers, type ShapeOf } from '../spectra/analyse.ts';
import { eigenvalueCount, layerSize } from '../spectra/cost.ts';
import type { Layer, ParameterSpec } from '../tensors/layer.ts';
import { formatShape, totalCount } from '../tensors/tensor.ts';
import type { BalanceConfig } from './config.ts';
import { endsOf } from './rate-table.ts';
import { hasUnit } from './units.ts';

/** How much of a model is balanced, and why not the rest. */
export interface Coverage {
  /** Names of the layers that get a factor by their spectra. */
  readonly balanced: readonly string[];
  /** All layers of the model that have a weight of two or more axes. */
  readonly layers: number;
  /** Elements of the parameters that follow a balanced layer, and of all that are trained. */
  readonly balancedParameters: number;
  readonly parameters: number;
  /** Why others are not balanced, and which. */
  readonly others: readonly { readonly why: string; readonly names: readonly string[] }[];
  /** Shapes of the balanced layers' weights, each once. */
  readonly shapes: readonly (readonly number[])[];
}

/** The effect of a run's balance settings, in words. */
export interface BalanceDescription {
  /** How much of the model is balanced. */
  readonly covered: string;
  /** When rates are set, to follow `Rates are`: `set 10 times in 100 steps, first before training`. */
  readonly timing: string;
  /** Remarks for the user, a sentence each. */
  readonly notes: readonly string[];
}

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
    if (!analysed.includes(layer.name)) return 'spectral weights are not analysed (balance.spectralWeights)';
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
  };
}

/** `5 of 11 layers are balanced, 11 % of the parameters; the others keep the base rate`, with the reasons. */
export function describeCoverage(coverage: Coverage, { unmeasured }: Pick<BalanceConfig, 'unmeasured'>): string {
  const { balanced, layers, balancedParameters, parameters, others } = coverage;
  const share = (100 * balancedParameters) / Math.max(1, parameters);
  const percent = share > 0 && share < 1 ? share.toPrecision(1) : share.toFixed(0);
  const raised = unmeasured === 'largestFactor' && balanced.length > 0;
  const rest = raised
    ? 'keep the base rate, or get the largest factor where no spectrum is taken'
    : 'keep the base rate';
  const reasons = others.map(({ why, names }) => `${listed(names)}: ${why}`).join('; ');
  return `${balanced.length} of ${layers} layers are balanced, ${percent} % of the parameters; the others ${rest}${reasons ? ` (${reasons})` : ''}`;
}

const mostNames = 4;
const listed = (names: readonly string[]) =>
  names.length <= mostNames
    ? names.join(', ')
    : `${names.slice(0, mostNames - 1).join(', ')} and ${names.length - mostNames + 1} more`;

/** The remark that layers of unlike shapes are compared by a metric that depends on the shape; empty where they are not. */
export function unlikeShapes({ shapes }: Coverage, { unit, metric }: Pick<BalanceConfig, 'unit' | 'metric'>): string[] {
  if (unit !== 'layer' || metric === 'farmsAlpha' || shapes.length < 2) return [];
  const some = `${shapes.slice(0, 3).map(formatShape).join(', ')}${shapes.length > 3 ? ', …' : ''}`;
  return [
    `balance.unit is layer, and the balanced layers have unlike shapes (${some}): ${metric} mostly follows the shape of a layer, so each shape gets a rate of its own; metric: farmsAlpha does not depend on it, and control: byShape shows what of the effect is shape`,
  ];
}
