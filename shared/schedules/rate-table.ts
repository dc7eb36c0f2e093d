import { matchesName } from '../core/name-pattern.ts';
import { didYouMean } from '../core/suggest.ts';
import type { LayerSpectrum, SpectraReport } from '../spectra/spectrum.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { type AssignmentConfig, assignmentFunction } from './assignments/registry.ts';
import { type BalanceConfig, targetsOf } from './config.ts';
import { layerFactors } from './factors.ts';
import { followLayers } from './follow.ts';
import type { Multipliers, RateTable } from './rates.ts';
import type { LayerValue } from './units.ts';

const base: Multipliers = { learningRate: 1, weightDecay: 1 };

/**
 * The multipliers that an analysis gives every layer and parameter; a layer that can't be balanced has 1, and a warning.
 * @param seed decides what a control draws.
 */
export function rateTable(
  report: SpectraReport,
  parameters: readonly ParameterSpec[],
  config: BalanceConfig,
  seed: number,
): RateTable {
  const chosen = chooseLayers(report.layers, config);
  const factorsBy = (assignment: AssignmentConfig) => {
    const assigned = layerFactors(chosen.layers, { ...config, assignment, seed });
    const checked = onlyUsable(chosen.layers, assigned.factors);
    return { factors: checked.factors, warnings: [...assigned.warnings, ...checked.warnings] };
  };
  const assigned = factorsBy(config.assignment);
  const decay = config.weightDecayAssignment ? factorsBy(config.weightDecayAssignment) : assigned;
  const multipliersOf = (factor: number, decayFactor: number): Multipliers => ({
    ...base,
    ...Object.fromEntries(targetsOf(config).map((target) => [target, target === 'weightDecay' ? decayFactor : factor])),
  });
  const layers: Record<string, Multipliers> = Object.fromEntries(report.layers.map(({ name }) => [name, base]));
  chosen.layers.forEach(({ name }, index) => {
    layers[name] = multipliersOf(assigned.factors[index]!, decay.factors[index]!);
  });
  const raised = chosen.layers.length > 0 ? raisedParameters(parameters, Object.keys(layers), config) : [];
  // Of the run that a control is one of: what no spectrum is taken of trains alike in both.
  const largestBy = (assignment: AssignmentConfig) =>
    Math.max(...layerFactors(chosen.layers, { ...config, assignment, control: undefined, seed }).factors);
  const largest = multipliersOf(
    largestBy(config.assignment),
    largestBy(config.weightDecayAssignment ?? config.assignment),
  );
  return {
    parameters: { ...followLayers(parameters, layers), ...Object.fromEntries(raised.map((name) => [name, largest])) },
    layers,
    warnings: [
      ...new Set([
        ...unmatchedExclusions(report, parameters, config.exclude),
        ...chosen.warnings,
        ...assigned.warnings,
        ...decay.warnings,
      ]),
    ],
  };
}

/**
 * Names of the parameters that get the largest factor: those of modules that have a weight of two or more axes of which no spectrum is
 * taken. None unless `unmeasured` asks for it.
 * @param analysed names of the layers whose spectra are taken
 */
export function raisedParameters(
  parameters: readonly ParameterSpec[],
  analysed: readonly string[],
  { exclude, unmeasured }: Pick<BalanceConfig, 'exclude' | 'unmeasured'>,
): string[] {
  if (unmeasured !== 'largestFactor') return [];
  const moduleOf = ({ name, layer }: ParameterSpec) => layer ?? name.replace(/\.[^.]*$/, '');
  const others = parameters.filter(
    ({ name, layer }) =>
      (layer === undefined || !analysed.includes(layer)) &&
      !exclude.some((pattern) => matchesName(pattern, layer ?? name)),
  );
  const withWeight = new Set(others.filter(({ shape }) => shape.length > 1).map(moduleOf));
  return others.filter((spec) => withWeight.has(moduleOf(spec))).map(({ name }) => name);
}

/** The layers to balance, and why others are left at the base rate (those the user excluded need no reason). */
function chooseLayers(
  spectra: readonly LayerSpectrum[],
  { metric, assignment, minEigenvalues, exclude, excludeEnds }: BalanceConfig,
): { layers: LayerValue[]; warnings: string[] } {
  const { smallestValue } = assignmentFunction(assignment);
  const layers: LayerValue[] = [];
  const kept = new Map<string, string[]>();
  const ends = endsOf(
    spectra.map(({ name }) => name),
    excludeEnds,
  );
  const keep = (name: string, why: string) => kept.set(why, [...(kept.get(why) ?? []), name]);
  for (const spectrum of spectra) {
    const { name, eigenvalues, flags, shape } = spectrum;
    const value = spectrum[metric] ?? null;
    if (exclude.some((pattern) => matchesName(pattern, name)) || ends.has(name)) continue;
    if (eigenvalues.length > 0 && eigenvalues.length < minEigenvalues) {
      keep(name, `fewer than ${minEigenvalues} eigenvalues (minEigenvalues)`);
    } else if (value === null || !Number.isFinite(value)) {
      keep(name, flags.join('; ') || `no ${metric}`);
    } else if (value < smallestValue) {
      keep(name, `${assignment.function} takes no ${metric} below ${smallestValue}`);
    } else {
      layers.push({ name, value, shape });
    }
  }
  const warnings = [...kept].map(([why, names]) => {
    if (names.length === 1) return `${names[0]}: keeps the base rate, ${why}`;
    const all = names.length === spectra.length;
    return `${all ? `all ${names.length} layers` : names.join(', ')}: keep the base rate, ${why}`;
  });
  return { layers, warnings };
}

/** Names of the first and last layers that are left out. */
export function endsOf(names: readonly string[], which: BalanceConfig['excludeEnds']): ReadonlySet<string> {
  const first = which === 'first' || which === 'both' ? names.slice(0, 1) : [];
  const last = which === 'last' || which === 'both' ? names.slice(-1) : [];
  return new Set([...first, ...last]);
}

/** Never lets a factor that isn't a finite number of at least 0 reach the optimizer. */
function onlyUsable(
  layers: readonly LayerValue[],
  factors: readonly number[],
): { factors: number[]; warnings: string[] } {
  const usable = (factor: number) => Number.isFinite(factor) && factor >= 0;
  return {
    factors: factors.map((factor) => (usable(factor) ? factor : 1)),
    warnings: layers.flatMap(({ name }, index) =>
      usable(factors[index]!) ? [] : [`${name}: keeps the base rate, its factor would be ${factors[index]}`],
    ),
  };
}

function unmatchedExclusions(
  report: SpectraReport,
  parameters: readonly ParameterSpec[],
  exclude: readonly string[],
): string[] {
  const names = new Set([
    ...report.layers.map(({ name }) => name),
    ...parameters.map(({ name, layer }) => layer ?? name),
  ]);
  return exclude
    .filter((pattern) => ![...names].some((name) => matchesName(pattern, name)))
    .map((pattern) => `exclude: "${pattern}" matches no layer; ${didYouMean(pattern, [...names])}`.replace(/; $/, ''));
}
