import { RunError, UserError } from '../../core/errors.ts';
import { randomFor } from '../../core/random.ts';
import { splitTrajectories } from '../../datasets/split.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';
import type { Engine } from '../../engines/engine.ts';
import type { FieldModel } from '../../models/model.ts';
import { readPretrained } from '../../models/pretrained.ts';
import { buildModel, type FieldModelConfig } from '../../models/registry.ts';
import { microBatchSize } from '../batches.ts';
import type { TrainingConfig } from '../config.ts';
import { withAverage } from '../ema.ts';
import { learningRateCurve } from '../learning-rate-curves/registry.ts';
import { pdeMetrics } from '../metrics/registry.ts';
import { buildOptimizer, optimizerFlops, optimizerWarnings } from '../optimizers/registry.ts';
import { predictAll } from '../predict.ts';
import { gradientsPerStep } from '../sam.ts';
import type { EvaluationData, StartablePlan, Workload, WorkloadPlan } from '../workload.ts';
import { checkTargets } from './blank-targets.ts';
import { framesAfter } from './frames.ts';
import { sharedFields } from './shared-fields.ts';
import { trainingOf } from './training-of.ts';
import { trajectoryProblem } from './trajectory-problem.ts';

/**
 * A model of time-dependent fields, trained and evaluated on autoregressive roll-outs.
 * @throws UserError when model, data and training settings don't fit each other.
 */
export function planTrajectories(options: {
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
}): StartablePlan {
  const { data, test, window, training: settings } = options;
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
  const plan: WorkloadPlan = {
    parameters,
    layers,
    stepsPerEpoch: problem.stepsPerEpoch,
    stepFlops:
      3 * model.forwardFlops * batchSize * rolloutSteps * gradientsPerStep(sam) +
      optimizerFlops(settings.optimizer, parameters),
    data: {
      trainingSamples: training.shape[0]!,
      validationSamples: validation.shape[0]!,
      ...(test ? { testSamples: test.shape[0]! } : {}),
      space,
      channels: data.channels,
      window,
      rolloutSteps,
    },
    warnings: [
      ...checkTargets({ ...options, judged: validation }),
      ...(test ? testWarnings({ ...options, test, training, validation }) : []),
      ...optimizerWarnings(settings.optimizer, parameters),
    ],
    ...drawnOf(options, model),
    async initial(tell) {
      const fresh = () => model.initialise(randomFor(seed, 'initialise'));
      if (!options.weights) return fresh();
      const freshHead = options.model.head === 'fresh' ? fresh : undefined;
      return readPretrained(await options.weights(), model, { freshHead, tell });
    },
  };
  const on = (engine: Engine): Workload => {
    const sides = { validation, test };
    const targets = new Map<EvaluationData, Float32Array>();
    return {
      ...plan,
      engine: engine.version,
      train: trainingOf(engine, problem, optimizer, curve, settings),
      async evaluate(values, on = 'validation') {
        const side = sides[on];
        if (!side) throw new RunError('there are no test data');
        const expected = targets.get(on) ?? framesAfter(side, window);
        targets.set(on, expected);
        const predicted = await predictAll({
          ...shared,
          engine,
          batchSize: microBatchSize(batchSize, accumulate),
          parameters: values,
          data: side,
        });
        return { metrics: pdeMetrics(predicted.data, expected, predicted.shape) };
      },
    };
  };
  return { ...plan, on };
}

/**
 * What is drawn from the seed: all, or the head of pre-trained weights.
 * @throws UserError when there is no head of weights that could be replaced.
 */
function drawnOf(
  { model: settings, weights }: { model: FieldModelConfig; weights?: unknown },
  { head }: Pick<FieldModel, 'head'>,
): Pick<WorkloadPlan, 'drawn'> {
  if (settings.head !== 'fresh') return weights ? {} : { drawn: 'all' };
  if (weights && head) return { drawn: head };
  throw new UserError(
    weights
      ? `model ${settings.family} does not say which of its layers are its head`
      : 'model.head: fresh replaces layers of pre-trained weights, and there are none',
    {
      where: 'model.head',
      remedy: weights ? 'Leave it out.' : 'Set model.weights, or leave model.head out: without weights, all is drawn.',
    },
  );
}

/**
 * What the user should know of test data.
 * @throws UserError when the deciding metric could never be a finite number on them.
 */
function testWarnings(options: {
  test: Trajectories;
  training: Trajectories;
  validation: Trajectories;
  data: Trajectories;
  window: number;
  metric?: string;
  path?: string;
  testPath?: string | undefined;
}): string[] {
  const { test, training, validation, data, window, metric, path, testPath = path } = options;
  const isOtherGrid = test.grid.values.some((value, index) => value !== data.grid.values[index]);
  return [
    ...checkTargets({ data: test, judged: test, window, metric, path: testPath, kind: 'test' }),
    ...(isOtherGrid
      ? ['the coordinates of the test data are not those of the training data: the model is given them with their own']
      : []),
    ...sharedFields(test, training, 'training'),
    ...sharedFields(test, validation, 'validation'),
  ];
}
