/** A run whose settings leave open what a classifier learns, once its model and data have been read. */
import { UserError } from '../core/errors.ts';
import type { ProblemType } from '../datasets/text/problem-type.ts';
import { directionOf, metricsFor } from '../training/metrics/names.ts';
import type { RunConfig } from './run-file.ts';

/**
 * The settings with the problem type that was found, and a metric that is measured of it. Settings that name one, and one label for each text, stay as
 * they are.
 * @throws UserError when the metric that they name is not measured.
 */
export function settleProblem(config: RunConfig, found: ProblemType | undefined): RunConfig {
  const { model, convergence } = config;
  if (model.family !== 'huggingface' || model.problemType !== undefined) return config;
  if (found === undefined || (found === 'single_label_classification' && isMeasured(config, found))) return config;
  const settled = { ...model, problemType: found };
  const offered = metricsFor(settled);
  const { metric: asked, ...others } = convergence;
  // Where none is named it is the first of a classifier of one label.
  const metric = offered.includes(asked) ? asked : asked === metricsFor(model)[0] ? offered[0] : undefined;
  if (metric === undefined) {
    throw new UserError(`${asked} is not measured of ${found}, which this model and data are`, {
      where: 'convergence.metric',
      remedy: `Choose one of ${offered.join(', ')}.`,
    });
  }
  return { ...config, model: settled, convergence: { ...others, metric, direction: directionOf(metric) } };
}

const isMeasured = ({ model, convergence: { metric } }: RunConfig, found: ProblemType): boolean =>
  model.family === 'huggingface' && metricsFor({ ...model, problemType: found }).includes(metric);

/** Settings that leave the problem type open, as it was found when the run began. */
export function settledBefore(config: RunConfig, before: RunConfig | undefined): RunConfig {
  const { model } = before ?? config;
  return settleProblem(config, model.family === 'huggingface' ? model.problemType : undefined);
}
