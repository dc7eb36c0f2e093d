/** What happens in a run, as structured logs and as metrics. */
import type { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { comparisonOfRun } from '../shared/checkpoints/comparison-keys.ts';
import type { ProgressEvent } from '../shared/pipeline/context.ts';

/** Namespace and service come from the environment, which the deployment sets. */
const metrics = new Metrics();

/** Tells of an event: a log line, step by step only where details are asked for; what was spent counts as a metric of the run, or of the comparison that it is of. */
export function emitEvent(logger: Logger, event: ProgressEvent): void {
  if (event.type === 'warning') logger.warn(event.message);
  else if (event.type === 'step') logger.debug('step', { event });
  else logger.info(event.type, { event });
  if (event.type === 'spend') {
    const single = metrics.singleMetric();
    single.addDimension('run', (comparisonOfRun(event.run) ?? event.run).split('/').at(-1)!);
    single.addMetric('SpendUsd', MetricUnit.NoUnit, event.usd);
  }
}
