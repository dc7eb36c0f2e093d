import type { Engine } from '../../engines/engine.ts';
import type { TrainingConfig } from '../config.ts';
import { withLayerDecay } from '../layer-decay.ts';
import type { LearningRateCurve } from '../learning-rate-curves/curve.ts';
import type { Optimizer } from '../optimizer.ts';
import type { Problem } from '../problem.ts';
import { trainEpoch } from '../train-epoch.ts';
import type { Workload } from '../workload.ts';

/** Training on a problem by a run's settings, for a workload. */
export function trainingOf(
  engine: Engine,
  problem: Problem,
  optimizer: Optimizer,
  curve: LearningRateCurve,
  { learningRate, layerDecay, weightDecay, clipNorm, sam }: TrainingConfig,
): Workload['train'] {
  return (epoch, parameters, state, rates, onStep) =>
    trainEpoch({
      engine,
      problem,
      optimizer,
      clipNorm,
      sam,
      parameters,
      state,
      donates: true,
      epoch,
      baseRate: (step) => learningRate * curve(step),
      weightDecay,
      rates: withLayerDecay(rates, problem.objective.parameters, layerDecay),
      onStep,
    });
}
