import { RunError, UserError } from '../../core/errors.ts';
import { formatBytes } from '../../core/format.ts';
import { randomFor } from '../../core/random.ts';
import { recordGrid } from '../../datasets/coordinates.ts';
import { fitNormaliser, type NormaliserKind, normalised } from '../../datasets/normaliser.ts';
import { rowRanges } from '../../datasets/row-ranges.ts';
import { splitTrajectories } from '../../datasets/split.ts';
import { givenSteps, heldBytes, sampleBytes, type Trajectories } from '../../datasets/trajectories.ts';
import type { Engine } from '../../engines/engine.ts';
import type { FieldModel } from '../../models/model.ts';
import { withNormaliser } from '../../models/normalised.ts';
import { readPretrained } from '../../models/pretrained.ts';
import { buildModel, type FieldModelConfig } from '../../models/registry.ts';
import { microBatchSize } from '../batches.ts';
import type { TrainingConfig } from '../config.ts';
import { withAverage } from '../ema.ts';
import { learningRateCurve } from '../learning-rate-curves/registry.ts';
import { fieldLoss } from '../objectives/field-losses.ts';
import { type RolloutSettings, stepsWithoutLoss } from '../objectives/rollout.ts';
import { buildOptimizer, optimizerFlops, optimizerWarnings } from '../optimizers/registry.ts';
import { evaluateRollouts } from '../rollout-metrics.ts';
import { gradientsPerStep } from '../sam.ts';
import type { StartablePlan, StepWork, Workload, WorkloadPlan } from '../workload.ts';
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
  /** That models are judged by at every epoch; absent: some of the data, drawn by the seed, are held out. */
  validation?: Trajectories | undefined;
  /** The samples that a run is measured on when it ends; absent: there are none. */
  test?: Trajectories | undefined;
  /** Time steps that the model is given. */
  window: number;
  training: TrainingConfig;
  /** The kind of normaliser; absent: fields are not scaled. */
  normalise?: 'none' | NormaliserKind | undefined;
  /** Where pre-trained weights are, fetched if need be; absent: fresh ones. */
  weights?: (() => Promise<string>) | undefined;
  /** The metric that decides which epoch is best; absent: none does. */
  metric?: string;
  /** Path of the data, for messages. */
  path?: string;
  /** Path of a file to validate on, for messages; absent: that of the data. */
  validationPath?: string | undefined;
  /** Path of the file with the test data, for messages; absent: that of the data. */
  testPath?: string | undefined;
}): Promise<StartablePlan> {
  const { data, test, training: settings } = options;
  const window = givenSteps(data, options.window);
  const { seed, batchSize, accumulate, epochs } = settings;
  const { training, validation } = options.validation
    ? { training: data, validation: options.validation }
    : splitTrajectories(data, { validation: settings.validation, seed });
  refuseLargeBatch(data, microBatchSize(batchSize, accumulate));
  const space = data.shape.slice(1, -2);
  const [times, channels] = data.shape.slice(-2) as [number, number];
  const rolloutSteps = times - window;
  const { statics = [] } = data;
  const learning = learningOf(settings, data, { window, rolloutSteps });
  const learner = buildModel(options.model, { kind: data.kind, space, channels, window, statics: statics.length });
  const { normalise = 'none' } = options;
  const fitted = normalise === 'none' ? undefined : await fitNormaliser(normalise, training);
  const model = fitted ? withNormaliser(learner, fitted.normaliser, { window }) : learner;
  const { parameters, layers } = model;
  const optimizer = withAverage(buildOptimizer(settings.optimizer), settings.ema);
  const shared = { model, window, rolloutSteps };
  const problem = trajectoryProblem({
    ...shared,
    // Trained on normalised fields; in the data's own units everywhere else.
    model: learner,
    data: fitted ? normalised(training, fitted.normaliser) : training,
    batchSize,
    accumulate,
    seed,
    learning,
  });
  const curve = learningRateCurve(settings.schedule, { stepsPerEpoch: problem.stepsPerEpoch, epochs });
  const plan: WorkloadPlan = {
    parameters,
    layers,
    stepsPerEpoch: problem.stepsPerEpoch,
    ...stepWork(model, { learning, rolloutSteps, settings, samples: training.shape[0]!, parameters }),
    dataBytes: dataBytes([data, options.validation, test], microBatchSize(batchSize, accumulate)),
    data: {
      trainingSamples: training.shape[0]!,
      validationSamples: validation.shape[0]!,
      ...(test ? { testSamples: test.shape[0]! } : {}),
      space,
      channels: data.channels,
      ...(statics.length > 0 ? { statics } : {}),
      window,
      rolloutSteps,
      ...recordGrid(data),
      ...(fitted ? { normaliser: fitted.normaliser } : {}),
      trainingRows: rowRanges(training.rows),
      validationRows: rowRanges(validation.rows),
      ...(test ? { testRows: rowRanges(test.rows) } : {}),
    },
    warnings: [
      ...(data.notes ?? []),
      ...constantNotes(fitted?.constant),
      ...unrollNotes(settings, rolloutSteps),
      ...(await validationWarnings({ ...options, window, training, judged: validation })),
      ...(test ? await testWarnings({ ...options, window, test, training, validation }) : []),
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
    return {
      ...plan,
      engine: engine.version,
      train: trainingOf(engine, problem, optimizer, curve, settings),
      async evaluate(values, on = 'validation') {
        const side = sides[on];
        if (!side) throw new RunError('there are no test data');
        const batch = microBatchSize(batchSize, accumulate);
        return evaluateRollouts({ ...shared, engine, batchSize: batch, parameters: values, data: side });
      },
    };
  };
  return { ...plan, on };
}

/** What a step takes of a model. A step of the roll-out without a loss is a forward pass, of which nothing is kept. */
function stepWork(
  { forwardFlops, activations, once = { flops: 0, activations: 0 } }: FieldModel,
  {
    learning,
    rolloutSteps,
    settings: { batchSize, accumulate, sam, optimizer },
    samples,
    parameters,
  }: {
    readonly learning: RolloutSettings;
    readonly rolloutSteps: number;
    readonly settings: TrainingConfig;
    readonly samples: number;
    readonly parameters: FieldModel['parameters'];
  },
): Omit<StepWork, 'dataBytes'> {
  const untaught = stepsWithoutLoss(rolloutSteps, learning);
  const learnt = rolloutSteps - untaught;
  const batch = Math.min(batchSize, samples);
  const atOnce = Math.min(microBatchSize(batchSize, accumulate), samples);
  const parts = Math.ceil(batch / atOnce);
  const gradients = gradientsPerStep(sam);
  return {
    stepFlops:
      gradients * ((3 * learnt + untaught) * forwardFlops * batch + 3 * once.flops * parts) +
      optimizerFlops(optimizer, parameters),
    passes: gradients * rolloutSteps * parts,
    // What a forward pass moves in memory is a third of what it moves with its gradient.
    stepActivations: gradients * ((learnt + untaught / 3) * activations * batch + once.activations * parts),
    heldActivations: learnt * activations * atOnce + once.activations,
  };
}

/** Copies of a batch: as it is read, as the engine is given it, with time first, and its targets. */
const batchCopies = 4;

/** Bytes of the samples that are held, of each source by itself, and of a batch. */
function dataBytes(sources: readonly (Trajectories | undefined)[], batch: number): number {
  const sizes = sources.flatMap((source) => (source ? [source.shape[0]! * sampleBytes(source)] : []));
  const held = sizes.reduce((sum, bytes) => sum + (bytes <= heldBytes ? bytes : 0), 0);
  return held + batchCopies * Math.min(batch * sampleBytes(sources[0]!), sizes[0]!);
}

/**
 * What is learnt from.
 * @throws UserError when the data don't do for it.
 */
function learningOf(
  { loss, periodic, mode, unrollSteps }: TrainingConfig,
  { grid }: Trajectories,
  { window, rolloutSteps }: { readonly window: number; readonly rolloutSteps: number },
): RolloutSettings {
  if (mode === 'pushForward' && (window === 0 || rolloutSteps === 1)) {
    throw new UserError(
      window === 0
        ? 'pushForward learns from the end of a roll-out, and a static map has none'
        : 'pushForward learns from the end of a roll-out, and this one has one step',
      { where: 'training.mode', remedy: 'Leave it out.' },
    );
  }
  return { loss: fieldLoss({ loss, periodic }, grid), mode, unrollSteps };
}

const constantNotes = (constant: readonly string[] = []): string[] =>
  constant.length === 0
    ? []
    : [`${constant.join(', ')}: the same value everywhere in the training data, so it is only shifted, not scaled`];

const unrollNotes = ({ mode, unrollSteps }: TrainingConfig, steps: number): string[] =>
  mode !== 'pushForward' || stepsWithoutLoss(steps, { mode, unrollSteps }) > 0
    ? []
    : [
        `training.mode pushForward learns from all ${steps} steps of the roll-out, as rollout does: set training.unrollSteps to fewer`,
      ];

/** Bytes of a batch's fields beyond which a step is not tried: what is computed from them takes many times as much. */
const mostBatchBytes = 4 * 2 ** 30;

/** @throws UserError when the samples of a batch can't be in memory at once, with their size. */
function refuseLargeBatch(data: Trajectories, batch: number): void {
  const sample = sampleBytes(data);
  if (batch * sample <= mostBatchBytes) return;
  const fits = Math.floor(mostBatchBytes / sample);
  throw new UserError(
    `${batch} samples of ${formatBytes(sample)} each make ${formatBytes(batch * sample)}, and ${formatBytes(mostBatchBytes)} are computed at a time at most`,
    {
      where: 'training.batchSize',
      remedy:
        fits > 0
          ? `Compute at most ${fits} at a time: a smaller batchSize, or training.accumulate.`
          : 'Take fewer points or time steps of each: dataset.subsample, dataset.rolloutSteps.',
    },
  );
}

/**
 * What the user should know of the data, and of those to validate on.
 * @throws UserError when the deciding metric could never be a finite number on them.
 */
async function validationWarnings(options: {
  training: Trajectories;
  judged: Trajectories;
  data: Trajectories;
  validation?: Trajectories | undefined;
  window: number;
  metric?: string;
  path?: string;
  validationPath?: string | undefined;
}): Promise<string[]> {
  const { training, judged, data, validation, validationPath } = options;
  if (!validation) return checkTargets({ ...options, data, judged });
  const { window, metric, path } = options;
  return [
    // None of these is judged by.
    ...(await checkTargets({ data, judged: { ...data, rows: [] }, window, metric, path })),
    ...(await checkTargets({ data: validation, judged: validation, window, metric, path: validationPath ?? path })),
    ...otherGrid(judged, data, 'validation'),
    ...(await sharedFields(judged, training, 'training', 'validation')),
  ];
}

const otherGrid = (held: Trajectories, data: Trajectories, kind: string): string[] =>
  held.grid.values.some((value, index) => value !== data.grid.values[index])
    ? [`the coordinates of the ${kind} data are not those of the training data: the model is given them with their own`]
    : [];

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
  return [
    ...(await checkTargets({ data: test, judged: test, window, metric, path: testPath, kind: 'test' })),
    ...otherGrid(test, data, 'test'),
    ...(await sharedFields(test, training, 'training')),
    ...(await sharedFields(test, validation, 'validation')),
  ];
}
