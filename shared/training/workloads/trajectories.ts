import { RunError } from '../../core/errors.ts';
import { randomFor } from '../../core/random.ts';
import { splitTrajectories } from '../../datasets/split.ts';
import { givenSteps, type Trajectories } from '../../datasets/trajectories.ts';
import type { Engine } from '../../engines/engine.ts';
import { readPretrained } from '../../models/pretrained.ts';
import { buildModel, type FieldModelConfig } from '../../models/registry.ts';
import { elementCount, totalCount } from '../../tensors/tensor.ts';
import { microBatchSize, timeSteps } from '../batches.ts';
import type { TrainingConfig } from '../config.ts';
import { withAverage } from '../ema.ts';
import { learningRateCurve } from '../learning-rate-curves/registry.ts';
import { beginMetrics } from '../metrics/registry.ts';
import { buildOptimizer, optimizerFlops, optimizerWarnings } from '../optimizers/registry.ts';
import { predictEach } from '../predict.ts';
import { gradientsPerStep } from '../sam.ts';
import type { StartablePlan, Workload, WorkloadPlan } from '../workload.ts';
import { checkTargets } from './blank-targets.ts';
import { sharedFields } from './shared-fields.ts';
import { trainingOf } from './training-of.ts';
import { trajectoryProblem } from './trajectory-problem.ts';

/**
 * A model of time-dependent fields, trained and evaluated on autoregressive roll-outs.
 * @throws UserError when model, data and training settings don't fit each other.
 */
export async function planTrajectories(options: {
  model: FieldModelConfig;
  data: Trajectories;
  /** That a run is measured on when it ends; absent: there are none. */
  test?: Trajectories | undefined;
  /** Time steps that the model is given. */
  window: number;
  training: TrainingConfig;
  /** Where pre-trained weights are, fetched if need be; absent: fresh ones. */
  weights?: (() => Promise<string>) | undefined;
  /** The metric that decides which epoch is best; absent: none does. */
  metric?: string;
  /** Path of the data, for messages. */
  path?: string;
  /** Path of the file with the test data, for messages; absent: that of the data. */
  testPath?: string | undefined;
}): Promise<StartablePlan> {
  const { data, test, training: settings } = options;
  const window = givenSteps(data, options.window);
  const { seed, batchSize, accumulate, sam, epochs } = settings;
  const { training, validation } = splitTrajectories(data, { validation: settings.validation, seed });
  const space = data.shape.slice(1, -2);
  const [times, channels] = data.shape.slice(-2) as [number, number];
  const rolloutSteps = times - window;
  const { statics = [] } = data;
  const model = buildModel(options.model, { kind: data.kind, space, channels, window, statics: statics.length });
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
      ...(test ? { testSamples: test.shape[0]! } : {}),
      space,
      channels: data.channels,
      ...(statics.length > 0 ? { statics } : {}),
      window,
      rolloutSteps,
    },
    warnings: [
      ...(data.notes ?? []),
      ...(await checkTargets({ ...options, window, judged: validation })),
      ...(test ? await testWarnings({ ...options, window, test, training, validation }) : []),
      ...optimizerWarnings(settings.optimizer, parameters),
    ],
    ...(options.weights ? {} : { drawn: 'all' }),
    initial: async () =>
      options.weights
        ? readPretrained(await options.weights(), parameters)
        : model.initialise(randomFor(seed, 'initialise')),
  };
  const on = (engine: Engine): Workload => {
    const sides = { validation, test };
    return {
      ...plan,
      engine: engine.version,
      train: trainingOf(engine, problem, optimizer, curve, settings),
      async evaluate(values, on = 'validation') {
        const side = sides[on];
        if (!side) throw new RunError('there are no test data');
        const meter = beginMetrics([0, ...space, rolloutSteps, channels]);
        await predictEach(
          { ...shared, engine, batchSize: microBatchSize(batchSize, accumulate), parameters: values, data: side },
          ({ predicted, given }) => meter.add(predicted.data, timeSteps(given.values, window, rolloutSteps).data),
        );
        return { metrics: meter.values() };
      },
    };
  };
  return { ...plan, on };
}

/**
 * What the user should know of test data.
 * @throws UserError when the deciding metric could never be a finite number on them.
 */
async function testWarnings(options: {
  test: Trajectories;
  training: Trajectories;
  validation: Trajectories;
  data: Trajectories;
  window: number;
  metric?: string;
  path?: string;
  testPath?: string | undefined;
}): Promise<string[]> {
  const { test, training, validation, data, window, metric, path, testPath = path } = options;
  const isOtherGrid = test.grid.values.some((value, index) => value !== data.grid.values[index]);
  return [
    ...(await checkTargets({ data: test, judged: test, window, metric, path: testPath, kind: 'test' })),
    ...(isOtherGrid
      ? ['the coordinates of the test data are not those of the training data: the model is given them with their own']
      : []),
    ...(await sharedFields(test, training, 'training')),
    ...(await sharedFields(test, validation, 'validation')),
  ];
}
