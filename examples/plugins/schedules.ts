/** Schedules: how the base rate changes over a run, and how values of layers become factors on it. */
import type { AssignmentFunction, LearningRateCurveFamily, Plugin, PluginKit } from 'tempbalance';

export default ({ z }: PluginKit): Plugin => {
  const inverseRoot: LearningRateCurveFamily<{ readonly warmupSteps: number }> = {
    name: 'inverseRoot',
    configSchema: z.strictObject({
      name: z.literal('inverseRoot').describe('Grows for some steps, then falls with the root of the step.'),
      warmupSteps: z.int().positive().default(10).describe('Steps that it grows for.'),
    }),
    build:
      ({ warmupSteps }) =>
      (step) =>
        Math.min((step + 1) / warmupSteps, Math.sqrt(warmupSteps / (step + 1))),
  };

  const byDeviation: AssignmentFunction<{ readonly strength: number }> = {
    name: 'byDeviation',
    configSchema: z.strictObject({
      function: z.literal('byDeviation').describe('1 plus the strength for each standard deviation above the mean.'),
      strength: z.number().min(0).max(0.5).default(0.1).describe('Change of the factor for one deviation.'),
    }),
    smallestValue: Number.NEGATIVE_INFINITY,
    assign(values, { strength }) {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
      const scores = values.map((value) => (deviation > 0 ? (value - mean) / deviation : 0));
      return scores.map((score) => 1 + strength * Math.max(-2, Math.min(2, score)));
    },
  };
  return { schedules: [inverseRoot], assignments: [byDeviation] };
};
