import type { ParameterSpec } from '../tensors/layer.ts';

/**
 * Factors on the base rates, by parameter name; a parameter that is absent trains at the base rate. `layerDecay` is the part of
 * `learningRate` that is due to the parameter's depth; it is in `learningRate` already.
 */
export type ParameterMultipliers = Readonly<
  Record<string, { learningRate: number; weightDecay: number; rho?: number; layerDecay?: number }>
>;

/** Multipliers that move to those of an epoch in a straight line over steps. */
export interface Ramp {
  /** Where they come from; a parameter that is absent comes from the base rate. */
  readonly from: ParameterMultipliers;
  /** Steps of the run that were taken before the first of the ramp. */
  readonly begins: number;
  /** Optimizer steps that it takes: the last of them has the multipliers that it leads to. */
  readonly steps: number;
}

/** How much of the way a ramp is at a step (0 for the first of the run), from 0 to 1. */
export const rampShare = (ramp: Ramp | undefined, step: number): number =>
  ramp === undefined || ramp.steps === 0 ? 1 : Math.min(1, Math.max(0, (step + 1 - ramp.begins) / ramp.steps));

/** Multipliers at a share of the way; to the bit those of the end at 1. */
export function multipliersAlong(
  from: ParameterMultipliers,
  to: ParameterMultipliers,
  share: number,
): ParameterMultipliers {
  if (share === 1) return to;
  const base: ParameterMultipliers[string] = { learningRate: 1, weightDecay: 1 };
  const between = (a = 1, b = 1) => a + (b - a) * share;
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const [a, b] = [from[name] ?? base, to[name] ?? base];
      const rho = a.rho === undefined && b.rho === undefined ? {} : { rho: between(a.rho, b.rho) };
      return [
        name,
        {
          learningRate: between(a.learningRate, b.learningRate),
          weightDecay: between(a.weightDecay, b.weightDecay),
          ...rho,
          ...(b.layerDecay === undefined ? {} : { layerDecay: b.layerDecay }),
        },
      ];
    }),
  );
}

/** The base values that factors multiply. */
export interface BaseRates {
  readonly weightDecay: number;
  /** The radius of SAM; absent: SAM is off. */
  readonly rho?: number | undefined;
}

/** Parameters that train with the same rates, for one epoch: the base rate of each step times the multiplier. */
export interface RateGroup {
  /** The layer's name, or the parameter's where it belongs to none. */
  readonly group: string;
  readonly parameters: readonly string[];
  readonly learningRateMultiplier: number;
  readonly weightDecayMultiplier: number;
  /** 0 where decay does not apply. */
  readonly weightDecay: number;
  /** With `training.layerDecay`: its part of the learning rate's multiplier. */
  readonly layerDecay?: number;
  /** With SAM: the factor on its radius, and how far these parameters go. */
  readonly rhoMultiplier?: number;
  readonly rho?: number;
}

/** Parameters of one layer that have the same multipliers form one group. */
export function groupRates(
  specs: readonly ParameterSpec[],
  multipliers: ParameterMultipliers,
  base: BaseRates,
): RateGroup[] {
  const groups = new Map<string, RateGroup & { parameters: string[] }>();
  for (const { name, layer, decay } of specs) {
    const { learningRate = 1, weightDecay = 1, rho = 1, layerDecay } = multipliers[name] ?? {};
    const group = layer ?? name;
    const key = JSON.stringify([group, learningRate, weightDecay, decay, rho]);
    const existing = groups.get(key);
    if (existing) {
      existing.parameters.push(name);
      continue;
    }
    groups.set(key, {
      group,
      parameters: [name],
      learningRateMultiplier: learningRate,
      weightDecayMultiplier: weightDecay,
      weightDecay: decay ? base.weightDecay * weightDecay : 0,
      ...(layerDecay === undefined ? {} : { layerDecay }),
      ...(base.rho === undefined ? {} : { rhoMultiplier: rho, rho: base.rho * rho }),
    });
  }
  return [...groups.values()];
}
