/** The rates of a checkpoint as text: a line for each layer. */
import { formatCount, formatFixed } from '../core/format.ts';
import { formatTable } from '../core/table.ts';
import type { CheckpointRates } from '../schedules/checkpoint-rates.ts';
import type { BalanceConfig } from '../schedules/config.ts';
import { describeMethod } from '../schedules/describe.ts';

/** Preset and kind, factor and rate of each layer with the number of its parameters, what has the base rate, warnings. */
export function formatRates(rates: CheckpointRates): string {
  const { source, kind, kindFrom, settings, parameters, layers, base, warnings, notes } = rates;
  const all = Object.values(parameters);
  const hasDecay = all.some(({ weightDecayFactor }) => weightDecayFactor !== 1);
  const hasRho = all.some(({ rhoFactor }) => rhoFactor !== undefined);
  const rateOf = (factor: number) =>
    base.learningRate === undefined ? [] : [(base.learningRate * factor).toPrecision(3)];
  const factorsOf = ({ learningRateFactor, weightDecayFactor, rhoFactor }: (typeof layers)[number]) => [
    formatFixed(learningRateFactor, 3),
    ...rateOf(learningRateFactor),
    ...(hasDecay ? [formatFixed(weightDecayFactor, 3)] : []),
    ...(hasRho ? [formatFixed(rhoFactor ?? 1, 3)] : []),
  ];
  const following = (name: string) => all.filter(({ layer }) => layer === name).length;
  const metric = (settings as BalanceConfig).metric;
  const others = all.filter(({ layer }) => layer === null);
  const raised = others.filter(({ learningRateFactor: factor }) => factor !== 1).length;
  return [
    source.path,
    `${kind === null ? 'any kind' : kind} (${kindFrom})${rates.known ? '' : ', an unknown model: parameters follow layers by their names'}`,
    describeMethod(settings as BalanceConfig),
    '',
    formatTable([
      [
        'layer',
        metric,
        'factor',
        ...(base.learningRate === undefined ? [] : ['learning rate']),
        ...(hasDecay ? ['of weight decay'] : []),
        ...(hasRho ? ['of rho'] : []),
        'parameters',
      ],
      ...layers.map((layer) => [layer.name, formatFixed(layer.value), ...factorsOf(layer), `${following(layer.name)}`]),
    ]),
    '',
    `${formatCount(all.length, 'parameter')}: ${all.length - others.length} follow a layer, ${others.length} follow none${raised > 0 ? ` (${raised} with the largest factor)` : ' and have the base rate'}`,
    ...[...warnings, ...notes].map((text) => `note: ${text}`),
  ].join('\n');
}
