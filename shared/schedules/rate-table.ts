import { matchesName } from '../core/name-pattern.ts';
import { didYouMean } from '../core/suggest.ts';
import type { LayerSpectrum, SpectraReport } from '../spectra/spectrum.ts';
import type { ParameterSpec } from '../tensors/layer.ts';
import { assignmentFunction } from './assignments/registry.ts';
import { type BalanceConfig, targetsOf } from './config.ts';
import { layerFactors } from './factors.ts';
import { followLayers } from './follow.ts';
import type { Multipliers, RateTable } from './rates.ts';
import type { LayerValue } from './units.ts';

const base: Multipliers = { learningRate: 1, weightDecay: 1 };

/** The multipliers that an analysis gives every layer and parameter; what can't be balanced has 1 and a warning. */
export function rateTable(
  report: SpectraReport,
  parameters: readonly ParameterSpec[],
  config: BalanceConfig,
): RateTable {
  const chosen = chooseLayers(report.layers, config);
  const assigned = layerFactors(chosen.layers, config);
  const checked = onlyUsable(chosen.layers, assigned.factors);
  const layers: Record<string, Multipliers> = Object.fromEntries(report.layers.map(({ name }) => [name, base]));
  chosen.layers.forEach(({ name }, index) => {
    layers[name] = multipliers(checked.factors[index]!, config);
  });
  return {
    parameters: followLayers(parameters, layers),
    layers,
    warnings: [
      ...unmatchedExclusions(report, parameters, config.exclude),
      ...chosen.warnings,
      ...assigned.warnings,
      ...checked.warnings,
    ],
  };
}

function multipliers(factor: number, config: BalanceConfig): Multipliers {
  return { ...base, ...Object.fromEntries(targetsOf(config).map((target) => [target, factor])) };
}

/** The layers to balance, and why others are left at the base rate (those the user excluded need no reason). */
function chooseLayers(
  spectra: readonly LayerSpectrum[],
  { metric, assignment, minEigenvalues, exclude }: BalanceConfig,
): { layers: LayerValue[]; warnings: string[] } {
  const { smallestValue } = assignmentFunction(assignment);
  const layers: LayerValue[] = [];
  const kept = new Map<string, string[]>();
  const keep = (name: string, why: string) => kept.set(why, [...(kept.get(why) ?? []), name]);
  for (const spectrum of spectra) {
    const { name, eigenvalues, flags } = spectrum;
    const value = spectrum[metric];
    if (exclude.some((pattern) => matchesName(pattern, name))) continue;
    if (eigenvalues.length > 0 && eigenvalues.length < minEigenvalues) {
      keep(name, `fewer than ${minEigenvalues} eigenvalues (minEigenvalues)`);
    } else if (value === null || !Number.isFinite(value)) {
      keep(name, flags.join('; ') || `no ${metric}`);
    } else if (value < smallestValue) {
      keep(name, `${assignment.function} takes no ${metric} below ${smallestValue}`);
    } else {
      layers.push({ name, value });
    }
  }
  const warnings = [...kept].map(([why, names]) => {
    if (names.length === 1) return `${names[0]}: keeps the base rate, ${why}`;
    const all = names.length === spectra.length;
    return `${all ? `all ${names.length} layers` : names.join(', ')}: keep the base rate, ${why}`;
  });
  return { layers, warnings };
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
  const names = new Set([...report.layers.map(({ name }) => name), ...parameters.flatMap(({ layer }) => layer ?? [])]);
  return exclude
    .filter((pattern) => ![...names].some((name) => matchesName(pattern, name)))
    .map((pattern) => `exclude: "${pattern}" matches no layer; ${didYouMean(pattern, [...names])}`.replace(/; $/, ''));
}
