/** The metrics of each kind of model, and whether more or less is better. */
import type { ProblemType } from '../../datasets/text/problem-type.ts';
import type { ModelConfig } from '../../models/registry.ts';
import { classificationMetrics } from './classification.ts';
import { multiLabelMetrics } from './multi-label.ts';
import { metrics as fieldMetrics } from './registry.ts';
import { regressionMetrics } from './regression.ts';
import { taggingMetrics } from './tagging.ts';

type Direction = 'lower' | 'higher';

/** The keys of a table, as its names. */
function keysOf<Name extends string>(of: Readonly<Record<Name, unknown>>): [Name, ...Name[]] {
  return Object.keys(of) as [Name, ...Name[]];
}

const directions = {
  ...directionsOf(fieldMetrics),
  ...directionsOf(classificationMetrics),
  ...directionsOf(multiLabelMetrics),
  ...directionsOf(regressionMetrics),
  ...directionsOf(taggingMetrics),
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

/** The metrics of a classifier; the first decides which epoch is best where the settings name none. */
const metricsOfProblem: Readonly<Record<ProblemType, readonly [MetricName, ...MetricName[]]>> = {
  single_label_classification: [
    'accuracy',
    ...keysOf(classificationMetrics).filter((name) => name !== 'accuracy'),
    'loss',
  ],
  multi_label_classification: [...keysOf(multiLabelMetrics), 'loss'],
  regression: [...keysOf(regressionMetrics), 'loss'],
};

/** The metrics of a model; the first decides which epoch is best where the settings name none. */
export function metricsFor(model: ModelConfig): readonly [MetricName, ...MetricName[]] {
  if (model.family !== 'huggingface') return ['nRMSE', ...keysOf(fieldMetrics).filter((name) => name !== 'nRMSE')];
  if (model.task === 'token-classification') return [...keysOf(taggingMetrics), 'loss'];
  if (model.task === 'few-shot-classification') return metricsOfProblem.single_label_classification;
  if (model.task !== 'classification') return ['loss', 'perplexity'];
  if (model.problemType !== undefined) return metricsOfProblem[model.problemType];
  // The data may turn out to be of another problem type.
  const [first, ...others] = new Set(Object.values(metricsOfProblem).flat());
  return [first!, ...others];
}
