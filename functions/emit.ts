/** Writes events of runs as structured logs and as metrics. */
import type { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { comparisonOfRun } from '../shared/checkpoints/comparison-keys.ts';
import type { ProgressEvent } from '../shared/pipeline/context.ts';

/** Namespace and service come from the environment, which the deployment sets. */
const metrics = new Metrics();

type EpochEvent = Extract<ProgressEvent, { type: 'epoch' }>;

/**
 * The metrics of an epoch, of its profile and not of its run: CloudWatch bills a metric for each value of a dimension, and there are many
 * runs. Those of comparisons, which try settings that do badly, are together below another name.
 */
function emitEpoch({
  run,
  profile = 'none',
  epoch,
  metric,
  trainLoss,
  alphaMean,
  epochSeconds,
  epochUsd,
}: EpochEvent): void {
  const values = [
    ['ValidationMetric', MetricUnit.NoUnit, metric.value],
    ['TrainLoss', MetricUnit.NoUnit, trainLoss],
    ['AlphaMean', MetricUnit.NoUnit, alphaMean],
    // The model before training is evaluated only: as an epoch it takes and costs little.
    ['EpochSeconds', MetricUnit.Seconds, epoch === 0 ? null : epochSeconds],
    ['EpochUsd', MetricUnit.NoUnit, epoch === 0 ? null : epochUsd],
  ] as const;
  const measured = new Metrics();
  measured.addDimension('profile', comparisonOfRun(run) === undefined ? profile : 'comparisons');
  for (const [name, unit, value] of values) {
    if (value !== null && Number.isFinite(value)) measured.addMetric(name, unit, value);
  }
  if (measured.hasStoredMetrics()) {
    measured.addMetadata('run', run);
    measured.addMetadata('epoch', String(epoch));
    measured.addMetadata('metric', metric.name);
    measured.publishStoredMetrics();
  }
}

/**
 * Tells of an event: a log line, step by step only where details are asked for. What was spent counts as a metric of the run, or of the
 * comparison that it is of; what an epoch came to as metrics of the profile.
 */
export function emitEvent(logger: Logger, event: ProgressEvent): void {
  if (event.type === 'warning') logger.warn(event.message);
  else if (event.type === 'step') logger.debug('step', { event });
  else logger.info(event.type, { event });
  if (event.type === 'epoch') emitEpoch(event);
  if (event.type === 'spend') {
    const single = metrics.singleMetric();
    single.addDimension('run', (comparisonOfRun(event.run) ?? event.run).split('/').at(-1)!);
    single.addMetric('SpendUsd', MetricUnit.NoUnit, event.usd);
  }
}
