import { randomFor } from '../../core/random.ts';
import { splitTrajectories } from '../../datasets/split.ts';
import type { Trajectories } from '../../datasets/trajectories.ts';
import type { Engine } from '../../engines/engine.ts';
import { buildModel, type ModelConfig } from '../../models/registry.ts';
import type { TrainingConfig } from '../config.ts';
import { learningRateCurve } from '../learning-rate-curves/registry.ts';
import { pdeMetrics } from '../metrics/registry.ts';
import { buildOptimizer } from '../optimizers/registry.ts';
import { predictAll } from '../predict.ts';
import { stepsPerEpoch, trainEpoch } from '../train-epoch.ts';
import type { Workload } from '../workload.ts';
import { framesAfter } from './frames.ts';

/**
 * A model of time-dependent fields, trained and evaluated on autoregressive roll-outs.
 * @throws UserError when model, data and training settings don't fit each other.
 */
export function trajectoryWorkload(options: {
  engine: Engine;
  model: ModelConfig;
  data: Trajectories;
  /** Time steps that the model is given. */
  window: number;
  training: TrainingConfig;
}): Workload {
  const { engine, data, window, training: settings } = options;
  const { seed, batchSize, epochs } = settings;
  const { training, validation } = splitTrajectories(data, { validation: settings.validation, seed });
  const space = data.shape.slice(1, -2);
  const [times, channels] = data.shape.slice(-2) as [number, number];
  const rolloutSteps = times - window;
  const format = { kind: data.kind, space, channels, window };
  const model = buildModel(options.model, format);
  const optimizer = buildOptimizer(settings.optimizer, model.parameters);
  const curve = learningRateCurve(settings.schedule, {
    stepsPerEpoch: stepsPerEpoch(training.shape[0]!, batchSize),
    epochs,
  });
  const targets = framesAfter(validation, window);

  return {
    parameters: model.parameters,
    layers: model.layers,
    engine: engine.version,
    data: {
      trainingSamples: training.shape[0]!,
      validationSamples: validation.shape[0]!,
      space,
      channels: data.channels,
      window,
      rolloutSteps,
    },
    modelConfig: { ...options.model, weights: undefined, ...format },
    initialise: () => model.initialise(randomFor(seed, 'initialise')),
    train: (epoch, parameters, state, rates, onStep) =>
      trainEpoch({
        engine,
        model,
        optimizer,
        parameters,
        state,
        data: training,
        window,
        rolloutSteps,
        batchSize,
        seed,
        epoch,
        baseRate: (step) => settings.learningRate * curve(step),
        weightDecay: settings.weightDecay,
        rates,
        onStep,
      }),
    async evaluate(parameters) {
      const predicted = await predictAll({
        engine,
        model,
        parameters,
        data: validation,
        window,
        rolloutSteps,
        batchSize,
      });
      return pdeMetrics(predicted.data, targets, predicted.shape);
    },
  };
}
