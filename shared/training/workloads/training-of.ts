import type { Engine } from '../../engines/engine.ts';
import type { TrainingConfig } from '../config.ts';
import { withLayerDecay } from '../layer-decay.ts';
import type { LearningRateCurve } from '../learning-rate-curves/curve.ts';
import type { Optimizer } from '../optimizer.ts';
import type { Problem } from '../problem.ts';
import { type ParameterMultipliers, type Ramp, type RateChanges, trainEpoch } from '../train-epoch.ts';
import type { Workload } from '../workload.ts';

/** Training on a problem by a run's settings, for a workload. */
export function trainingOf(
  engine: Engine,
  problem: Problem,
  optimizer: Optimizer,
  curve: LearningRateCurve,
  { learningRate, layerDecay, weightDecay, clipNorm, sam }: TrainingConfig,
): Workload['train'] {
  const decayed = (multipliers: ParameterMultipliers) =>
    withLayerDecay(multipliers, problem.objective.parameters, layerDecay);
  const decayedRamp = (ramp: Ramp | undefined) => ramp && { ...ramp, from: decayed(ramp.from) };
  const decayedChanges = ({ after, set }: RateChanges): RateChanges => ({
    after,
    async set(step, read) {
      const { rates, ramp } = await set(step, read);
      return { rates: decayed(rates), ramp: decayedRamp(ramp) };
    },
  });
  return (epoch, parameters, state, rates, onStep, { ramp, changes } = {}) =>
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
      rates: decayed(rates),
      ramp: decayedRamp(ramp),
      changes: changes && decayedChanges(changes),
      onStep,
    });
}
