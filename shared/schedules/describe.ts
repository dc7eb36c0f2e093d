/** A run's balance settings in words, for plans, views, reports and cards. */
import { formatShape } from '../tensors/tensor.ts';
import { type BalanceConfig, type BalanceTarget, targetsOf } from './config.ts';
import { controlOf } from './controls/registry.ts';
import { type Coverage, notAnalysed } from './coverage.ts';

/** The effect of a run's balance settings, in words. */
export interface BalanceDescription {
  /** What factors follow from, and what they are on: `preset llr: linearMap of alpha, a factor for each layer, on the learning rate`. */
  readonly method: string;
  /** The share of the model that is balanced, in words. */
  readonly covered: string;
  /** When rates are set, to follow `Rates are`: `set 10 times in 100 steps, first before training`. */
  readonly timing: string;
  /** Remarks for the user, a sentence each. */
  readonly notes: readonly string[];
}

const targetNames: Readonly<Record<BalanceTarget, string>> = {
  learningRate: 'learning rate',
  weightDecay: 'weight decay',
  rho: 'radius of SAM',
};
const unitNames: Readonly<Record<BalanceConfig['unit'], string>> = {
  layer: 'a factor for each layer',
  block: 'a factor for each block',
  layerInBlock: 'a factor for each layer in its block',
};

/** The method: preset, map, metric, unit, target and control. */
export function describeMethod(config: BalanceConfig): string {
  const { preset, assignment, metric, unit, control } = config;
  const targets = targetsOf(config).map((target) => targetNames[target]);
  const begins = preset === undefined ? '' : `preset ${preset}: `;
  const ends = control === undefined ? '' : `; as the control ${control}: ${controlOf(control).effect}`;
  return `${begins}${assignment.function} of ${metric}, ${unitNames[unit]}, on the ${targets.join(' and the ')}${ends}`;
}

/** A share of parameters in per cent: `10`, `0.4`. */
function percentOf(part: number, whole: number): string {
  const share = (100 * part) / Math.max(1, whole);
  return share > 0 && share < 1 ? share.toPrecision(1) : share.toFixed(0);
}

/** `5 of 11 layers are balanced, 10 % of the parameters; the others keep the base rate`, with the reasons. */
export function describeCoverage(coverage: Coverage, config: Pick<BalanceConfig, 'target'>): string {
  const { balanced, layers, balancedParameters, raisedParameters, parameters } = coverage;
  const targets = targetsOf(config);
  const base = targets.length > 1 || targets[0] === 'learningRate' ? 'rate' : targetNames[targets[0]!];
  const isRaised = raisedParameters > 0;
  const raised = isRaised
    ? `; ${percentOf(raisedParameters, parameters)} % get the largest factor, as no spectrum is taken of them`
    : '';
  const others = coverage.others.filter(({ why }) => !(isRaised && why === notAnalysed));
  const reasons = others.map(({ why, names }) => `${listed(names)}: ${why}`).join('; ');
  const is = balanced.length === 1 ? 'is' : 'are';
  return `${balanced.length} of ${layers} layers ${is} balanced, ${percentOf(balancedParameters, parameters)} % of the parameters${raised}; all else keeps the base ${base}${reasons ? ` (${reasons})` : ''}`;
}

const mostNames = 4;
const listed = (names: readonly string[]) =>
  names.length <= mostNames
    ? names.join(', ')
    : `${names.slice(0, mostNames - 1).join(', ')} and ${names.length - mostNames + 1} more`;

/** Why there is nothing to balance, in words; empty where there is. */
export function nothingToCompare({ balanced, units }: Coverage, { unit }: Pick<BalanceConfig, 'unit'>): string[] {
  if (balanced.length === 0) return ['nothing is balanced by these settings: all keeps the base rate'];
  if (units > 1) return [];
  return [
    `there is only one ${unit === 'layer' ? 'layer' : 'block'} to balance: it has nothing to be compared with, and keeps the base rate`,
  ];
}

/** The remark that layers of unlike shapes are compared by a metric that depends on the shape; empty where they are not. */
export function unlikeShapes(
  { shapes }: Coverage,
  { unit, metric, control }: Pick<BalanceConfig, 'unit' | 'metric' | 'control'>,
): string[] {
  if (unit !== 'layer' || metric === 'farmsAlpha' || shapes.length < 2) return [];
  const some = `${shapes.slice(0, 3).map(formatShape).join(', ')}${shapes.length > 3 ? ', …' : ''}`;
  const advice = control === 'byShape' ? '' : ', and control: byShape shows what of the effect is shape';
  return [
    `balance.unit is layer, and the balanced layers have unlike shapes (${some}): ${metric} mostly follows the shape of a layer, so each shape gets a factor of its own; metric: farmsAlpha does not depend on it${advice}`,
  ];
}
