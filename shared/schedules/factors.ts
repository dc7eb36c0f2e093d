import { linearMap } from './assignments/linear-map.ts';
import { type AssignmentConfig, assignmentFunction } from './assignments/registry.ts';
import type { BalanceConfig } from './config.ts';
import { type ControlName, controlOf } from './controls/registry.ts';
import { overMean } from './mean.ts';
import { groupLayers, type LayerGroup, type LayerValue } from './units.ts';

/** One factor for each layer, and the layers that could not be balanced. */
export interface LayerFactors {
  readonly factors: readonly number[];
  readonly warnings: readonly string[];
}

/** The settings that turn layers' values into factors. */
export interface FactorSettings extends Pick<BalanceConfig, 'unit' | 'withinBlock' | 'normaliseMean'> {
  readonly assignment: AssignmentConfig;
  /** Absent: the factors as they are. */
  readonly control?: ControlName | undefined;
  /** Seed of what a control draws. */
  readonly seed: number;
}

/** Factors on the base rate from the layers' values: group, assign, spread within blocks, control, normalise. */
export function layerFactors(layers: readonly LayerValue[], settings: FactorSettings): LayerFactors {
  const groups = groupLayers(layers, settings.unit);
  const assigned = assignToGroups(groups, layers.length, settings);
  const factors: number[] = layers.map(() => 1);
  const warnings = [...assigned.warnings];
  groups.forEach((group, index) => {
    const within = settings.unit === 'layerInBlock' ? spreadInBlock(group, layers, settings.withinBlock) : undefined;
    if (within?.warning) warnings.push(within.warning);
    group.members.forEach((position, place) => {
      factors[position] = assigned.factors[index]! * (within?.factors[place] ?? 1);
    });
  });
  const controlled = applyControl(factors, layers, groups, settings);
  return { factors: settings.normaliseMean && factors.length > 0 ? overMean(controlled) : controlled, warnings };
}

/** The factors as `balance.control` changes them. Layers that share a factor, those of a block, go together. */
function applyControl(
  factors: readonly number[],
  layers: readonly LayerValue[],
  groups: readonly LayerGroup[],
  { unit, control, seed }: FactorSettings,
): number[] {
  if (control === undefined) return [...factors];
  const together =
    unit === 'layerInBlock'
      ? groups.flatMap(({ members }) => members.map((one) => [one]))
      : groups.map(({ members }) => members);
  const applied = controlOf(control).apply(
    together.map((members) => ({
      shape: members.map((position) => layers[position]!.shape.join('x')).join(', '),
      factor: factors[members[0]!]!,
    })),
    seed,
  );
  const after = [...factors];
  together.forEach((members, index) => {
    for (const position of members) after[position] = applied[index]!;
  });
  return after;
}

function assignToGroups(
  groups: readonly LayerGroup[],
  count: number,
  { assignment, unit }: Pick<FactorSettings, 'assignment' | 'unit'>,
): LayerFactors {
  const base = groups.map(() => 1);
  const kind = unit === 'layer' ? 'layer' : 'block';
  if (groups.length === 0) {
    const why =
      unit === 'layer' || count === 0
        ? 'no layer is left to balance'
        : `unit ${unit}: no layer's name holds a block number such as ".0."`;
    return { factors: [], warnings: [`${why}: every layer keeps the base rate`] };
  }
  const values = groups.map(({ value }) => value);
  if (groups.length === 1) {
    return { factors: base, warnings: [`${groups[0]!.name}: the only ${kind} to balance, so it keeps the base rate`] };
  }
  if (allEqual(values)) {
    return { factors: base, warnings: [`every ${kind} has the same value (${values[0]}): all keep the base rate`] };
  }
  return { factors: assignmentFunction(assignment).assign(values, assignment), warnings: [] };
}

function spreadInBlock(
  group: LayerGroup,
  layers: readonly LayerValue[],
  range: BalanceConfig['withinBlock'],
): { factors: number[]; warning?: string } {
  const values = group.members.map((position) => layers[position]!.value);
  if (!allEqual(values)) return { factors: linearMap.assign(values, { function: 'linearMap', ...range }) };
  return {
    factors: values.map(() => 1),
    warning: `${group.name}: ${values.length === 1 ? 'has one layer' : 'its layers have the same value'}, so the block's rate is not spread`,
  };
}

/** Whether the values differ by no more than rounding. */
function allEqual(values: readonly number[]): boolean {
  const high = Math.max(...values);
  const low = Math.min(...values);
  return high - low <= 1e-12 * Math.max(Math.abs(high), Math.abs(low));
}
