import { z } from 'zod';
import { directionOf, type MetricName, metricNames } from '../training/metrics/names.ts';

export const budgetSchema = z
  .strictObject({
    hours: z
      .number()
      .positive()
      .optional()
      .describe(
        'Stop before the run takes longer than this, in hours. Waiting for a machine counts; the estimate for the next epoch contains no waiting.',
      ),
    usd: z
      .number()
      .positive()
      .optional()
      .describe(
        'Stop before the run costs more than this, in US dollars. A deployed run is metered by the price table. A run on this machine needs usdPerHour.',
      ),
    usdPerHour: z
      .number()
      .positive()
      .optional()
      .describe('Price of an hour of this machine, in US dollars. It has no effect on a deployed run.'),
  })
  .describe('Limits of the run. It stops before the next epoch would exceed one, and leaves a usable model.');
export type Budget = z.infer<typeof budgetSchema>;

export const convergenceSchema = z
  .strictObject({
    metric: z
      .enum(metricNames)
      .optional()
      .describe(
        'The validation metric that decides which epoch is best. Among equal values, the lower validation loss wins. Absent: nRMSE for fields, accuracy for classifiers, F1 for token-classification, loss for other language models.',
      ),
    direction: z
      .enum(['lower', 'higher'])
      .optional()
      .describe('Whether a lower or a higher value of the metric is better. Absent: as the metric requires.'),
    patience: z
      .int()
      .positive()
      .optional()
      .describe(
        'Stop after this many epochs in a row without improvement. An equal value is an improvement if the validation loss is lower by more than a thousandth. Counting begins with the model before training; if parts of it were drawn from the seed, with the first trained epoch. Absent: never.',
      ),
    minDelta: z.number().nonnegative().default(0).describe('Smallest change that counts as an improvement.'),
    target: z.number().optional().describe('Stop as soon as the metric is at least this good.'),
  })
  .superRefine(({ metric, direction }, context) => {
    if (metric === undefined || direction === undefined) return;
    const better = directionOf(metric);
    if (direction !== better) {
      context.addIssue({
        code: 'custom',
        path: ['direction'],
        message: `can't be ${direction} for ${metric}, which is better when ${better}`,
      });
    }
  })
  .describe('When to stop before the last epoch, and which epoch is the best.');
/** The section `convergence` with metric and direction filled in for the model. */
export type Convergence = Omit<z.infer<typeof convergenceSchema>, 'metric' | 'direction'> & {
  metric: MetricName;
  direction: 'lower' | 'higher';
};
