/** What can be measured of which model, and which way is better. */
import type { ModelConfig } from '../../models/registry.ts';
import { classificationMetrics } from './classification.ts';
import { metrics as fieldMetrics } from './registry.ts';

type Direction = 'lower' | 'higher';

/** The keys of a table, as its names. */
function keysOf<Name extends string>(of: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(of) as Name[];
}

const directions = {
  ...directionsOf(fieldMetrics),
  ...directionsOf(classificationMetrics),
  loss: 'lower',
  perplexity: 'lower',
} as const satisfies Record<string, Direction>;

export type MetricName = keyof typeof directions;
export const metricNames = Object.keys(directions) as [MetricName, ...MetricName[]];

function directionsOf<Name extends string>(
  of: Readonly<Record<Name, { readonly direction: Direction }>>,
): Record<Name, Direction> {
  return Object.fromEntries(keysOf(of).map((name) => [name, of[name].direction])) as Record<Name, Direction>;
}

export function directionOf(metric: MetricName): Direction {
  return directions[metric];
}

/** The metrics of a model; the first decides which epoch is best where the settings name none. */
export function metricsFor(model: ModelConfig): readonly [MetricName, ...MetricName[]] {
  if (model.family !== 'huggingface') return ['nRMSE', ...keysOf(fieldMetrics).filter((name) => name !== 'nRMSE')];
  if (model.task !== 'classification') return ['loss', 'perplexity'];
  return ['accuracy', ...keysOf(classificationMetrics).filter((name) => name !== 'accuracy'), 'loss'];
}
