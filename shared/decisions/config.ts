import { z } from 'zod';
import { directionOf, type MetricName, metricNames } from '../training/metrics/names.ts';

export const budgetSchema = z
  .strictObject({
    hours: z
      .number()
      .positive()
      .optional()
      .describe(
        'Stop before the run takes longer than this, in hours; waiting for a machine counts, but no epoch is expected to wait.',
      ),
    usd: z
      .number()
      .positive()
      .optional()
      .describe(
        'Stop before the run costs more than this, in US dollars. A deployed run is metered by the price table; one on this machine needs usdPerHour.',
      ),
    usdPerHour: z
      .number()
      .positive()
      .optional()
      .describe('What an hour of this machine costs, in US dollars; without effect on a deployed run.'),
  })
  .describe('Limits; the run stops before the next epoch would exceed one, and leaves a usable model.');
export type Budget = z.infer<typeof budgetSchema>;

export const convergenceSchema = z
  .strictObject({
    metric: z
      .enum(metricNames)
      .optional()
      .describe(
        'The validation metric that decides which epoch is best, and of equal ones the lower validation loss; absent: nRMSE of fields, accuracy of classifiers, F1 of token-classification, loss of other language models.',
      ),
    direction: z
      .enum(['lower', 'higher'])
      .optional()
      .describe('Whether a lower or a higher value of the metric is better; follows from the metric.'),
    patience: z
      .int()
      .positive()
      .optional()
      .describe(
        'Stop after this many epochs in a row without improvement; absent: never. An equal value with a validation loss that is lower by more than a thousandth is an improvement. Counting begins with the model before training or, where some of it was drawn from the seed, with the first trained epoch.',
      ),
    minDelta: z.number().nonnegative().default(0).describe('A smaller change than this is no improvement.'),
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
