import { randomFor } from '../../core/random.ts';
import { splitTrajectories } from '../../datasets/split.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';
import type { Engine } from '../../engines/engine.ts';
import { readPretrained } from '../../models/pretrained.ts';
import { buildModel, type FieldModelConfig } from '../../models/registry.ts';
import { elementCount, totalCount } from '../../tensors/tensor.ts';
import { microBatchSize } from '../batches.ts';
import type { TrainingConfig } from '../config.ts';
import { withAverage } from '../ema.ts';
import { learningRateCurve } from '../learning-rate-curves/registry.ts';
import { pdeMetrics } from '../metrics/registry.ts';
import { buildOptimizer, optimizerFlops, optimizerWarnings } from '../optimizers/registry.ts';
import { predictAll } from '../predict.ts';
import { gradientsPerStep } from '../sam.ts';
import type { StartablePlan, Workload, WorkloadPlan } from '../workload.ts';
import { checkTargets } from './blank-targets.ts';
import { framesAfter } from './frames.ts';
import { trainingOf } from './training-of.ts';
import { trajectoryProblem } from './trajectory-problem.ts';

/**
 * A model of time-dependent fields, trained and evaluated on autoregressive roll-outs.
 * @throws UserError when model, data and training settings don't fit each other.
 */
export function planTrajectories(options: {
  model: FieldModelConfig;
  data: Trajectories;
  /** Time steps that the model is given. */
  window: number;
  training: TrainingConfig;
  /** Where pre-trained weights are, fetched if need be; absent: fresh ones. */
  weights?: (() => Promise<string>) | undefined;
  /** The metric that decides which epoch is best; absent: none does. */
  metric?: string;
  /** Path of the data, for messages. */
  path?: string;
}): StartablePlan {
  const { data, window, training: settings } = options;
  const { seed, batchSize, accumulate, sam, epochs } = settings;
  const { training, validation } = splitTrajectories(data, { validation: settings.validation, seed });
  const space = data.shape.slice(1, -2);
  const [times, channels] = data.shape.slice(-2) as [number, number];
  const rolloutSteps = times - window;
  const model = buildModel(options.model, { kind: data.kind, space, channels, window });
  const { parameters, layers } = model;
  const optimizer = withAverage(buildOptimizer(settings.optimizer), settings.ema);
  const shared = { model, window, rolloutSteps };
  const problem = trajectoryProblem({ ...shared, data: training, batchSize, accumulate, seed });
  const curve = learningRateCurve(settings.schedule, { stepsPerEpoch: problem.stepsPerEpoch, epochs });
  const weights = totalCount(parameters);
  const plan: WorkloadPlan = {
    parameters,
    layers,
    stepsPerEpoch: problem.stepsPerEpoch,
    stepFlops:
      6 * weights * elementCount(space) * batchSize * rolloutSteps * gradientsPerStep(sam) +
      optimizerFlops(settings.optimizer, parameters),
    data: {
      trainingSamples: training.shape[0]!,
      validationSamples: validation.shape[0]!,
      space,
      channels: data.channels,
      window,
      rolloutSteps,
    },
    warnings: [...checkTargets({ ...options, validation }), ...optimizerWarnings(settings.optimizer, parameters)],
    ...(options.weights ? {} : { drawn: 'all' }),
    initial: async () =>
      options.weights
        ? readPretrained(await options.weights(), parameters)
        : model.initialise(randomFor(seed, 'initialise')),
  };
  const on = (engine: Engine): Workload => {
    const targets = framesAfter(validation, window);
    return {
      ...plan,
      engine: engine.version,
      train: trainingOf(engine, problem, optimizer, curve, settings),
      async evaluate(values) {
        const predicted = await predictAll({
          ...shared,
          engine,
          batchSize: microBatchSize(batchSize, accumulate),
          parameters: values,
          data: validation,
        });
        return { metrics: pdeMetrics(predicted.data, targets, predicted.shape) };
      },
    };
  };
  return { ...plan, on };
}
